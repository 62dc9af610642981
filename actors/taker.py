"""Taker: the log writer's part in taking another log's records.

    Take -> write what may be written -> sync -> write what waited for that -> Taken
    GoBack -> sync -> go back, in the syncer's thread -> WentBack

The log writer owns it. While it takes, nothing is appended: a server whose log is taken
from a master makes no records. A seal waits until no sync is under way.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.command_log import LogThatTakes
from joblog.actors.replica.mail import EndTaking, GoBack, Take, Taken, WentBack
from joblog.storage.cutting import Beginning, Piece
from joblog.storage.errors import (
    BusyError,
    ForeignFramesError,
    StorageError,
    WriteFailedError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.actors.command_log import CommandLog
    from joblog.storage.cutting import Cut

logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 0.1
_Message = Take | EndTaking | GoBack


class Taker:
    """Takes pieces, in order."""

    def __init__(self, writer: Any) -> None:
        """Take nothing yet, for the log writer."""
        self._writer = writer
        self._message: _Message | None = None
        self._waiting: list[_Message] = []
        self._left: list[Cut] = []
        self._went: list[Path | BusyError | None] = []
        self._has_begun = False

    @staticmethod
    def takes(log: CommandLog) -> bool:
        """Say whether a log's records are another's."""
        return isinstance(log, LogThatTakes) and log.is_taken

    def take(self, message: _Message) -> None:
        """Begin with what the keyspace sends."""
        self._waiting.append(message)
        self.go_on()

    def go_on(self) -> None:
        """Go on, where no sync is under way."""
        log: LogThatTakes | None = self._writer.free_log()
        while log is not None and (self._message or self._waiting):
            if self._message is None:
                message = self._message = self._waiting.pop(0)
                if isinstance(message, Take):
                    self._left = list(reversed(message.cuts))
            try:
                if not self._do(log):
                    return
            except ForeignFramesError as error:
                self._finish(log, str(error))
            except (WriteFailedError, OSError) as error:
                self._writer.retry_taking(error)
                return
            except StorageError as error:
                self._writer.give_up(str(error))
                return

    def _do(self, log: LogThatTakes) -> bool:
        """Do what can be done now; say whether that is all."""
        message = self._message
        if isinstance(message, EndTaking):
            log.end_taking(message.note)
            self._message, self._has_begun = None, False
            self._writer.note_taken(log)
            logger.warning("the log is this server's own, in term %d", log.epoch)
            return True
        if not self._has_begun:
            log.begin_taking()
            self._has_begun = True
        if isinstance(message, GoBack):
            return self._go_back(log, message)
        if self._write(log):
            self._finish(log, "")
            return True
        self._writer.sync_taken(log)
        return False

    def _go_back(self, log: LogThatTakes, message: GoBack) -> bool:
        """Go back once all is durable, and nobody makes a snapshot; say when it is."""
        if not self._went:
            if log.synced_seq < log.last_seq:
                self._writer.sync_taken(log)
            else:
                self._writer.do_aside(lambda: self._part(log, message))
            return False
        kept = self._went.pop()
        if isinstance(kept, BusyError):
            self._writer.loop.call_later(_AGAIN_SECONDS, self.go_on)
            return False
        self._message = None
        self._writer.note_taken(log)
        text = "" if kept is None else str(kept)
        message.inbox.post(WentBack(message.number, log.last_seq, text))
        return True

    def _part(self, log: LogThatTakes, message: GoBack) -> None:
        """Go back; in the syncer's thread."""
        try:
            self._went.append(log.go_back(message.parting))
        except BusyError as error:
            self._went.append(error)

    def _write(self, log: LogThatTakes) -> bool:
        """Write what may be written; say whether all is, durably."""
        while self._left:
            cut = self._left[-1]
            if isinstance(cut, Piece):
                if log.take(cut.data, cut.records):
                    return False
            elif isinstance(cut, Beginning):
                log.begin_anew(cut.header)
            else:
                log.take_seal(cut.footer, cut.header)
            self._left.pop()
        return log.synced_seq >= log.last_seq

    def _finish(self, log: LogThatTakes, why: str) -> None:
        """Tell the keyspace how far the log is, and why not further."""
        message, self._message = self._message, None
        assert isinstance(message, Take)
        self._writer.note_taken(log)
        message.inbox.post(Taken(message.number, log.last_seq, why))
