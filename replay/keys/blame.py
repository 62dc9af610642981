"""Blame: who last set each element of a value.

Lists are followed through pushes, pops and moves in the middle, by the differences from
one value to the next; an element that stays keeps the record that brought it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.keys.inquiry import count_back, trace
from joblog.replay.keys.values import Difference, Version, elements, find_differences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress, Step
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
        assert before == self.version
        self.version = after
        if before is None or after is None or before.kind != after.kind:
            self._by_place.clear()
            self._by_index.clear()
            self.deadline = None
        differences = list(find_differences(before, after))
        if after is not None and after.deadline_ms is not None:
            changed = before is None or before.deadline_ms != after.deadline_ms
            self.deadline = record if changed else self.deadline
        else:
            self.deadline = None
        if after is not None and after.kind == "list":
            self._follow_list(record, differences, len(after.data))
        else:
            for place, _, now in differences:
                name = None if place == "value" else place
                if now is None:
                    self._by_place.pop(name, None)  # type: ignore[arg-type]
                else:
                    self._by_place[name] = record  # type: ignore[index]

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
        owners: Owners | None = None
        for step in trace(index, progress, place, begin, span[1]):
            owners = owners or Owners(step.before)
            owners.follow(step)
        owners = owners or Owners(None)
        is_known = all(blame.record for blame in owners.blames())
        if begin == span[0] or (owners.version is not None and is_known):
            return owners
        records *= 10
