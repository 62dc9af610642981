"""Uses: when each key was last used, or how often.

    policy ...-lru     the time of the last use, in ms of the steady clock
    policy ...-lfu     minutes << 8 | counter, as Redis keeps it
    any other          nothing, until somebody asks for an OBJECT IDLETIME

To note each use costs every command a look at its keys. So it is done only while the
policy asks for it, or somebody has asked within the last hour how long a key was idle:
a reason to look at every command (`joblog.app.state.alarm`), by which the quick road is
closed. While none holds, a look-up does nothing for it.

Of a key that was not used since the notes began nothing is known, and it counts as used
then: idle times may be too short, never too long.

Source: Redis 7.2; see tests/parity/test_eviction.py.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING, Final

from joblog.app.errors import CommandError
from joblog.app.state.alarm import USES

if TYPE_CHECKING:
    from joblog.app.engine.observers import Observers
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.table.table import Command
    from joblog.app.words import Argv

FREQUENCY_FIRST: Final = 5
"""The counter of a new key: it gets the time to show that it is used."""

_FREQUENCY_MAX: Final = 255
_MS_PER_SECOND: Final = 1000
_MS_PER_MINUTE: Final = 60_000
_COUNTER_BITS: Final = 8
_ASKED_MS: Final = 3_600_000

_LEAVES: Final = (b"rename_from", b"move_from")
_ARRIVES: Final = (b"rename_to", b"move_to")
"""What was noted of a key goes with it under its new name."""

_LOOKS_ONLY: Final = frozenset(
    (
        *("debug|object", "exists", "expiretime", "memory|usage", "object|encoding"),
        *("object|freq", "object|idletime", "object|refcount", "pexpiretime", "pttl"),
        *("ttl", "type", "watch"),
    )
)
"""What these ask of a key is no use of it."""


class Uses:
    """Notes the uses of keys.

    Attributes:
        is_on: whether anything is noted.
        counts: whether it is how often; else when last.
    """

    def __init__(self, context: Context, observers: Observers) -> None:
        """Note what the policy asks for.

        Args:
            context: the engine's.
            observers: tell which keys come and go.
        """
        self._context = context
        self._observers = observers
        self.is_on = self.counts = False
        self._tables: list[dict[bytes, int]] = []
        self._positions: dict[int, tuple[int, ...] | None] = {}
        self._asked_ms: int | None = None
        self._begun_ms = self._clock_ms = 0
        self._carried: int | None = None
        context.server.config.on_change(self.choose, "maxmemory_policy")
        self.choose()

    def choose(self) -> None:
        """Note what is asked for from now on, anew where that is another thing."""
        policy = self._context.server.config.maxmemory_policy
        counts = policy.endswith("-lfu")
        is_on = counts or policy.endswith("-lru") or self._asked_ms is not None
        if (is_on, counts) == (self.is_on, self.counts):
            return
        self._begin(counts=counts)
        if is_on != self.is_on:
            self.is_on = is_on
            observers = self._observers
            change = observers.add_observer if is_on else observers.remove_observer
            change(self._note_change, self._note_replaced)
            self._context.server.alarm.note(USES, holds=is_on)

    def _begin(self, *, counts: bool) -> None:
        context = self._context
        self.counts = counts
        self._tables = [{} for _ in context.keyspace.databases]
        self._begun_ms = self._clock_ms = context.server.steady_ms()

    def rest(self) -> None:
        """Note no more where nobody has asked for a long time; the engine calls it."""
        asked_ms = self._asked_ms
        if asked_ms is not None and self._context.steady_ms - asked_ms > _ASKED_MS:
            self._asked_ms = None
            self.choose()

    # --- what is noted ---------------------------------------------------------------

    def note(
        self, session: Session | None, database: Database, command: Command, argv: Argv
    ) -> None:
        """Note that a command is about to use keys, those that are there.

        Args:
            session: whose command it is, or whose script's.
            database: where the keys are.
            command: the command.
            argv: the same, with its arguments.
        """
        if command.name in _LOOKS_ONLY or command.group == "scripting":
            return  # what a script does is noted of the commands that it calls
        if session is not None and session.no_touch and command.name != "touch":
            return
        positions = self._positions.get(command.number)
        if positions is None:
            positions = self._find_positions(command, argv)
        table, values = self._tables[database.index], database.values
        for at in positions:
            key = argv[at]
            if key in values:
                table[key] = self._again(table.get(key)) if self.counts else self._now()

    def _find_positions(self, command: Command, argv: Argv) -> tuple[int, ...]:
        """Return where the keys are; keep it where that is the same in each call."""
        if not command.keys or all(spec.is_only_first for spec in command.keys):
            positions = self._positions[command.number] = (1,) if command.keys else ()
            return positions
        try:
            return tuple(command.key_positions(argv))
        except CommandError:
            return ()  # its handler says what is wrong

    def _now(self) -> int:
        """Return the time; all notes of one moment are to hold one object."""
        steady_ms = self._context.steady_ms
        if steady_ms != self._clock_ms:
            self._clock_ms = steady_ms
        return self._clock_ms

    def _first(self) -> int:
        """Return the note of a new key."""
        return self._counted(FREQUENCY_FIRST) if self.counts else self._now()

    def _counted(self, counter: int) -> int:
        minutes = self._context.steady_ms // _MS_PER_MINUTE
        return minutes << _COUNTER_BITS | counter

    def _again(self, use: int | None) -> int:
        """Return the note of a key that is used once more; many uses count for one."""
        context = self._context
        counter = self._decayed(use)
        if counter < _FREQUENCY_MAX:
            above = max(counter - FREQUENCY_FIRST, 0)
            odds = above * context.server.config.lfu_log_factor + 1
            if odds == 1 or context.random.random() * odds < 1:
                counter += 1
        return self._counted(counter)

    def _decayed(self, use: int | None) -> int:
        """Return the counter, less one for each while in which there was no use."""
        if use is None:
            use = self._begun_ms // _MS_PER_MINUTE << _COUNTER_BITS | FREQUENCY_FIRST
        counter = use & _FREQUENCY_MAX
        minutes: int = self._context.server.config.lfu_decay_time
        if not minutes:
            return counter
        passed = self._context.steady_ms // _MS_PER_MINUTE - (use >> _COUNTER_BITS)
        return max(counter - passed // minutes, 0)

    def _note_change(self, database: Database, key: bytes, event: bytes) -> None:
        """Begin to note a key that has come; forget one that has gone."""
        table = self._tables[database.index]
        if key not in database.values:
            use = table.pop(key, None)
            if event in _LEAVES:
                self._carried = use
        elif event in _ARRIVES and self._carried is not None:
            table[key] = self._carried
            self._carried = None
        elif key not in table:
            table[key] = self._first()

    def _note_replaced(self, database: Database, other: Database | None) -> None:
        """Follow a FLUSHDB, or half of a SWAPDB: it is told of both databases."""
        tables = self._tables
        if other is None:
            tables[database.index] = {}
        elif database.index < other.index:
            at, to = database.index, other.index
            tables[at], tables[to] = tables[to], tables[at]

    def table_bytes(self) -> int:
        """Return how much memory the tables of notes take."""
        return sum(map(getsizeof, self._tables))

    # --- what is asked ---------------------------------------------------------------

    def ranks(self, index: int, keys: list[bytes]) -> list[int]:
        """Return how long keys of a database were not used, or how little they were.

        Of two keys the one with the higher rank goes first.
        """
        get, begun_ms = self._tables[index].get, self._begun_ms
        if self.counts:
            return [-self._decayed(get(key)) for key in keys]
        return [-get(key, begun_ms) for key in keys]

    def idle_ms(self, database: Database, key: bytes) -> int:
        """Return for how long a key was not used."""
        used_ms = self._tables[database.index].get(key, self._begun_ms)
        return max(self._context.steady_ms - used_ms, 0)

    def idle_seconds(self, database: Database, key: bytes) -> int:
        """Return for how many seconds a key was not used; note it from now on."""
        self._ask()
        return self.idle_ms(database, key) // _MS_PER_SECOND

    def known_idle_seconds(self, database: Database, key: bytes) -> int:
        """Return as `idle_seconds` does what is known already; 0 where nothing is."""
        if not self.is_on or self.counts:
            return 0
        return self.idle_ms(database, key) // _MS_PER_SECOND

    def frequency(self, database: Database, key: bytes) -> int:
        """Return the counter of a key, as it is by now."""
        return self._decayed(self._tables[database.index].get(key))

    def restore(
        self, database: Database, key: bytes, *, idle_seconds: int, frequency: int
    ) -> None:
        """Take what RESTORE says of a key, where that is what is noted.

        Args:
            database: where it is.
            key: the key, which is there.
            idle_seconds: for how long it was not used, or -1.
            frequency: its counter, or -1.
        """
        if self.counts:
            if frequency >= 0:
                self._tables[database.index][key] = self._counted(frequency)
        elif idle_seconds >= 0:
            self._ask()
            used_ms = self._context.steady_ms - idle_seconds * _MS_PER_SECOND
            self._tables[database.index][key] = used_ms

    def _ask(self) -> None:
        self._asked_ms = self._context.steady_ms
        if not self.is_on:
            self.choose()
