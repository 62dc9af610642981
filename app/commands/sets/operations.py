"""Set commands that compare several sets: intersection, union, difference.

Source: Redis 7.2; see tests/parity/test_sets.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import SetReply
from joblog.app.table.arguments import number_of_keys
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import UNORDERED
from joblog.app.types.numbers import parse_int64
from joblog.app.types.sets import Set, count_common, intersect, subtract, unite

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_SOURCES: Final = KeySpec("RO ACCESS", last=-1)
_STORE: Final = (KeySpec("OW UPDATE"), KeySpec("RO ACCESS", 2, -1))


@command(
    "SINTER",
    arity=-2,
    flags=Flag.READONLY,
    keys=_SOURCES,
    group="set",
    since="1.0.0",
    summary="Return the members that all sets have.",
    complexity="O(N*M), N being the size of the smallest set, M the number of sets",
    tips=(UNORDERED,),
)
def sinter(ctx: Context, key: bytes, *keys: bytes) -> SetReply:
    """Return the members; a missing set is an empty one."""
    return SetReply(_intersection(ctx, (key, *keys)))


@command(
    "SINTERSTORE",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_STORE,
    group="set",
    since="1.0.0",
    summary="Store the members that all sets have.",
    complexity="O(N*M), N being the size of the smallest set, M the number of sets",
)
def sinterstore(ctx: Context, destination: bytes, key: bytes, *keys: bytes) -> int:
    """Return how many members were stored."""
    members = _intersection(ctx, (key, *keys))
    return _store(ctx, destination, members, b"sinterstore")


@command(
    "SINTERCARD",
    arity=-3,
    flags=Flag.READONLY | Flag.MOVABLEKEYS,
    keys=numkeys_at(1),
    group="set",
    since="7.0.0",
    summary="Count the members that all sets have, up to a limit.",
    complexity="O(N*M), N being the size of the smallest set, M the number of sets",
    convert={"numkeys": number_of_keys},
)
def sintercard(ctx: Context, numkeys: int, key: bytes, *rest: bytes) -> int:
    """Return the count."""
    words = (key, *rest)
    if numkeys > len(words):
        raise CommandError(errors.MORE_KEYS_THAN_ARGUMENTS)
    limit = _parse_limit(words[numkeys:])
    sets = _sets(ctx, words[:numkeys])
    if None in sets:
        return 0
    return count_common([each for each in sets if each is not None], limit)


def _parse_limit(options: tuple[bytes, ...]) -> int:
    limit: int | None = 0
    for position in range(0, len(options), 2):
        is_last = position + 1 == len(options)
        if is_last or options[position].upper() != b"LIMIT":
            raise CommandError(errors.SYNTAX)
        limit = parse_int64(options[position + 1])
        if limit is None or limit < 0:
            raise CommandError(errors.LIMIT_NEGATIVE)
    return limit or 0


@command(
    "SUNION",
    arity=-2,
    flags=Flag.READONLY,
    keys=_SOURCES,
    group="set",
    since="1.0.0",
    summary="Return the members that any of the sets has.",
    complexity="O(N) for N members in all sets",
    tips=(UNORDERED,),
)
def sunion(ctx: Context, key: bytes, *keys: bytes) -> SetReply:
    """Return the members; a missing set is an empty one."""
    return SetReply(_union(ctx, (key, *keys)))


@command(
    "SUNIONSTORE",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_STORE,
    group="set",
    since="1.0.0",
    summary="Store the members that any of the sets has.",
    complexity="O(N) for N members in all sets",
)
def sunionstore(ctx: Context, destination: bytes, key: bytes, *keys: bytes) -> int:
    """Return how many members were stored."""
    return _store(ctx, destination, _union(ctx, (key, *keys)), b"sunionstore")


@command(
    "SDIFF",
    arity=-2,
    flags=Flag.READONLY,
    keys=_SOURCES,
    group="set",
    since="1.0.0",
    summary="Return the members of the first set that no other has.",
    complexity="O(N*M), N being the size of the first set, M the number of sets",
    tips=(UNORDERED,),
)
def sdiff(ctx: Context, key: bytes, *keys: bytes) -> SetReply:
    """Return the members; a missing set is an empty one."""
    return SetReply(_difference(ctx, (key, *keys)))


@command(
    "SDIFFSTORE",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_STORE,
    group="set",
    since="1.0.0",
    summary="Store the members of the first set that no other has.",
    complexity="O(N*M), N being the size of the first set, M the number of sets",
)
def sdiffstore(ctx: Context, destination: bytes, key: bytes, *keys: bytes) -> int:
    """Return how many members were stored."""
    return _store(ctx, destination, _difference(ctx, (key, *keys)), b"sdiffstore")


def _sets(ctx: Context, keys: tuple[bytes, ...]) -> list[Set | None]:
    """Return the set at each key; a key of another type is an error."""
    get = ctx.db.get
    return [get(key, Set) for key in keys]


def _intset_entries(ctx: Context) -> int:
    return ctx.server.config.set_max_intset_entries


def _intersection(ctx: Context, keys: tuple[bytes, ...]) -> list[bytes]:
    sets = _sets(ctx, keys)
    found = [each for each in sets if each is not None]
    return intersect(found, _intset_entries(ctx)) if len(found) == len(sets) else []


def _union(ctx: Context, keys: tuple[bytes, ...]) -> list[bytes]:
    sets = [each for each in _sets(ctx, keys) if each is not None]
    return unite(sets, _intset_entries(ctx))


def _difference(ctx: Context, keys: tuple[bytes, ...]) -> list[bytes]:
    first, *others = _sets(ctx, keys)
    if first is None:
        return []
    found = [each for each in others if each is not None]
    return subtract(first, found, _intset_entries(ctx))


def _store(ctx: Context, destination: bytes, members: list[bytes], event: bytes) -> int:
    """Store a set in place of whatever the key held; an empty one removes the key."""
    db = ctx.db
    if not members:
        if db.peek(destination) is not None:
            db.delete(destination)
            db.touch(destination, b"del")
        return 0
    value = db.peek(destination)
    # A set that is there takes the new members, so that an SSCAN under way stays true.
    if type(value) is Set:
        value.become(members)
    else:
        value = Set(members)
    db.overwrite(destination, value)
    db.touch(destination, event)
    return len(members)
