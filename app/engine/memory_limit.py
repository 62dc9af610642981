"""The memory limit: what happens near `maxmemory`, and above it.

    far below     nothing: it is looked ten times a second
    near          before each command it is looked how much is in use (`heap.Gauge`)
    above         keys go until it is less, by `maxmemory-policy`; where none may go,
                  commands that need memory are refused (the alarm MEMORY)

A key that goes is a DEL in the log, with its reason. Before one command no more is done
than `maxmemory-eviction-tenacity` allows; the rest is done between commands, a slice at
a time. Inside of a script or an EXEC nothing goes.

A table of keys grows at once, by as much again or more, and never shrinks while keys
go. If that counted, one SET could let a third of all keys go. Redis puts such growth
off while memory is short; Python does not ask. So what tables have grown by above the
limit does not count, up to an eighth of it (INFO's `mem_not_counted_for_evict`).

Source: Redis 7.2; see tests/parity/test_eviction.py.
"""

from __future__ import annotations

import enum
import logging
from sys import getsizeof
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from joblog.app.commands.server.memory import key_bytes
from joblog.app.state.alarm import LOADING, MEMORY, NEAR, PAST, REPLICA

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.candidates import Candidates
    from joblog.app.engine.outbox import Entry, Outbox
    from joblog.app.engine.pause import Pause
    from joblog.app.engine.uses import Uses
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

logger = logging.getLogger(__name__)

_NEAR_SHARE: Final = 8
_NEAR_LEAST: Final = 32 * 1024 * 1024
"""Near is an eighth below the limit, or what clients send in a tenth of a second."""

_TENACITY_USUAL: Final = 10
_TENACITY_MOST: Final = 100
_NS_EACH: Final = 50_000
_NS_USUAL: Final = 500_000
_GROWTH: Final = 1.15
"""How long a command may wait: as in Redis, 50 us for each step of tenacity up to 10,
from there on 15 % more with each, and without an end at 100."""

_RECORD_BYTES: Final = 555
"""What the record of an eviction takes until it is written: 510 bytes for the entry,
and the key, which goes with it. With less, each eviction would seem to have freed
nothing, and the more went the more would have to go."""

_GROWN_SHARE: Final = 8
"""By so much of the limit tables may have grown above it, and it does not count."""

_LOOK_AGAIN: Final = 16
_NS_PER_MS: Final = 1_000_000


class _Result(enum.Enum):
    """How an attempt to make room has ended."""

    ENOUGH = enum.auto()
    UNDER_WAY = enum.auto()
    FAILED = enum.auto()


