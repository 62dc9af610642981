"""Failures: what one thing that fails may cost, and who is told.

    what fails                                           what it costs
    -------------------------------------------------    -------------------------------
    a call on a client's socket; mail or a timer of it   that client: it is closed
    an inquiry of a client (LOG.READ, CLIENT AT)         its answer, which is an error
    accept, or the first calls on the new socket         that connection
    accept, for want of descriptors or memory            new clients, for a moment
    memory for the reply to a command (-OOM)             that reply
    a login; a client where there are too many           that client
    anything else: a turn, the log writer, a timer       the server: memory may now be
                                                         other than the log says

The loop catches what its callbacks raise and asks whom it called (`Receiver.on_failure`
says whether that was all it costs); here it is told. Each kind writes a few lines a
minute, then one that says how many more there were: a client that fails for ever must
not fill the disk. INFO counts all of them.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.messages import Counted

if TYPE_CHECKING:
    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop

logger = logging.getLogger(__name__)

LINES_A_MINUTE: Final = 10
CHANGES_A_MINUTE: Final = 60
_MINUTE_SECONDS: Final = 60.0

_GONE: Final = frozenset(
    {
        *(errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN),
        *(errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH),
    }
)
"""What a socket says where the peer or the way to it is gone: nothing is wrong here."""


class BoundedLog:
    """Writes some lines a minute of one kind, then how many more there were."""

    def __init__(
        self, loop: Loop, kind: str, lines_a_minute: int = LINES_A_MINUTE
    ) -> None:
        """Make the log of a kind of lines; the loop's timer ends each minute."""
        self._loop = loop
        self._kind = kind
        self._lines_a_minute = lines_a_minute
        self._written = 0
        self._left_out = 0

    def write(
        self, level: int, text: str, *args: Any, error: Exception | None = None
    ) -> None:
        """Write a line, with an error's traceback where one is given, or count it."""
        if not logger.isEnabledFor(level):
            return
        if self._written == 0:
            self._loop.call_later(_MINUTE_SECONDS, self._end_minute)
        if self._written < self._lines_a_minute:
            self._written += 1
            logger.log(level, text, *args, exc_info=error)
            return
        if self._left_out == 0:
            logger.log(level, "more of that, %s, is only counted now", self._kind)
        self._left_out += 1

    def _end_minute(self) -> None:
        if self._left_out:
            logger.warning("%s: %d more in a minute", self._kind, self._left_out)
        self._written = self._left_out = 0


class Failures:
    """Tells the log and INFO what failed, kind by kind."""

    def __init__(self, loop: Loop, keyspace: Inbox) -> None:
        """Begin with none; the keyspace is mailed what INFO counts."""
        self._keyspace = keyspace
        self._of_clients = BoundedLog(loop, "clients that failed")
        self._of_accepts = BoundedLog(loop, "connections that could not be accepted")
        self._of_inquiries = BoundedLog(loop, "inquiries that failed")
        self._of_refused = BoundedLog(loop, "clients that were refused")
        self._of_logins = BoundedLog(loop, "logins that failed")
        self._of_changes = BoundedLog(
            loop, "commands that change the server", CHANGES_A_MINUTE
        )

    def note_client(self, client_id: int, address: str, error: Exception) -> None:
        """Tell that a client is closed for what failed; its close counts it."""
        text = "client id=%d address=%s closed: %s"
        self._write(self._of_clients, error, text, client_id, address, _say(error))

    def note_accept(self, error: Exception) -> None:
        """Tell that a connection came to nothing."""
        self.count("accept_errors")
        text = "cannot accept a client: %s"
        self._write(self._of_accepts, error, text, _say(error))

    def note_pause(self, error: OSError, seconds: float) -> None:
        """Tell that no client can be accepted for a moment."""
        self.count("accept_errors")
        self._of_accepts.write(
            logging.WARNING,
            "cannot accept clients: %s; those who are connected are served, others "
            "wait, and are tried again each %g s",
            _say(error),
            seconds,
        )

    def note_refused(self, address: str, reason: str) -> None:
        """Tell that a client was not let in, and why."""
        self.count("rejected_connections")
        text = "client address=%s refused: %s"
        self._of_refused.write(logging.WARNING, text, address, reason)

    def note_for_operator(self, kind: str, text: str) -> None:
        """Tell what a command did that an operator wants to know of.

        Args:
            kind: `login` for one that failed, `change` for all else.
            text: the line.
        """
        if kind == "login":
            self._of_logins.write(logging.WARNING, "%s", text)
        else:
            self._of_changes.write(logging.INFO, "%s", text)

    def note_inquiry(self, error: Exception) -> None:
        """Tell that an inquiry failed."""
        self.count("inquiry_errors")
        text = "a client asked for the log: %s"
        self._write(self._of_inquiries, error, text, _say(error))

    def count(self, statistic: str) -> None:
        """Add one to what INFO counts."""
        self._keyspace.post(Counted(statistic))

    def _write(self, log: BoundedLog, error: Exception, text: str, *args: Any) -> None:
        """Write a line: quietly where a peer is gone, with a traceback for a bug."""
        if isinstance(error, OSError):
            level = logging.DEBUG if error.errno in _GONE else logging.WARNING
            log.write(level, text, *args)
        elif isinstance(error, MemoryError):
            log.write(logging.WARNING, text, *args)
        else:
            log.write(logging.ERROR, text, *args, error=error)


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
