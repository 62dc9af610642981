"""Replies of commands on their way into a script.

What crosses into Lua is numbers, byte strings, booleans and nil, never a Python object.
Arrays and all that is richer cross as a flat tuple behind a tag; `lua/replies.lua` says
what the tags and the codes of a tree mean, and builds tables of them.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from joblog.app.errors import CommandError
from joblog.app.reply import (
    NULL_ARRAY,
    BigNumber,
    BulkList,
    DoubleText,
    Keyed,
    LateBulks,
    Pairs,
    SetReply,
    SimpleString,
    Verbatim,
)
from joblog.app.types.numbers import format_double

if TYPE_CHECKING:
    from collections.abc import Iterable

Crossing = tuple[Any, ...]

PIECE_ITEMS: Final = 2000
"""How many values cross at once; the C stack of Lua 5.1 holds 8000."""

# Tags, and codes of a tree; spelled out, since compiled code then has the numbers.
FLAT: Final = 1
FLAT_AND_MORE: Final = 2
TREE: Final = 3
TREE_AND_MORE: Final = 4
ERROR: Final = 5
NO_ROOM: Final = 6
_VALUE: Final = 0
_NULL: Final = 1
_STATUS: Final = 2
_ERROR: Final = 3
_ARRAY: Final = 4
_MAP: Final = 5
_SET: Final = 6
_DOUBLE: Final = 7
_BIG_NUMBER: Final = 8
_VERBATIM: Final = 9

_PLAIN: Final = {bytes, int}
_PLAIN_OR_NULL: Final = {bytes, int, type(None)}


def crossing(reply: Any, *, is_resp3: bool) -> Crossing | None:
    """Return what a short reply crosses as at once; None where it has to be cut up.

    Args:
        reply: any reply value but int, bytes, None and OK, which cross as they are.
        is_resp3: whether the script asked for RESP3.
    """
    kind = type(reply)
    if kind is BulkList or kind is list:
        if len(reply) > PIECE_ITEMS:
            return None
        flat = _flat_crossing(reply, is_resp3=is_resp3)
        if flat is not None:
            return flat
    if kind is LateBulks:
        return None
    if kind is SimpleString:
        return (False, TREE, _STATUS, bytes(reply))
    if isinstance(reply, CommandError):
        return (False, ERROR, reply.text, True)
    pieces = crossings(reply, is_resp3=is_resp3)
    return (False, *pieces[0]) if len(pieces) == 1 else None


def _flat_crossing(reply: list[Any], *, is_resp3: bool) -> Crossing | None:
    """Return what an array of plain values crosses as; None where it has others."""
    items: list[Any] = [False, FLAT]
    for item in reply:
        kind = type(item)
        if kind is bytes or kind is int:
            items.append(item)
        elif is_resp3:
            return None
        elif item is None:
            items.append(False)
        elif kind is float:
            items.append(format_double(item))
        else:
            return None
    return tuple(items)


def crossings(reply: Any, *, is_resp3: bool) -> list[Crossing]:
    """Return the pieces in which a reply crosses, in the order of fetching.

    See `crossing` for the arguments.
    """
    if type(reply) is LateBulks:
        return _pieces(FLAT, list(reply[1]))
    if type(reply) is BulkList:
        return _pieces(FLAT, reply)
    items = _flat_items(reply, is_resp3=is_resp3)
    if items is not None:
        return _pieces(FLAT, items)
    tree: list[Any] = []
    _write(reply, tree, is_resp3=is_resp3)
    return _pieces(TREE, tree)


def size_of(piece: Crossing) -> int:
    """Return about how many bytes a piece takes in Lua, while it is copied."""
    size = 64 * len(piece)
    for item in piece:
        if type(item) is bytes:
            size += len(item)
    return size


def _flat_items(reply: Any, *, is_resp3: bool) -> list[Any] | None:
    kind = type(reply)
    if not is_resp3:
        if kind is dict:
            reply = list(chain.from_iterable(reply.items()))
        elif kind is Pairs:
            reply = list(chain.from_iterable(reply))
        elif kind is not list and kind is not tuple and kind is not SetReply:
            return None
    elif kind is not list and kind is not tuple:
        return None
    kinds = set(map(type, reply))
    if kinds <= _PLAIN:
        return list(reply)
    if kinds <= _PLAIN_OR_NULL and not is_resp3:
        return [False if item is None else item for item in reply]
    return None


def _pieces(tag: int, items: list[Any]) -> list[Crossing]:
    if len(items) <= PIECE_ITEMS:
        return [(tag, *items)]
    pieces: list[Crossing] = [
        (tag + 1, *items[start : start + PIECE_ITEMS])
        for start in range(0, len(items), PIECE_ITEMS)
    ]
    pieces[-1] = (tag, *pieces[-1][1:])
    return pieces


def _write(reply: Any, tree: list[Any], *, is_resp3: bool) -> None:
    kind = type(reply)
    if kind is int or kind is bytes:
        tree += (_VALUE, reply)
    elif reply is None or reply is NULL_ARRAY:
        tree += (_NULL, 0)
    elif kind is SimpleString:
        tree += (_STATUS, bytes(reply))
    elif kind is bool:
        tree += (_VALUE, reply if is_resp3 else int(reply))
    elif kind is float:
        tree += (_DOUBLE, reply) if is_resp3 else (_VALUE, format_double(reply))
    elif kind is DoubleText:
        tree += (_DOUBLE, float(reply)) if is_resp3 else (_VALUE, bytes(reply))
    elif isinstance(reply, CommandError):
        tree += (_ERROR, reply.text)
    elif kind is BigNumber:
        text = b"%d" % reply.value
        tree += (_BIG_NUMBER, text) if is_resp3 else (_VALUE, text)
    elif kind is Verbatim:
        if is_resp3:
            tree += (_VERBATIM, reply.format)
        tree += (_VALUE, reply.text)
    else:
        _write_many(reply, tree, is_resp3=is_resp3)


def _write_many(reply: Any, tree: list[Any], *, is_resp3: bool) -> None:
    items: Iterable[Any] = reply
    code, count = _ARRAY, len(reply)
    if isinstance(reply, dict):
        items = chain.from_iterable(reply.items())
        code, count = (_MAP, count) if is_resp3 else (_ARRAY, count * 2)
    elif isinstance(reply, SetReply) and is_resp3:
        code = _SET
    elif isinstance(reply, Keyed) and is_resp3:
        items = chain.from_iterable(reply)
        code = _MAP
    elif isinstance(reply, Pairs) and not is_resp3:
        items = list(chain.from_iterable(reply))
        count = len(items)
    tree += (code, count)
    for item in items:
        _write(item, tree, is_resp3=is_resp3)