class MemoryLimit:
    """Keeps the server below `maxmemory`, as far as the policy allows.

    Attributes:
        tables: tells what tables of keys take; tests put another in its place.
    """

    def __init__(
        self,
        context: Context,
        outbox: Outbox,
        pause: Pause,
        uses: Uses,
        candidates: Candidates,
    ) -> None:
        """Keep an engine below its limit; changes of the settings are heeded.

        Args:
            context: the engine's.
            outbox: takes the records.
            pause: nothing goes while clients are paused.
            uses: the notes of when keys were used, which take memory too.
            candidates: choose which key goes.
        """
        self._context = context
        self._outbox = outbox
        self._pause = pause
        self._uses = uses
        self._candidates = candidates
        self._gauge = context.server.memory
        self._now_ns = perf_counter_ns
        self._seen_changes = -1
        self._leaving = 0
        self._recorded_in: list[Entry] = outbox.entries
        self._recorded = self._seen_recorded = 0
        self._looks = -1
        self._tables_below = 0
        self.tables: Callable[[], int] = self._table_bytes
        config, alarm = context.server.config, context.server.alarm
        config.on_change(self._begin, "maxmemory", "maxmemory_policy")
        alarm.note(NEAR, holds=config.maxmemory > 0)  # until it was looked

    def _begin(self) -> None:
        """Heed what was set; tell the operator of a limit below what is in use."""
        limit = self._context.server.config.maxmemory
        self._tables_below = self.tables()
        self._gauge.not_counted = 0
        if 0 < limit < self._gauge.look():
            logger.warning(
                "maxmemory is %d, and %d bytes are in use: keys are evicted, or writes "
                "refused, by maxmemory-policy",
                limit,
                self._gauge.used(),
            )
        self.watch()

    # --- looking ---------------------------------------------------------------------

    def watch(self) -> None:
        """Look how far the limit is; the engine calls it ten times a second."""
        server = self._context.server
        limit, alarm = server.config.maxmemory, server.alarm
        if not limit and not alarm.has(NEAR):
            return
        margin = max(limit // _NEAR_SHARE, _NEAR_LEAST)
        is_near = 0 < limit < self._gauge.used() + margin
        alarm.note(NEAR, holds=is_near)
        if is_near:
            self.make_room()
        else:
            self._note(_Result.ENOUGH)
            self._candidates.forget()

    def make_room(self, *, is_hungry: bool = False) -> None:
        """Let keys go if too much is in use; the guards call it before each command.

        Args:
            is_hungry: whether the command is refused where there is no room.
        """
        if self._is_busy():
            return  # nothing goes, and what was refused at its begin stays so
        tenacity = self._context.server.config.maxmemory_eviction_tenacity
        self._note(self._make_room(_limit_ns(tenacity), is_hungry=is_hungry))

    def make_room_for(self, nanoseconds: int) -> bool:
        """Let keys go for so long; say whether more have to."""
        if self._is_busy() or not self._context.server.alarm.has(NEAR):
            return False
        result = self._make_room(nanoseconds)
        self._note(result)
        return result is _Result.UNDER_WAY

    def _make_room(self, nanoseconds: int, *, is_hungry: bool = False) -> _Result:
        if not self._is_safe():
            return _Result.ENOUGH
        config, gauge = self._context.server.config, self._gauge
        limit = config.maxmemory
        self._forget_written()
        used = gauge.used()
        changes = self._context.keyspace.changes
        if used > limit and is_hungry and changes != self._seen_changes:
            # What a client has just removed is to count for what it asks for next.
            self._seen_changes = changes
            used = gauge.look_again()
        self._see(used, limit)
        not_counted = self._seen_recorded + gauge.not_counted
        over = used - limit - self._still_leaving() - not_counted
        if over <= 0:
            return _Result.ENOUGH
        if config.maxmemory_policy == "noeviction" or self._is_disk_full():
            return _Result.FAILED
        result = self._evict(over, nanoseconds)
        if result is _Result.FAILED:
            used = gauge.look()
            self._see(used, limit)
            if used - self._recorded - gauge.not_counted <= limit:
                return _Result.ENOUGH
        return result

    def _is_safe(self) -> bool:
        """Say whether keys may go, and commands be refused for want of memory."""
        server = self._context.server
        alarm = server.alarm
        # A replica lets go what its master lets go.
        is_elsewhere = any(map(alarm.has, (LOADING, PAST, REPLICA)))
        return server.config.maxmemory > 0 and not (is_elsewhere or self._pause.is_on)

    def _is_busy(self) -> bool:
        """Say whether a script or an EXEC is under way."""
        return self._context.unit is not None or self._context.scripts.is_running

    def _is_disk_full(self) -> bool:
        return self._context.server.alarm.disk_error is not None

    def _still_leaving(self) -> int:
        """Return how much is on its way out: large values are freed bit by bit."""
        freeing = self._context.keyspace.freeing
        if freeing is None or not freeing.pending:
            self._leaving = 0
        return self._leaving

    def _see(self, used: int, limit: int) -> None:
        """Note how much of what is in use does not count, as of the gauge's last look.

        That is the records of this turn's evictions: that of a small key takes more
        than the key gives, so that the more went the more would have to go. Redis does
        not count what it is to write either. And it is what tables have grown by since
        less than the limit was in use.
        """
        gauge = self._gauge
        if gauge.looks == self._looks:
            return
        self._looks = gauge.looks
        self._seen_recorded = self._recorded
        tables = self.tables()
        if used <= limit:
            self._tables_below = tables
        grown = max(tables - self._tables_below, 0)
        gauge.not_counted = min(grown, limit // _GROWN_SHARE)

    def _table_bytes(self) -> int:
        """Return what the tables of all keys take, and what eviction itself needs."""
        return (
            sum(
                getsizeof(database.values) + getsizeof(database.deadlines)
                for database in self._context.keyspace.databases
            )
            + self._uses.table_bytes()
            + self._candidates.listed_bytes()
        )

    def _forget_written(self) -> None:
        """Count anew once the records of a turn were taken to the log."""
        if self._outbox.entries is not self._recorded_in:
            self._recorded_in = self._outbox.entries
            if self._recorded:
                self._recorded = 0
                self._gauge.look()

    def _note(self, result: _Result) -> None:
        """Refuse commands where there is no room; count for how long there is none."""
        server = self._context.server
        server.alarm.note(MEMORY, holds=result is _Result.FAILED)
        server.excess.note(holds=result is not _Result.ENOUGH)

    # --- evicting --------------------------------------------------------------------

    def _evict(self, over: int, nanoseconds: int) -> _Result:
        """Let keys go that hold so many bytes together, as far as the time allows."""
        policy = self._context.server.config.maxmemory_policy
        began = self._now_ns()
        freed = count = deleting_ns = 0
        result = _Result.ENOUGH
        while freed < over:
            victim = self._candidates.choose(policy)
            if victim is None:
                result = _Result.FAILED
                break
            deleting_ns -= self._now_ns()
            freed += self._remove(*victim, policy)
            deleting_ns += self._now_ns()
            count += 1
            if not count % _LOOK_AGAIN and self._now_ns() - began > nanoseconds:
                result = _Result.UNDER_WAY
                break
        self._gauge.note_freed(freed)
        if count:
            self._seen_changes = self._context.keyspace.changes
            self._note_latency(b"eviction-del", deleting_ns)
            self._note_latency(b"eviction-cycle", self._now_ns() - began)
        return result

    def _remove(self, database: Database, key: bytes, policy: str) -> int:
        """Remove a key; return how many bytes it held."""
        keyspace = self._context.keyspace
        size = key_bytes(key, database.values[key])
        freeing = keyspace.freeing
        pending = 0 if freeing is None else freeing.pending
        database.delete(key)
        if freeing is not None and freeing.pending > pending:
            self._leaving += size
        if database.is_observed:
            keyspace.observe(database, key, b"evicted")
        self._outbox.record_evicted(database, key, policy)
        if self._context.server.is_recording:
            self._recorded += _RECORD_BYTES + len(key)
        return size

    def _note_latency(self, event: bytes, nanoseconds: int) -> None:
        server = self._context.server
        milliseconds = nanoseconds // _NS_PER_MS
        if 0 < server.config.latency_monitor_threshold <= milliseconds:
            server.note_latency(event, self._context.now_ms // 1000, milliseconds)


def _limit_ns(tenacity: int) -> int:
    """Return for how long one command may be kept waiting."""
    if tenacity <= _TENACITY_USUAL:
        return _NS_EACH * tenacity
    if tenacity < _TENACITY_MOST:
        return int(_NS_USUAL * _GROWTH ** (tenacity - _TENACITY_USUAL))
    return 1 << 60
