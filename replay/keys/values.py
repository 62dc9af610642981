"""Values without their types: plain data that can be kept, compared, and shown.

    string        bytes
    list          list of bytes
    set           frozenset of bytes
    hash          {field: value}
    sorted set    {member: score}
    stream        see `stream_values`

A `Version` is a key's value and deadline at one moment. It shares nothing with the
keyspace it was taken from, so the fold may go on.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.types.hashes import Hash
from joblog.app.types.kinds import kind_name
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream
from joblog.replay.keys.stream_values import plain_stream, stream_elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.app.keyspace.database import Database

# Above this many elements a list's middle is not aligned, which takes quadratic time.
_ALIGNED_MAX = 2000


class Version(NamedTuple):
    """A key's value and deadline at one moment.

    Attributes:
        kind: Redis's name for the type, such as "zset".
        data: the value, plain.
        deadline_ms: when it expires, in ms since the epoch; None for never.
        field_deadlines: when fields of a hash expire; None where none does.
    """

    kind: str
    data: Any
    deadline_ms: int | None
    field_deadlines: dict[bytes, int] | None = None


class FieldDeadline(NamedTuple):
    """The place of a difference: not a field's value, but when it expires."""

    field: bytes


class Difference(NamedTuple):
    """One place where two versions differ.

    Attributes:
        place: "value", "deadline", or the field, its deadline, the member or index.
        before: what was there, None for nothing.
        after: what is there, None for nothing.
    """

    place: bytes | int | str | FieldDeadline
    before: bytes | None
    after: bytes | None


_PLAIN: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: value,
    List: list,
    Set: frozenset,
    Hash: dict,
    SortedSet: lambda value: dict(value.scores),
    Stream: plain_stream,
}


def plain(value: Any) -> Any:
    """Return a value of a database as plain data; O(N) for N elements."""
    return _PLAIN[type(value)](value)


def take_version(database: Database, key: bytes) -> Version | None:
    """Return what a key is now, None where it is missing.

    A key whose deadline has passed is still there until its removal is recorded.
    """
    value = database.values.get(key)
    if value is None:
        return None
    deadline_ms = database.deadlines.get(key)
    fields = value.deadlines if type(value) is Hash else None
    copied = None if fields is None else dict(fields)
    return Version(kind_name(value).decode(), plain(value), deadline_ms, copied)


def is_expired(version: Version, at_ms: int) -> bool:
    """Tell whether a key was gone for clients at a time, be its removal recorded."""
    return version.deadline_ms is not None and version.deadline_ms <= at_ms


def element_count(version: Version) -> int:
    """Return how many elements a value has; a string's length in bytes."""
    data = version.data["entries"] if version.kind == "stream" else version.data
    return len(data)


def elements(version: Version) -> Iterator[tuple[bytes | int | None, bytes | None]]:
    """Yield a value's elements as (place, content).

    A list's elements are (index, element); a hash's and a sorted set's (field, value)
    and (member, score), the latter by score; a stream's (ID, fields) and its groups; a
    set's (member, None); a string's value (None, value).
    """
    data = version.data
    match version.kind:
        case "list":
            yield from enumerate(data)
        case "set":
            yield from ((member, None) for member in sorted(data))
        case "hash":
            yield from data.items()
        case "zset":
            ordered = sorted(data.items(), key=lambda pair: (pair[1], pair[0]))
            yield from ((member, format_double(score)) for member, score in ordered)
        case "stream":
            yield from stream_elements(data)
        case _:
            yield None, data


def find_differences(
    before: Version | None, after: Version | None
) -> Iterator[Difference]:
    """Yield where two versions of a key differ.

    A key that came, went, or changed its type has lost all of the one and gained all of
    the other. Elements of a list are aligned, so that a push or a pop is one place; the
    index is the one it had where it was removed, or has where it was added.
    """
    old_deadline = before.deadline_ms if before else None
    new_deadline = after.deadline_ms if after else None
    if before is None or after is None or before.kind != after.kind:
        yield from _lose(before)
        yield from _gain(after)
    elif before.data != after.data:
        match before.kind:
            case "list":
                yield from _compare_lists(before.data, after.data)
            case "set":
                yield from _compare_sets(before.data, after.data)
            case "hash":
                yield from _compare_maps(before.data, after.data)
            case "zset":
                yield from _compare_maps(*map(_with_texts, (before.data, after.data)))
            case "stream":
                lines = [dict(stream_elements(each.data)) for each in (before, after)]
                yield from _compare_maps(*lines)
            case _:
                yield Difference("value", before.data, after.data)
    if old_deadline != new_deadline and (before is None) == (after is None):
        yield Difference("deadline", _digits(old_deadline), _digits(new_deadline))
    if before is not None and after is not None:
        yield from _compare_field_deadlines(before, after)


def _compare_field_deadlines(before: Version, after: Version) -> Iterator[Difference]:
    """Yield deadlines that came, went or changed, of fields that are still there."""
    old, new = before.field_deadlines or {}, after.field_deadlines or {}
    for field in sorted(old.keys() | new.keys()):
        if old.get(field) != new.get(field) and field in after.data:
            place = FieldDeadline(field)
            yield Difference(place, _digits(old.get(field)), _digits(new.get(field)))


def _digits(deadline_ms: int | None) -> bytes | None:
    return None if deadline_ms is None else b"%d" % deadline_ms


def _with_texts(scores: dict[bytes, float]) -> dict[bytes, bytes]:
    return {member: format_double(score) for member, score in scores.items()}


def _lose(version: Version | None) -> Iterator[Difference]:
    for place, content in elements(version) if version else ():
        yield Difference("value" if place is None else place, content or b"", None)


def _gain(version: Version | None) -> Iterator[Difference]:
    for place, content in elements(version) if version else ():
        yield Difference("value" if place is None else place, None, content or b"")


def _compare_sets(
    before: frozenset[bytes], after: frozenset[bytes]
) -> Iterator[Difference]:
    for member in sorted(before ^ after):
        if member in before:
            yield Difference(member, b"", None)
        else:
            yield Difference(member, None, b"")


def _compare_maps(
    before: dict[bytes, bytes], after: dict[bytes, bytes]
) -> Iterator[Difference]:
    for name, content in before.items():
        if after.get(name) != content:
            yield Difference(name, content, after.get(name))
    for name, content in after.items():
        if name not in before:
            yield Difference(name, None, content)


def _compare_lists(before: list[bytes], after: list[bytes]) -> Iterator[Difference]:
    """Yield removed and added elements; what both ends share is left out first."""
    shortest = min(len(before), len(after))
    head = 0
    while head < shortest and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shortest - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old = before[head : len(before) - tail]
    new = after[head : len(after) - tail]
    if len(old) + len(new) <= _ALIGNED_MAX:
        blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    else:
        blocks = [("replace", 0, len(old), 0, len(new))]
    for tag, old_start, old_end, new_start, new_end in blocks:
        if tag == "equal":
            continue
        for index in range(old_start, old_end):
            yield Difference(head + index, old[index], None)
        for index in range(new_start, new_end):
            yield Difference(head + index, None, new[index])
