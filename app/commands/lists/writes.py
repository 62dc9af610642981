"""List commands that push, insert, replace and remove elements.

`list_pops` holds those that take elements off an end, `list_reads` those that only
look.

Source: Redis 7.2; see tests/parity/test_lists.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer, symmetric_integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.lists import List

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_INSERT: Final = KeySpec("RW INSERT")
_DELETE: Final = KeySpec("RW DELETE")
_CHANGE: Final = KeySpec("RW UPDATE")


@command(
    "LPUSH",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="list",
    since="1.0.0",
    summary="Put elements before the first one; a missing list is made.",
    complexity="O(N) for N elements",
)
def lpush(ctx: Context, key: bytes, element: bytes, *elements: bytes) -> int:
    """Return the new length."""
    db = ctx.db
    if db.is_crowded():
        size = db.push_packed(key, (element, *elements), is_left=True)
        if size:
            db.touch(key, b"lpush", 1 + len(elements))
            return size
    items = db.get_or_create(key, List)
    items.appendleft(element)
    if elements:
        items.extendleft(elements)
    db.touch(key, b"lpush", 1 + len(elements))
    return len(items)


@command(
    "RPUSH",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="list",
    since="1.0.0",
    summary="Put elements behind the last one; a missing list is made.",
    complexity="O(N) for N elements",
)
def rpush(ctx: Context, key: bytes, element: bytes, *elements: bytes) -> int:
    """Return the new length."""
    db = ctx.db
    if db.is_crowded():
        size = db.push_packed(key, (element, *elements), is_left=False)
        if size:
            db.touch(key, b"rpush", 1 + len(elements))
            return size
    items = db.get_or_create(key, List)
    items.append(element)
    if elements:
        items.extend(elements)
    db.touch(key, b"rpush", 1 + len(elements))
    return len(items)


@command(
    "LPUSHX",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="list",
    since="2.2.0",
    summary="Put elements before the first one of a list that exists.",
    complexity="O(N) for N elements",
)
def lpushx(ctx: Context, key: bytes, element: bytes, *elements: bytes) -> int:
    """Return the new length; 0 where there is no list."""
    items = ctx.db.get(key, List)
    if items is None:
        return 0
    items.extendleft((element, *elements))
    ctx.db.touch(key, b"lpush", 1 + len(elements))
    return len(items)


@command(
    "RPUSHX",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="list",
    since="2.2.0",
    summary="Put elements behind the last one of a list that exists.",
    complexity="O(N) for N elements",
)
def rpushx(ctx: Context, key: bytes, element: bytes, *elements: bytes) -> int:
    """Return the new length; 0 where there is no list."""
    items = ctx.db.get(key, List)
    if items is None:
        return 0
    items.extend((element, *elements))
    ctx.db.touch(key, b"rpush", 1 + len(elements))
    return len(items)


@command(
    "LSET",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_CHANGE,
    group="list",
    since="1.0.0",
    summary="Put an element in the place of the one at an index.",
    complexity="O(N) for a list of N elements; O(1) at either end",
)
def lset(ctx: Context, key: bytes, index: bytes, element: bytes) -> SimpleString:
    """Return OK; no such key or index is an error."""
    items = ctx.db.get(key, List)
    if items is None:
        raise CommandError(errors.NO_SUCH_KEY)
    try:
        items[integer(index)] = element
    except IndexError:
        raise CommandError(errors.INDEX_OUT_OF_RANGE) from None
    ctx.db.touch(key, b"lset")
    return OK


@command(
    "LINSERT",
    arity=5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_INSERT,
    group="list",
    since="2.2.0",
    summary="Put an element before or behind the first one that equals another.",
    complexity="O(N) for a list of N elements",
)
def linsert(
    ctx: Context, key: bytes, where: bytes, pivot: bytes, element: bytes
) -> int:
    """Return the new length; 0 without a list, -1 where nothing equals the pivot."""
    place = where.upper()
    if place not in {b"BEFORE", b"AFTER"}:
        raise CommandError(errors.SYNTAX)
    items = ctx.db.get(key, List)
    if items is None:
        return 0
    if not items.insert_beside(pivot, element, is_before=place == b"BEFORE"):
        return -1
    ctx.db.touch(key, b"linsert")
    return len(items)


@command(
    "LREM",
    arity=4,
    flags=Flag.WRITE,
    keys=_DELETE,
    group="list",
    since="1.0.0",
    summary="Remove elements that equal the one given, from either side.",
    complexity="O(N) for a list of N elements",
    convert={"count": symmetric_integer},
)
def lrem(ctx: Context, key: bytes, count: int, element: bytes) -> int:
    """Return how many were removed."""
    items = ctx.db.get(key, List)
    if items is None:
        return 0
    removed = items.remove_equal(element, count)
    if removed:
        ctx.db.touch(key, b"lrem", removed)
        ctx.db.remove_if_empty(key, items)
    return removed


@command(
    "LTRIM",
    arity=4,
    flags=Flag.WRITE,
    keys=_DELETE,
    group="list",
    since="1.0.0",
    summary="Remove all elements outside of a range.",
    complexity="O(N) for N elements removed",
    convert={"start": integer, "stop": integer},
)
def ltrim(ctx: Context, key: bytes, start: int, stop: int) -> SimpleString:
    """Return OK."""
    items = ctx.db.get(key, List)
    if items is None:
        return OK
    removed = items.keep(start, stop)
    if removed:
        ctx.db.touch(key, b"ltrim", removed)
        ctx.db.remove_if_empty(key, items)
    else:
        ctx.db.tell(key, b"ltrim")
    return OK
