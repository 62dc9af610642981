"""Blame: who last set each element of a value.

Lists are followed through pushes, pops and moves in the middle, by the differences from
one value to the next; an element that stays keeps the record that brought it. Where it
can, a change is seen by a glance (see `glances`), so that it does not cost as much as
the value is large.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.history.touched import DbKey, changed_keys, changes_databases
from joblog.replay.keys.glances import Seen, glance
from joblog.replay.keys.inquiry import count_back, open_past
from joblog.replay.keys.past import Step, changing_records
from joblog.replay.keys.slices import NoSliceError, Slice
from joblog.replay.keys.values import Difference, Version, elements, find_differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Past, Progress
    from joblog.storage.record import Record

_FIRST_RECORDS = 500

Place = bytes | int | None


class Blame(NamedTuple):
    """Who set an element.

    Attributes:
        place: the field, member, ID or index; None for a string's value.
        content: what is there; None for a member of a set.
        record: what set it; None where that is no longer in the log.
    """

    place: Place
    content: bytes | None
    record: Record | None


class Owners:
    """The record that last set each element of a value, as the value changes.

    Attributes:
        version: the value now, None where the key is missing.
        deadline: what set its deadline, None where nothing did.
    """

    def __init__(self, version: Version | None) -> None:
        """Begin with a value of which nobody knows who set it."""
        self.version = version
        self.deadline: Record | None = None
        self._by_place: dict[Place, Record] = {}
        count = len(version.data) if version and version.kind == "list" else 0
        self._by_index: list[Record | None] = [None] * count

    def follow(self, step: Step) -> None:
        """Take in one change of the value."""
        record, before, after = step
        if before is None or after is None or before.kind != after.kind:
            self._by_place.clear()
            self._by_index.clear()
            self.deadline = None
        differences = list(find_differences(before, after))
        old, new = (each.deadline_ms if each else None for each in (before, after))
        self._follow_deadline(record, old, new)
        if after is not None and after.kind == "list":
            self._follow_list(record, differences, len(after.data))
        else:
            for place, _, now in differences:
                name = None if place == "value" else place
                if now is None:
                    self._by_place.pop(name, None)  # type: ignore[arg-type]
                else:
                    self._by_place[name] = record  # type: ignore[index]

    def _follow_deadline(
        self, record: Record, before: int | None, after: int | None
    ) -> None:
        if after is None:
            self.deadline = None
        elif after != before:
            self.deadline = record

    def glance(
        self, record: Record, seen: Seen, before: int | None, after: int | None
    ) -> None:
        """Take in a change of which only that is known, and the key's deadlines."""
        self._follow_deadline(record, before, after)
        del self._by_index[seen.at : seen.at + seen.removed]
        self._by_index[seen.at : seen.at] = [record] * seen.added
        for place, is_there in seen.places.items():
            if is_there:
                self._by_place[place] = record
            else:
                self._by_place.pop(place, None)

    def _follow_list(
        self, record: Record, differences: Iterable[Difference], length: int
    ) -> None:
        gone: set[int] = set()
        new: set[int] = set()
        for place, _, now in differences:
            if isinstance(place, int):
                (gone if now is None else new).add(place)
        stayed = (
            owner for index, owner in enumerate(self._by_index) if index not in gone
        )
        self._by_index = [
            record if index in new else next(stayed) for index in range(length)
        ]

    def blames(self) -> list[Blame]:
        """Return who set each element of the value, in its order."""
        if self.version is None:
            return []
        if self.version.kind == "list":
            pairs = zip(self.version.data, self._by_index, strict=True)
            return [Blame(at, *pair) for at, pair in enumerate(pairs)]
        return [
            Blame(place, content, self._by_place.get(place))
            for place, content in elements(self.version)
        ]


def find_blame(
    index: LogIndex,
    progress: Progress,
    place: tuple[int, bytes],
    span: tuple[int, int],
) -> Owners:
    """Return who set each element that a key has at a moment.

    Only as much of its history is looked at as has set what is there.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        place: the key's database, and the key.
        span: the first moment that can be opened, and the moment.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log has lost its beginning, and no snapshot stands for it.
    """
    records = _FIRST_RECORDS
    while True:
        begin = count_back(index, place, span, records)
        owners = _follow(index, progress, place, begin, span[1])
        is_known = all(blame.record for blame in owners.blames())
        if begin == span[0] or (owners.version is not None and is_known):
            return owners
        records *= 10


def _follow(
    index: LogIndex,
    progress: Progress,
    place: DbKey,
    from_seq: int,
    until_seq: int,
) -> Owners:
    """Return who set what, as far as records after one tell."""
    try:
        few = Slice(index, [place[1]], from_seq, until_seq)
        few.go_to(from_seq)
        owners = Owners(few.version(*place))
        for record, part in few.steps(until_seq):
            _follow_record(owners, few, record, part, place)
        owners.version = few.version(*place)
    except NoSliceError:
        with closing(open_past(index, progress)) as past:
            past.go_to(from_seq)
            owners = Owners(past.version(*place))
            for record in changing_records(past, *place, until_seq):
                _follow_record(owners, past, record, record, place)
            owners.version = past.version(*place)
    return owners


def _follow_record(
    owners: Owners, past: Past | Slice, record: Record, part: Record, place: DbKey
) -> None:
    """Let a record happen, and see what it does to a key.

    Args:
        owners: is told.
        past: the moment before it.
        record: the record.
        part: what of it happens here.
        place: the key's database, and the key.
    """
    db, key = place
    database = past.databases[db]
    deadline_ms = database.deadlines.get(key)
    look = _glance(database, part, place)
    before = past.version(db, key) if look is None else None
    past.apply([part])
    now = database.values.get(key)
    if look is not None and now is not None:
        owners.glance(record, look(now), deadline_ms, database.deadlines.get(key))
        return
    after = past.version(db, key)
    if look is not None or before != after:
        owners.follow(Step(record, before, after))


def _glance(
    database: Database, part: Record, place: DbKey
) -> Callable[[Any], Seen] | None:
    """Look at a key before the one effect of a record that changes it."""
    value = database.values.get(place[1])
    if value is None or type(value) is bytes or part.db != place[0]:
        return None
    found = None
    for argv in part.effects:
        if changes_databases(argv) or argv[0].upper() == b"SELECT":
            return None
        if place[1] in changed_keys(argv):
            if found is not None:
                return None
            found = argv
    return None if found is None else glance(value, place[1], found)
