"""The server's own log file: its lines, and the file or stream that they go to.

    4711 2026-11-29T20:53:21.042+00:00 NOTICE Ready to accept connections on port 6379
    {"time": "2026-11-29T20:53:21.042+00:00", "level": "notice", "pid": 4711, ...}

A line is one write to a file that is open to append, so that nothing is left behind in
a buffer and lines of several processes never mix. Whoever rotates the file may rename
it away: it is opened anew by its name before the next line, and at a SIGHUP. What
clients chose (names, a script's words) stands in a line with its control characters
escaped: nobody can write a line that this server did not.

A line that cannot be written (a full disk, a closed pipe) is counted, and told of as
soon as one can be: it must not stop the server.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final

from joblog.actors.service.log_levels import LEVELS, name_levels

if TYPE_CHECKING:
    from joblog.app.config import Config

_STREAMS: Final = {"": 1, "/dev/stdout": 1, "/dev/stderr": 2}
"""Those that are there already. To open them anew fails where they are sockets."""

_MODE: Final = 0o666
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TextLines(logging.Formatter):
    """Lines for people: process, time, level, message; a traceback follows a bug."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a line, without its end."""
        message = _CONTROL.sub(_escape, record.getMessage())
        text = f"{record.process} {_time_of(record)} {record.levelname} {message}"
        return f"{text}\n{trouble}" if (trouble := _trouble_of(self, record)) else text


class JsonLines(logging.Formatter):
    """Lines for collectors: each an object, also where there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a line, without its end."""
        fields: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage().encode(errors="replace").decode(),
        }
        if trouble := _trouble_of(self, record):
            fields["exception"] = trouble
        return json.dumps(fields, ensure_ascii=False)


class LogfmtLines(logging.Formatter):
    """Lines of words with names, as Valkey's `logfmt` writes them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a line, without its end."""
        words = f"{record.getMessage()} {_trouble_of(self, record)}".rstrip()
        shown = _CONTROL.sub(_escape, words.replace("\\", "\\\\").replace('"', '\\"'))
        return (
            f'pid={record.process} timestamp="{_time_of(record)}" '
            f'level={record.levelname.lower()} message="{shown}"'
        )


_FORMATS: Final = {
    "text": TextLines,
    "legacy": TextLines,
    "json": JsonLines,
    "logfmt": LogfmtLines,
}


def _time_of(record: logging.LogRecord) -> str:
    """Return when it was, in ISO 8601 with the offset of this machine's zone."""
    at = datetime.fromtimestamp(record.created).astimezone()
    return at.isoformat(timespec="milliseconds")


def _trouble_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return formatter.formatException(record.exc_info)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class LogFile(logging.Handler):
    """Writes lines to a file, or to the standard output where it has no name.

    Attributes:
        is_reopen_due: open the file anew before the next line, whatever is there.
    """

    def __init__(self, path: str) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        super().__init__()
        self._path = path
        self._is_stream = is_stream(path)
        self._lost = 0
        self._is_torn = False
        self.is_reopen_due = False
        self._file = _STREAMS[path] if self._is_stream else _open(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; or count it, where it cannot be written."""
        try:
            if not self._is_stream and (self.is_reopen_due or self._is_moved()):
                self._reopen()
            lines = self.format(record) + "\n"
            if self._lost:
                lines = self._tell_of_lost(record) + lines
            self._write(lines.encode(errors="replace"))
        except OSError:
            self._lost += 1
        else:
            self._lost = 0

    def _write(self, data: bytes) -> None:
        if self._is_torn:
            data = b"\n" + data
        while data:
            data = data[os.write(self._file, data) :]
            self._is_torn = bool(data)

    def close(self) -> None:
        """Close the file; the streams stay."""
        if not self._is_stream:
            self._is_stream = True
            os.close(self._file)
            self._file = _STREAMS[""]
        super().close()

    def _tell_of_lost(self, record: logging.LogRecord) -> str:
        text = f"{self._lost} lines before this one could not be written"
        level = logging.WARNING
        lost = logging.LogRecord(record.name, level, "", 0, text, None, None)
        return self.format(lost) + "\n"

    def _is_moved(self) -> bool:
        """Say whether the name leads to another file by now, or to none."""
        try:
            named = os.stat(self._path)  # noqa: PTH116 - once a line
        except OSError:
            return True
        ours = os.fstat(self._file)
        return (named.st_ino, named.st_dev) != (ours.st_ino, ours.st_dev)

    def _reopen(self) -> None:
        """Open the file by its name; where that fails, go on with the one there is."""
        self.is_reopen_due = False
        try:
            file = _open(self._path)
        except OSError:
            return
        old, self._file = self._file, file
        os.close(old)


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)


def is_stream(path: str) -> bool:
    """Say whether a log file's name means one of the standard streams."""
    return path in _STREAMS


def start_logging(config: Config) -> LogFile:
    """Have all lines written as the settings say, and follow CONFIG SET.

    Raises:
        OSError: the file cannot be opened.
    """
    name_levels()
    log_file = LogFile(config.logfile)
    root = logging.getLogger()

    def follow() -> None:
        root.setLevel(LEVELS[config.loglevel])
        log_file.setFormatter(_FORMATS[config.log_format]())

    follow()
    config.on_change(follow, "loglevel", "log_format")
    root.addHandler(log_file)
    # pykka tells of each actor that starts or stops: one for every client.
    logging.getLogger("pykka").setLevel(logging.WARNING)
    # Where a line cannot be written there is nobody to tell.
    logging.raiseExceptions = sys.flags.dev_mode
    return log_file
