"""Statistics of a stretch of the log: who did what how often, and when.

Nothing is folded. What parts of the index have is counted once, when they are made (see
`summaries`), and added up. Memory is bounded: of keys, and of clients, only the busiest
are kept, so that the counts of the rarer ones are lower limits where there are many.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from joblog.app.history.notes import ScriptNote, read_note
from joblog.app.history.touched import changed_keys

if TYPE_CHECKING:
    from joblog.storage.record import Record

T = TypeVar("T")

_KEPT_MAX = 100_000
_TICKS_MAX = 4096
_BARS = "▁▂▃▄▅▆▇█"


class Statistics:
    """What a stretch of the log is made of.

    Attributes:
        records: how many records changed something.
        effects: how many effects they have.
        first_at_ms: the time of the first record; None for none.
        last_at_ms: the time of the last.
        commands: how often each command was given, by its name.
        clients: how many records each client caused, by its id.
        seen: the last record of each client: its number, and its time in ms.
        scripts: how many records each script wrote, by its SHA-1, or its name.
        took: how many microseconds these took, as far as records say it.
        keys: how many effects changed each key, by (database, key).
        hidden: how many more than counted a key or a client may have, since the rarest
            were let go; 0 where all were counted.
        ticks: how many records came in each time of 2^shift ms, by its number.
        shift: so that there are not too many of them.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records = self.effects = 0
        self.first_at_ms: int | None = None
        self.last_at_ms = 0
        self.commands: Counter[bytes] = Counter()
        self.clients: Counter[int] = Counter()
        self.scripts: Counter[str] = Counter()
        self.took: Counter[str] = Counter()
        self.keys: Counter[tuple[int, bytes]] = Counter()
        self.hidden = 0
        self.seen: dict[int, tuple[int, int]] = {}
        self.ticks: Counter[int] = Counter()
        self.shift = 0

    def observe(self, record: Record) -> None:
        """Count one record."""
        if not record.effects:
            return
        origin = record.origin
        if self.first_at_ms is None:
            self.first_at_ms = record.at_ms
        self.last_at_ms = record.at_ms
        self.records += 1
        self.effects += len(record.effects)
        self.commands[(origin.command or record.effects[0])[0].upper()] += 1
        self.clients[origin.client_id] += 1
        self.seen[origin.client_id] = record.seq, record.at_ms
        self.ticks[record.at_ms >> self.shift] += 1
        note = read_note(origin)
        if isinstance(note, ScriptNote):
            command = origin.command or []
            name = command[1].decode("utf-8", "replace") if command[1:] else ""
            self.scripts[note.sha or name] += 1
            if note.us is not None:
                self.took[note.sha or name] += note.us
        db, keys = record.db, self.keys
        for argv in record.effects:
            if argv[0] == b"SELECT":
                db = int(argv[1])
            for key in changed_keys(argv):
                keys[db, key] += 1
        self._bound()

    def add(self, later: Statistics) -> None:
        """Add what was counted of the records that come next."""
        if later.first_at_ms is None:
            return
        if self.first_at_ms is None:
            self.first_at_ms = later.first_at_ms
        self.last_at_ms = later.last_at_ms
        self.records += later.records
        self.effects += later.effects
        self.commands.update(later.commands)
        self.clients.update(later.clients)
        self.scripts.update(later.scripts)
        self.took.update(later.took)
        self.keys.update(later.keys)
        self.seen |= later.seen
        self.hidden += later.hidden
        while self.shift < later.shift:
            self._coarsen()
        finer = self.shift - later.shift
        for tick, count in later.ticks.items():
            self.ticks[tick >> finer] += count
        self._bound()

    def rates(self, width: int) -> list[int]:
        """Return how many records there were in each of so many equal times."""
        if self.first_at_ms is None:
            return []
        first = self.first_at_ms >> self.shift
        length = (self.last_at_ms >> self.shift) - first + 1
        bars = [0] * min(width, length)
        for tick, count in self.ticks.items():
            bars[(tick - first) * len(bars) // length] += count
        return bars

    def _bound(self) -> None:
        """Let go of the rarest, and of times that are too short, where all are many."""
        if len(self.keys) > _KEPT_MAX:
            self.keys = busiest(self.keys, _KEPT_MAX // 2)
            self.hidden += min(self.keys.values())
        if len(self.clients) > _KEPT_MAX:
            self.clients = busiest(self.clients, _KEPT_MAX // 2)
            self.hidden += min(self.clients.values())
            self.seen = {client: self.seen[client] for client in self.clients}
        while len(self.ticks) > _TICKS_MAX:
            self._coarsen()

    def _coarsen(self) -> None:
        """Count in times twice as long."""
        coarser: Counter[int] = Counter()
        for tick, count in self.ticks.items():
            coarser[tick >> 1] += count
        self.ticks = coarser
        self.shift += 1


class Rate(NamedTuple):
    """How fast records came.

    Attributes:
        mean: records a second over the whole stretch.
        peak: records a second in its busiest part.
    """

    mean: float
    peak: float


def find_rate(statistics: Statistics, width: int) -> Rate:
    """Return the rate of records, the peak being that of one of so many equal times."""
    bars = statistics.rates(width)
    if not bars or statistics.first_at_ms is None:
        return Rate(0, 0)
    seconds = max(statistics.last_at_ms - statistics.first_at_ms, 1) / 1000
    return Rate(statistics.records / seconds, max(bars) * len(bars) / seconds)


def sparkline(counts: list[int]) -> str:
    """Return counts as bars of text; a blank for none."""
    most = max(counts, default=0)
    return "".join(
        _BARS[(count * len(_BARS) - 1) // most] if count else " " for count in counts
    )


def busiest(counts: Counter[T], number: int) -> Counter[T]:
    """Return the highest of some counts, in the order in which they came.

    Of equal ones the first; `most_common` takes three times as long for half of many.
    """
    if len(counts) <= number:
        return counts.copy()
    ordered = sorted(counts.values(), reverse=True)
    least = ordered[number - 1]
    ties = number - ordered.index(least)
    equal = (name for name, count in counts.items() if count == least)
    first = set(islice(equal, ties))
    return Counter(
        {n: count for n, count in counts.items() if count > least or n in first}
    )
