"""List commands that take elements off an end, or move them to another list.

Pops and moves are functions of their own (`pop_elements`, `move_element`,
`pop_first_of`), so that a command which blocks can serve its client with them.

Source: Redis 7.2; see tests/parity/test_lists.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import NULL_ARRAY, BulkList, NullArrayType
from joblog.app.table.arguments import non_negative, number_of_keys
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.types.lists import List
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_POP: Final = KeySpec("RW ACCESS DELETE")
_MOVE: Final = (KeySpec("RW ACCESS DELETE"), KeySpec("RW INSERT", first=2))

_SIDES: Final = {b"LEFT": True, b"RIGHT": False}


@command(
    "LPOP",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_POP,
    group="list",
    since="1.0.0",
    summary="Remove the first element, or several, and return what was removed.",
    complexity="O(N) for N elements",
    convert={"count": non_negative},
)
def lpop(
    ctx: Context, key: bytes, count: int | None = None
) -> bytes | BulkList | NullArrayType | None:
    """Return the element, or an array where a count is given; null if missing."""
    db = ctx.db
    items = db.get(key, List)
    if count is not None:
        return _pop_count(ctx, key, items, count, is_left=True)
    if items is None:
        return None
    element = items.popleft()
    db.touch(key, b"lpop")
    if not items:
        db.remove_if_empty(key, items)
    return element


@command(
    "RPOP",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_POP,
    group="list",
    since="1.0.0",
    summary="Remove the last element, or several, and return what was removed.",
    complexity="O(N) for N elements",
    convert={"count": non_negative},
)
def rpop(
    ctx: Context, key: bytes, count: int | None = None
) -> bytes | BulkList | NullArrayType | None:
    """Return the element, or an array where a count is given; null if missing."""
    db = ctx.db
    items = db.get(key, List)
    if count is not None:
        return _pop_count(ctx, key, items, count, is_left=False)
    if items is None:
        return None
    element = items.pop()
    db.touch(key, b"rpop")
    if not items:
        db.remove_if_empty(key, items)
    return element


def _pop_count(
    ctx: Context, key: bytes, items: List | None, count: int, *, is_left: bool
) -> BulkList | NullArrayType:
    if items is None:
        return NULL_ARRAY
    if not count:
        return BulkList()
    return pop_elements(ctx, key, items, count, is_left=is_left)


def pop_elements(
    ctx: Context, key: bytes, items: List, count: int, *, is_left: bool
) -> BulkList:
    """Remove elements from an end of a list, and the list where it becomes empty.

    Args:
        ctx: the context of the command.
        key: where the list is.
        items: the list at that key.
        count: how many elements at the most, 1 or more.
        is_left: from the left end, else from the right.

    Returns:
        The elements in the order of removal.
    """
    popped = BulkList(items.pop_many(count, is_left=is_left))
    ctx.db.touch(key, b"lpop" if is_left else b"rpop", len(popped))
    ctx.db.remove_if_empty(key, items)
    return popped


@command(
    "LMPOP",
    arity=-4,
    flags=Flag.WRITE | Flag.MOVABLEKEYS,
    keys=numkeys_at(1, "RW ACCESS DELETE"),
    effects=("LPOP", "RPOP"),
    group="list",
    since="7.0.0",
    summary="Remove elements from the first list that is there.",
    complexity="O(N+M) for N keys and M elements removed",
    convert={"numkeys": number_of_keys},
)
def lmpop(
    ctx: Context, numkeys: int, key: bytes, where: bytes, *rest: bytes
) -> list[object] | NullArrayType:
    """Return the key and the elements, or null where no list is there."""
    words = (key, where, *rest)
    keys, is_left, count = parse_lmpop(numkeys, words)
    return pop_first_of(ctx, keys, count, is_left=is_left)


def parse_lmpop(
    numkeys: int, words: Sequence[bytes]
) -> tuple[Sequence[bytes], bool, int]:
    """Read what follows the number of keys: keys, side, count.

    Returns:
        The keys, whether the side is LEFT, and the count, 1 where none is given.

    Raises:
        CommandError: a side or an option is missing or unknown, or the count is not
            above zero.
    """
    if numkeys >= len(words):
        raise CommandError(errors.SYNTAX)
    is_left = side(words[numkeys])
    options = words[numkeys + 1 :]
    if not options:
        return words[:numkeys], is_left, 1
    if len(options) == 1 or options[0].upper() != b"COUNT":
        raise CommandError(errors.SYNTAX)
    count = parse_int64(options[1])
    if count is None or count < 1:
        raise CommandError(errors.COUNT_NOT_POSITIVE)
    if len(options) > len((b"COUNT", b"1")):
        raise CommandError(errors.SYNTAX)
    return words[:numkeys], is_left, count


def pop_first_of(
    ctx: Context, keys: Sequence[bytes], count: int, *, is_left: bool
) -> list[object] | NullArrayType:
    """Remove elements from the first of the lists that is there.

    Returns:
        The key and the elements; NULL_ARRAY where no key holds a list.

    Raises:
        CommandError: a key before the first list holds another type.
    """
    for key in keys:
        items = ctx.db.get(key, List)
        if items is not None:
            popped = pop_elements(ctx, key, items, count, is_left=is_left)
            ctx.record(b"LPOP" if is_left else b"RPOP", key, b"%d" % len(popped))
            return [key, popped]
    return NULL_ARRAY


@command(
    "RPOPLPUSH",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_MOVE,
    group="list",
    since="1.2.0",
    summary="Move the last element of a list before the first one of another.",
    complexity="O(1)",
)
def rpoplpush(ctx: Context, source: bytes, destination: bytes) -> bytes | None:
    """Return the element, or None where there is no source."""
    return move_element(ctx, source, destination, is_from_left=False, is_to_left=True)


@command(
    "LMOVE",
    arity=5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_MOVE,
    group="list",
    since="6.2.0",
    summary="Move an element from an end of a list to an end of another.",
    complexity="O(1)",
)
def lmove(
    ctx: Context, source: bytes, destination: bytes, where_from: bytes, where_to: bytes
) -> bytes | None:
    """Return the element, or None where there is no source."""
    return move_element(
        ctx,
        source,
        destination,
        is_from_left=side(where_from),
        is_to_left=side(where_to),
    )


def move_element(
    ctx: Context,
    source: bytes,
    destination: bytes,
    *,
    is_from_left: bool,
    is_to_left: bool,
) -> bytes | None:
    """Move an element from one list to another, or from end to end of the same.

    Returns:
        The element, or None where there is no source.

    Raises:
        CommandError: one of the keys holds another type.
    """
    db = ctx.db
    items = db.get(source, List)
    if items is None:
        return None
    target = db.get_or_create(destination, List)
    element = items.popleft() if is_from_left else items.pop()
    if is_to_left:
        target.appendleft(element)
    else:
        target.append(element)
    db.touch(destination, b"lpush" if is_to_left else b"rpush")
    db.touch(source, b"lpop" if is_from_left else b"rpop", 0)
    if not items:
        db.remove_if_empty(source, items)
    return element


def side(word: bytes) -> bool:
    """Return whether a word is LEFT rather than RIGHT.

    Raises:
        CommandError: it is neither.
    """
    is_left = _SIDES.get(word.upper())
    if is_left is None:
        raise CommandError(errors.SYNTAX)
    return is_left
