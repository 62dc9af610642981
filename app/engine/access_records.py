"""The record of access: who was refused what, and who changed the server, in the log.

A record without effects, as `joblog.app.history.notes.AccessNote` describes it. What
anybody can cause who reaches the port is bounded: of refusals there are so many records
a minute, and the next says how many there were besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joblog.app.engine.outbox import Outbox
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session

_REFUSALS_MAX: Final = 60
_WINDOW_MS: Final = 60_000
_WORD_BYTES_MAX: Final = 256
CHANGE: Final = "change"


class AccessRecords:
    """Writes them, where the settings ask for that."""

    def __init__(self, context: Context, outbox: Outbox) -> None:
        """Make the records of an engine.

        Args:
            context: the engine's.
            outbox: takes what is recorded.
        """
        self._context = context
        self._outbox = outbox
        self._window_until_ms = 0
        self._left = 0
        self._missed = 0

    @property
    def is_on(self) -> bool:
        """Whether there is a log, and the settings ask for records of access in it."""
        server = self._context.server
        wanted = server.config.log_access
        return (
            (wanted == "yes" or (wanted == "users" and server.users.are_set))
            and server.is_recording
            and not server.is_loading
            and server.alarm.disk_error is None
        )

    def note_login(self, session: Session) -> None:
        """Record who a client is now, who has logged in."""
        if not session.is_described and self.is_on:
            self._outbox.describe(session)

    def note_refusal(
        self, session: Session, reason: str, word: bytes, user: bytes
    ) -> None:
        """Record a refusal, unless there were many of late.

        Args:
            session: the client.
            reason: `auth`, `command`, `key` or `channel`.
            word: the command, the key or the channel.
            user: the user, or what somebody gave for its name.
        """
        if not self.is_on:
            return
        steady_ms = self._context.steady_ms
        if steady_ms >= self._window_until_ms:
            self._window_until_ms = steady_ms + _WINDOW_MS
            self._left = _REFUSALS_MAX
        if not self._left:
            self._missed += 1
            return
        self._left -= 1
        missed, self._missed = self._missed, 0
        if reason == "auth" and self._context.server.users.find(user) is None:
            user = b""  # it may be a password in a wrong place
        self._note(session, reason, word, user, missed)

    def note_change(self, session: Session, what: bytes) -> None:
        """Record that a client has changed the server; no password may be in it."""
        if self.is_on:
            self._note(session, CHANGE, what, session.user, 0)

    def _note(
        self, session: Session, what: str, word: bytes, user: bytes, missed: int
    ) -> None:
        note: dict[str, Any] = {
            "kind": "access",
            "what": what,
            "word": word[:_WORD_BYTES_MAX],
            "user": user,
            "address": session.address,
        }
        if missed:
            note["missed"] = missed
        self._outbox.note(session, note)
