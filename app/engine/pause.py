"""CLIENT PAUSE: commands are postponed for a while, all of them or those that write.

While a master hands over to a replica (FAILOVER), those that write are as well.

A command that is postponed is not refused: its client waits, with all that it has sent
behind, and goes on when the pause ends. Nothing changes meanwhile, so no key is removed
because it has expired; it is only hidden.

Source: Redis 7.2; see tests/app/engine/test_pause.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.state.alarm import PAST, PAUSE, REPLICA
from joblog.app.table.table import Flag

if TYPE_CHECKING:
    from joblog.app.engine.outbox import Outbox
    from joblog.app.state.context import Context

_KEYS_A_STEP: Final = 1000
_FOR_EVER_MS: Final = (1 << 63) - 1
_WRITES: Final = Flag.WRITE | Flag.MAY_REPLICATE


class Pause:
    """Says which commands have to wait.

    Attributes:
        is_on: whether any do.
    """

    def __init__(self, context: Context, outbox: Outbox) -> None:
        """Make a pause that has not begun."""
        self._context = context
        self._outbox = outbox
        self._end_ms = 0
        self._is_for_all = False
        self._is_begun = self._is_held = False
        self.is_on = False

    def begin(self, pause_ms: int, *, is_for_all: bool) -> None:
        """Postpone commands for a time; a pause under way never becomes shorter.

        Args:
            pause_ms: for how long, in ms.
            is_for_all: whether commands that only read have to wait as well; one that
                is under way for all stays so.
        """
        self.end_if_due()
        end_ms = self._context.steady_ms + pause_ms
        self._end_ms = max(end_ms, self._end_ms) if self._is_begun else end_ms
        self._is_for_all = is_for_all or (self._is_begun and self._is_for_all)
        self._is_begun = True
        self._judge()

    def end(self) -> None:
        """Let all go on, but what waits for a failover."""
        if self._is_begun:
            self._is_begun = False
            self._judge()

    def hold(self, *, is_held: bool) -> None:
        """Let what writes wait while this server hands over."""
        self._is_held = is_held
        self._judge()

    def _judge(self) -> None:
        was_on = self.is_on
        self._set(is_on=self._is_begun or self._is_held)
        if was_on:
            # Of those who wait some may go on, though not all.
            self._outbox.is_resuming = True
        if was_on and not self.is_on:
            self._remove_hidden()

    def end_if_due(self) -> None:
        """Let all go on if the time has come."""
        if self._is_begun and self._context.steady_ms >= self._end_ms:
            self.end()

    def postpones(self, flags: Flag) -> bool:
        """Say whether a command of such flags has to wait."""
        self.end_if_due()
        if not self.is_on:
            return False
        if self._is_begun and self._is_for_all:
            return True
        return bool(flags & _WRITES)

    def status(self) -> dict[str, str | int]:
        """Return what INFO tells of the pause."""
        self.end_if_due()
        if not self.is_on:
            reason, actions, left_ms = "none", "none", 0
        elif self._is_held:
            reason, left_ms = "failover_in_progress", _FOR_EVER_MS
            actions = "all" if self._is_begun and self._is_for_all else "write"
        else:
            reason, actions = "client_pause", "all" if self._is_for_all else "write"
            left_ms = self._end_ms - self._context.steady_ms
        return {
            "paused_reason": reason,
            "paused_actions": actions,
            "paused_timeout_milliseconds": left_ms,
        }

    def hide_expired(self) -> None:
        """Remove no expired keys while it lasts, but in a transaction that began it.

        The rest of such a transaction may write, and must not meet a key that is only
        hidden; it calls this when it ends.
        """
        context = self._context
        alarm = context.server.alarm
        is_past = alarm.has(PAST) or self._outbox.discard is not None
        # A replica removes what has expired when its master says so.
        context.keyspace.is_expiring = not (is_past or alarm.has(REPLICA)) and (
            not self.is_on or context.unit is not None
        )

    def _remove_hidden(self) -> None:
        """Remove what was hidden, if the clock was set back meanwhile."""
        keyspace, now_ms = self._context.keyspace, self._context.now_ms
        if keyspace.now_ms > now_ms:
            while keyspace.expire_due(_KEYS_A_STEP):
                continue
            keyspace.now_ms = now_ms

    def _set(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self.hide_expired()
        self._context.server.alarm.note(PAUSE, holds=is_on)
