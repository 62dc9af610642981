"""redis.conf: lines of words, and the command line, which is more such lines.

A line is blank, a `#` comment, or a directive and its words, quoted as in an inline
command. Options on the command line are lines after the last line of the file, so that
they go before what the file says. An error is one line: file and line, directive, why
it is refused, what to do. It shows a value only where that is known to be no secret.

Source: Redis 7.0.15; see tests/app/test_config.py.
"""

from __future__ import annotations

import glob
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.config.kinds import decode, encode, quote
from joblog.app.words import split_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Opened = Callable[[str], str]

_INCLUDES_MAX = 16
_SHOWN_MAX = 200
STANDARD_INPUT = "standard input"
COMMAND_LINE = "command line"
_BARE = {"save": '""', "memory-only": "yes", "import-found": "yes"}
"""Options that may stand without a value, and what they mean then."""


class ConfigError(Exception):
    """The server must not start with this configuration; the text says why.

    Attributes:
        problems: all that is wrong with it, a line each.
    """

    def __init__(self, *problems: str) -> None:
        """Say what is wrong."""
        super().__init__("\n".join(problems))
        self.problems = problems


class Line(NamedTuple):
    """One line of a configuration.

    Attributes:
        number: counted from 1, within its file.
        text: without white space around it.
        words: its words, or None where quotes are unbalanced; none in a comment.
        path: the file that it stands in, or STANDARD_INPUT or COMMAND_LINE.
    """

    number: int
    text: str
    words: list[str] | None
    path: str = ""

    @property
    def place(self) -> str:
        """Where the line stands, for an error."""
        if self.path == COMMAND_LINE:
            return self.path
        return f"{self.path}:{self.number}"


class Source(NamedTuple):
    """What the command line asks for.

    Attributes:
        path: the absolute path of the configuration file, or None.
        text: the file's text; empty where there is none.
        piped: what came by standard input.
        options: the options, as lines of their own.
    """

    path: str | None
    text: str
    piped: str
    options: str

    def lines(self) -> Iterator[Line]:
        """Yield all lines, in the order in which they count."""
        yield from split_lines(self.text, self.path or "")
        yield from split_lines(self.piped, STANDARD_INPUT)
        yield from split_lines(self.options, COMMAND_LINE)


def read_arguments(arguments: Sequence[str], stdin: Callable[[], str]) -> Source:
    """Return the configuration that a command line means.

    Args:
        arguments: `[FILE] [--name value ...] [-]`, without the program's name.
        stdin: reads all of standard input; called where the last argument is `-`.

    Raises:
        ConfigError: the file cannot be read.
    """
    rest = list(arguments)
    path = None
    if rest and not rest[0].startswith("-"):
        path = str(Path(rest.pop(0)).absolute())
    piped = ""
    if rest and rest[-1] == "-":
        rest.pop()
        piped = stdin()
    text = read_text(path) if path is not None else ""
    return Source(path, text, piped, "\n".join(_option_lines(rest)))


def _option_lines(arguments: Sequence[str]) -> Iterator[str]:
    lines: list[list[str]] = []
    for argument in arguments:
        is_value_due = bool(lines) and len(lines[-1]) == 1 and lines[-1][0] not in _BARE
        if argument.startswith("--") and not (is_value_due and lines[-1][0]):
            lines.append([argument[2:]])
        elif lines:
            lines[-1].append(quote(argument))
        else:
            lines.append([quote(argument)])
    for line in lines:
        # `--save` without a value is the usual way to say `--save ""`.
        yield " ".join([*line, _BARE[line[0]]] if is_bare(line) else line)


def is_bare(line: Sequence[str]) -> bool:
    """Say whether an option stands without a value and may."""
    return len(line) == 1 and line[0] in _BARE


def read_text(path: str) -> str:
    """Return the text of a configuration file, whatever bytes are in it.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"Fatal error, can't open config file '{path}': {error.strerror}; name one "
            "that is there and that this user may read"
        ) from error


def split_lines(text: str, path: str = "") -> Iterator[Line]:
    """Yield every line of a text, comments and blank ones too.

    Args:
        text: the configuration.
        path: the file that it comes from.
    """
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r\n")
        if not line or line.startswith("#"):
            yield Line(number, line, [], path)
            continue
        words = split_words(encode(line))
        decoded = None if words is None else [decode(word) for word in words]
        yield Line(number, line, decoded, path)


def expand_includes(
    lines: Iterator[Line],
    problems: list[str],
    open_file: Opened = read_text,
    depth: int = 0,
) -> Iterator[Line]:
    """Yield the directives, each `include` replaced by what it includes.

    A pattern may match no file; a plain name must exist.

    Args:
        lines: the lines of a configuration.
        problems: gets what is wrong: unbalanced quotes, a file that cannot be read.
        open_file: returns the text of a file.
        depth: how many files include these lines.

    Raises:
        ConfigError: files include each other in a circle.
    """
    for line in lines:
        if line.words is None:
            reason = "Unbalanced quotes in configuration line; close them"
            problems.append(str(bad_line(line, reason)))
        elif line.words and line.words[0].lower() != "include":
            yield line
        elif line.words:
            for path in _included(line, problems, depth):
                try:
                    included = split_lines(open_file(path), path)
                except ConfigError as error:
                    problems += [f"{line.place}: include: {x}" for x in error.problems]
                    continue
                yield from expand_includes(included, problems, open_file, depth + 1)


def _included(line: Line, problems: list[str], depth: int) -> list[str]:
    """Return the paths that a line includes."""
    assert line.words
    words = line.words[1:]
    if len(words) != 1:
        reason = "wrong number of arguments; name one file"
    elif depth == _INCLUDES_MAX:
        # Not one of many: two includes in a circle would be found 2^16 times.
        reason = "files include each other in a circle; remove one include"
        raise bad_line(line, reason)
    else:
        return _found(words[0]) if glob.has_magic(words[0]) else words
    problems.append(str(bad_line(line, reason)))
    return []


def _found(pattern: str) -> list[str]:
    # Path.glob wants a folder of its own and refuses absolute patterns.
    return sorted(glob.glob(pattern))  # noqa: PTH207


def bad_line(line: Line, reason: str, *, shows_value: bool = False) -> ConfigError:
    """Return the error that names a line, in one line.

    Args:
        line: what is wrong.
        reason: why, and what to do.
        shows_value: whether its value may be read by whoever reads the error: it is
            known to be no secret.
    """
    directive = (line.text.split(None, 1) or [""])[0]
    shown = line.text if shows_value else directive
    return ConfigError(f"{line.place}: {_printable(shown)}: {reason}")


def _printable(text: str) -> str:
    """Return a text as a terminal may show it: a file may hold anything."""
    shown = "".join(x if x.isprintable() else "?" for x in text[:_SHOWN_MAX])
    return shown if len(text) <= _SHOWN_MAX else f"{shown}..."


def write_text(path: str, text: str) -> None:
    """Replace a configuration file in one step; a crash leaves the old or the new.

    Raises:
        OSError: it cannot be written; the old file is as it was, or where no more than
            its folder could not be synced, the new one is there.
    """
    target = Path(path).resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    number, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(encode(text))
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
