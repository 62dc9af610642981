"""Pieces: the fields, members and elements of a value, of which some are undone.

A field, member or score gets back the value that it had; an element goes out of a list,
or comes back to the end that was nearer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from joblog.replay.keys.values import Version, find_differences

if TYPE_CHECKING:
    from collections.abc import Callable

BY_PIECES = {"hash": dict, "zset": dict, "set": frozenset, "list": list}
"""The types that are undone by pieces, and what an empty one is."""


Fate = Literal["changed", "gone", "left"]
"""What became of a piece since: it has another value; it was removed; of a list's
element, which some other key may have now, that it left.
"""

Report: TypeAlias = "Callable[[bytes | str, Fate], None]"


def undo_pieces(
    kind: str,
    pair: tuple[Any, Any],
    data: Any,
    wants: Callable[[bytes], object],
    report: Report = lambda *_: None,
) -> Any:
    """Return a value with what a step did to its pieces undone.

    Args:
        kind: "hash", "zset", "set" or "list".
        pair: the value before and after the step.
        data: the value now.
        wants: whether to undo a piece of such a name, element or content.
        report: is told each piece that was changed again, or is gone since.
    """
    old, new = pair
    if kind == "list":
        return _undo_list(old, new, list(data), wants, report)
    if kind == "set":
        return _undo_set(old, new, set(data), wants)
    return _undo_map(old, new, dict(data), wants, report)


def _undo_map(
    old: dict[bytes, Any],
    new: dict[bytes, Any],
    data: dict[bytes, Any],
    wants: Callable[[bytes], object],
    report: Report,
) -> dict[bytes, Any]:
    for name in sorted(old.keys() | new.keys()):
        values = old.get(name), new.get(name)
        if values[0] == values[1] or not _is_wanted((name, *values), wants):
            continue
        if data.get(name) == old.get(name):
            continue
        if data.get(name) != new.get(name):
            report(name, "changed" if name in data else "gone")
        elif name in old:
            data[name] = old[name]
        else:
            del data[name]
    return data


def _is_wanted(words: tuple[Any, ...], wants: Callable[[bytes], object]) -> bool:
    return any(isinstance(word, bytes) and wants(word) for word in words)


def _undo_set(
    old: frozenset[bytes],
    new: frozenset[bytes],
    data: set[bytes],
    wants: Callable[[bytes], object],
) -> frozenset[bytes]:
    for member in filter(wants, sorted(old ^ new)):
        if member in old:
            data.add(member)
        else:
            data.discard(member)
    return frozenset(data)


def _undo_list(
    old: list[bytes],
    new: list[bytes],
    data: list[bytes],
    wants: Callable[[bytes], object],
    report: Report,
) -> list[bytes]:
    """Take out what was pushed, and bring back what was popped, at the nearer end.

    An element that came back meanwhile stays one: a job must not be there twice.
    """
    lost_left: list[bytes] = []
    spare = Counter(data) - Counter(new)
    for found in find_differences(
        Version("list", old, None), Version("list", new, None)
    ):
        assert isinstance(found.place, int)
        if not _is_wanted((found.before, found.after), wants):
            continue
        if found.after is not None:
            if found.after in data:
                data.remove(found.after)
            else:
                report(found.after, "left")
        elif found.before is not None:
            if spare[found.before]:
                spare[found.before] -= 1
            elif found.place < len(old) / 2:
                lost_left.append(found.before)
            else:
                data.append(found.before)
    return lost_left + data
