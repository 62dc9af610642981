"""Slow commands: what SLOWLOG and LATENCY keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from joblog.app.engine.script_text import SCRIPT_ADDRESS
from joblog.app.engine.shown_words import abbreviate
from joblog.app.state.server_state import SlowCommand
from joblog.app.table.table import Command, Flag

if TYPE_CHECKING:
    from joblog.app.engine.shown_commands import ShownCommands
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

_LOOK_NS: Final = 1_000_000
"""After a command that took longer the clock is read anew in any case."""


@final
class SlowCommands:
    """Keeps commands that took long.

    Attributes:
        above_ns: a command that takes longer is looked at: it may be slow.
        is_timing: whether delays are counted (`latency-tracking`).
        is_timing_all: whether a command is slow already where most take less than that.
    """

    def __init__(self, context: Context, shown: ShownCommands) -> None:
        """Keep what the settings ask for.

        Args:
            context: the engine's.
            shown: blots out passwords.
        """
        self._context = context
        self._shown = shown
        self.above_ns = 0
        self.is_timing = self.is_timing_all = False
        context.server.config.on_change(
            self._choose,
            "slowlog_log_slower_than",
            "latency_monitor_threshold",
            "latency_tracking",
        )
        self._choose()

    def _choose(self) -> None:
        """Note from how long on a command is looked at, by what the settings ask."""
        config = self._context.server.config
        looks = [_LOOK_NS]
        if config.slowlog_log_slower_than >= 0:
            looks.append(config.slowlog_log_slower_than * 1000 - 1)
        if config.latency_monitor_threshold > 0:
            looks.append(config.latency_monitor_threshold * 1_000_000 - 1)
        self.above_ns = min(looks)
        self.is_timing_all = self.above_ns < _LOOK_NS
        self.is_timing = config.latency_tracking
        for counts in self._context.server.counts:
            counts.untimed_most = 0

    def note(
        self, session: Session, command: Command, argv: Argv, nanoseconds: int
    ) -> None:
        """Keep a slow command for SLOWLOG, and its delay for LATENCY.

        That of a script has no address there, as in Redis 8.
        One that waits is kept when it has ended, with the time that it has run in all.
        """
        if session.waiter is not None:
            session.waiter.spent_ns = nanoseconds
            return
        server = self._context.server
        config = server.config
        now_seconds = self._context.now_ms // 1000
        threshold_ms = config.latency_monitor_threshold
        if 0 < threshold_ms <= nanoseconds // 1_000_000:
            event = b"fast-command" if command.flags & Flag.FAST else b"command"
            server.note_latency(event, now_seconds, nanoseconds // 1_000_000)
        threshold_us = config.slowlog_log_slower_than
        if threshold_us < 0 or nanoseconds < threshold_us * 1000:
            return
        if command.flags & Flag.SKIP_SLOWLOG:
            return
        server.slow_commands.appendleft(
            SlowCommand(
                server.slow_commands_seen,
                now_seconds,
                nanoseconds // 1000,
                abbreviate(self._shown.of(argv)),
                b"" if session.address == SCRIPT_ADDRESS else session.address.encode(),
                session.name,
            )
        )
        server.slow_commands_seen += 1
        while len(server.slow_commands) > config.slowlog_max_len:
            server.slow_commands.pop()
