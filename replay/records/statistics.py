"""Statistics of a stretch of the log: who did what how often, and when.

All is counted in one pass over the records; nothing is folded. Memory is bounded: of
keys, and of clients, only the busiest are kept while counting, so that the counts of
the rarer ones are lower limits where a log has very many.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import ScriptNote, read_note
from joblog.app.history.touched import changed_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress
    from joblog.storage.record import Record

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
        keys: how many effects changed each key, by (database, key).
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records = self.effects = 0
        self.first_at_ms: int | None = None
        self.last_at_ms = 0
        self.commands: Counter[bytes] = Counter()
        self.clients: Counter[int] = Counter()
        self.scripts: Counter[str] = Counter()
        self.keys: Counter[tuple[int, bytes]] = Counter()
        self.seen: dict[int, tuple[int, int]] = {}
        self._ticks: Counter[int] = Counter()
        self._tick_ms = 1

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
        self._ticks[(record.at_ms - self.first_at_ms) // self._tick_ms] += 1
        note = read_note(origin)
        if isinstance(note, ScriptNote):
            command = origin.command or []
            name = command[1].decode("utf-8", "replace") if command[1:] else ""
            self.scripts[note.sha or name] += 1
        db, keys = record.db, self.keys
        for argv in record.effects:
            if argv[0] == b"SELECT":
                db = int(argv[1])
            for key in changed_keys(argv):
                keys[db, key] += 1
        if len(keys) > _KEPT_MAX:
            self.keys = _busiest(keys)
        if len(self._ticks) > _TICKS_MAX:
            self._coarsen()

    def rates(self, width: int) -> list[int]:
        """Return how many records there were in each of so many equal times."""
        if self.first_at_ms is None:
            return []
        length = (self.last_at_ms - self.first_at_ms) // self._tick_ms + 1
        bars = [0] * min(width, length)
        for tick, count in self._ticks.items():
            bars[tick * len(bars) // length] += count
        return bars

    def _coarsen(self) -> None:
        """Count in times twice as long, since there are many."""
        coarser: Counter[int] = Counter()
        for tick, count in self._ticks.items():
            coarser[tick // 2] += count
        self._ticks = coarser
        self._tick_ms *= 2


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


def count_records(
    index: LogIndex, progress: Progress, from_seq: int, until_seq: int
) -> Statistics:
    """Return the statistics of a stretch of the log.

    Args:
        index: the log's index.
        progress: is told now and then the number of the last record.
        from_seq: the first record.
        until_seq: the last record.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    statistics = Statistics()
    for record in _told(index.records(from_seq, until_seq), progress):
        statistics.observe(record)
    return statistics


def _told(records: Iterator[Record], progress: Progress) -> Iterator[Record]:
    for record in records:
        yield record
        if not record.seq % _TICKS_MAX:
            progress(record.seq)


def _busiest(keys: Counter[tuple[int, bytes]]) -> Counter[tuple[int, bytes]]:
    return Counter(dict(keys.most_common(_KEPT_MAX // 2)))
