"""List commands that only look.

Source: Redis 7.2; see tests/parity/test_lists.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import LONG, BulkList, LateBulks
from joblog.app.table.arguments import integer, symmetric_integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.lists import List
from joblog.app.types.numbers import clamp_range, parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_PEEK: Final = KeySpec("RO")


@command(
    "LLEN",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="list",
    since="1.0.0",
    summary="Return the length of a list.",
    complexity="O(1)",
)
def llen(ctx: Context, key: bytes) -> int:
    """Return the number of elements; 0 where there is no list."""
    items = ctx.db.get(key, List)
    return 0 if items is None else len(items)


@command(
    "LINDEX",
    arity=3,
    flags=Flag.READONLY,
    keys=_READ,
    group="list",
    since="1.0.0",
    summary="Return the element at an index; negative ones count from the end.",
    complexity="O(N) for N elements up to the nearer end; O(1) at either end",
)
def lindex(ctx: Context, key: bytes, index: bytes) -> bytes | None:
    """Return the element, or None where there is none."""
    items = ctx.db.get(key, List)
    if items is None:
        return None
    position = integer(index)
    try:
        return items[position]
    except IndexError:
        return None


@command(
    "LRANGE",
    arity=4,
    flags=Flag.READONLY,
    keys=_READ,
    group="list",
    since="1.0.0",
    summary="Return the elements from one index to another, both included.",
    complexity="O(S+N), S being the distance from the nearer end, N the elements",
    convert={"start": integer, "stop": integer},
)
def lrange(ctx: Context, key: bytes, start: int, stop: int) -> BulkList | LateBulks:
    """Return the elements; an empty array where there are none."""
    items = ctx.db.get(key, List)
    if items is None:
        return BulkList()
    if len(items) > LONG:
        start, stop = clamp_range(start, stop, len(items))
        size = stop - start + 1
        if size > LONG:
            return LateBulks((size, items.walk(start, stop)))
    return BulkList(items.between(start, stop))


class _Search(NamedTuple):
    """The options of LPOS.

    Attributes:
        rank: which match comes first; below zero from the right.
        most: how many matches, 0 for all; None where the reply is one index.
        limit: how many elements to compare, 0 for all.
    """

    rank: int
    most: int | None
    limit: int


@command(
    "LPOS",
    arity=-3,
    flags=Flag.READONLY,
    keys=_READ,
    group="list",
    since="6.0.6",
    summary="Return where elements are that equal the one given.",
    complexity="O(N) for N elements compared",
)
def lpos(
    ctx: Context, key: bytes, element: bytes, *options: bytes
) -> int | list[int] | None:
    """Return an index or None; with COUNT a list of indexes."""
    search = _parse_search(options)
    items = ctx.db.get(key, List)
    if items is None:
        return None if search.most is None else []
    found = items.find_positions(
        element,
        rank=search.rank,
        count=1 if search.most is None else search.most,
        limit=search.limit,
    )
    if search.most is None:
        return found[0] if found else None
    return found


def _parse_search(options: tuple[bytes, ...]) -> _Search:
    rank, count, limit = 1, None, 0
    for position in range(0, len(options), 2):
        name = options[position].upper()
        if position + 1 == len(options):
            raise CommandError(errors.SYNTAX)
        value = options[position + 1]
        if name == b"RANK":
            rank = symmetric_integer(value)
            if not rank:
                raise CommandError(errors.LPOS_RANK_ZERO)
        elif name == b"COUNT":
            count = _at_least_zero(value, errors.LPOS_COUNT_NEGATIVE)
        elif name == b"MAXLEN":
            limit = _at_least_zero(value, errors.LPOS_MAXLEN_NEGATIVE)
        else:
            raise CommandError(errors.SYNTAX)
    return _Search(rank, count, limit)


def _at_least_zero(argument: bytes, text: bytes) -> int:
    value = parse_int64(argument)
    if value is None or value < 0:
        raise CommandError(text)
    return value
