"""Set commands on one set.

`set_operations` holds those that compare several.

Source: Redis 7.2; see tests/parity/test_sets.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.keys.scan_options import scan_cursor, scan_options, scan_reply
from joblog.app.errors import CommandError
from joblog.app.keyspace.scan import scan_table
from joblog.app.reply import BulkList, SetReply
from joblog.app.table.arguments import (
    non_negative,
    repeated,
    symmetric_integer,
)
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM, UNORDERED
from joblog.app.types.sets import HASHTABLE, Set, list_members

if TYPE_CHECKING:
    from collections.abc import Collection

    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_PEEK: Final = KeySpec("RO")
_INSERT: Final = KeySpec("RW INSERT")
_DELETE: Final = KeySpec("RW DELETE")
_POP: Final = KeySpec("RW ACCESS DELETE")
_MOVE: Final = (KeySpec("RW ACCESS DELETE"), KeySpec("RW INSERT", first=2))


@command(
    "SADD",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="set",
    since="1.0.0",
    summary="Add members to a set, which is made where the key is missing.",
    complexity="O(N) for N members",
)
def sadd(ctx: Context, key: bytes, member: bytes, *members: bytes) -> int:
    """Return how many of the members are new."""
    db = ctx.db
    value = db.get_or_create(key, Set)
    added = value.add_all((member, *members)) if members else value.add(member)
    if added:
        db.touch(key, b"sadd", added)
    return added


@command(
    "SREM",
    arity=-3,
    flags=Flag.WRITE | Flag.FAST,
    keys=_DELETE,
    group="set",
    since="1.0.0",
    summary="Remove members, and the set with its last one.",
    complexity="O(N) for N members",
)
def srem(ctx: Context, key: bytes, member: bytes, *members: bytes) -> int:
    """Return how many members were removed."""
    db = ctx.db
    value = db.get(key, Set)
    if value is None:
        return 0
    removed = value.discard(member)
    if members:
        removed += value.discard_all(members)
    if removed:
        db.touch(key, b"srem", removed)
        if not value:
            db.remove_if_empty(key, value)
    return removed


@command(
    "SMOVE",
    arity=4,
    flags=Flag.WRITE | Flag.FAST,
    keys=_MOVE,
    group="set",
    since="1.0.0",
    summary="Move a member from one set to another.",
    complexity="O(1)",
)
def smove(ctx: Context, source: bytes, destination: bytes, member: bytes) -> int:
    """Return 1 where the member was moved, 0 where the source lacks it."""
    db = ctx.db
    origin = db.get(source, Set)
    if origin is None:
        return 0
    target = db.get(destination, Set)
    if target is origin:
        return 1 if member in origin else 0
    if not origin.discard(member):
        return 0
    db.touch(source, b"srem")
    db.remove_if_empty(source, origin)
    if target is None:
        target = db.get_or_create(destination, Set)
    if target.add(member):
        db.touch(destination, b"sadd")
    return 1


@command(
    "SPOP",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_POP,
    effects=("SREM", "DEL"),
    group="set",
    since="1.0.0",
    summary="Remove a random member, or several, and return what was removed.",
    complexity="O(N) for N members removed",
    tips=(RANDOM,),
)
def spop(ctx: Context, key: bytes, *options: bytes) -> bytes | SetReply | None:
    """Return a member or None; with a count a set of members."""
    count = 1
    if options:
        if len(options) > 1:
            raise CommandError(errors.SYNTAX)
        count = non_negative(options[0])
    value = ctx.db.get(key, Set)
    if value is None or not count:
        return SetReply() if options else None
    popped = value.pop_random(count, ctx.random)
    ctx.db.touch(key, b"spop", len(popped))
    if value:
        ctx.record(b"SREM", key, *popped)
    else:
        ctx.db.remove_if_empty(key, value)
        ctx.record(b"DEL", key)
    if not options:
        return popped[0]
    return SetReply(popped if value else _listed(ctx, popped))


@command(
    "SRANDMEMBER",
    arity=-2,
    flags=Flag.READONLY,
    keys=_READ,
    group="set",
    since="1.0.0",
    summary="Return a random member, or several.",
    complexity="O(N) for N members returned",
    tips=(RANDOM,),
)
def srandmember(ctx: Context, key: bytes, *options: bytes) -> bytes | BulkList | None:
    """Return a member or None; with a count several, none twice unless negative."""
    if not options:
        value = ctx.db.get(key, Set)
        return None if value is None else value.pick(ctx.random)
    if len(options) > 1:
        raise CommandError(errors.SYNTAX)
    count = symmetric_integer(options[0])
    value = ctx.db.get(key, Set)
    if value is None or not count:
        return BulkList()
    if count > 0:
        picked = value.pick_distinct(count, ctx.random)
        return BulkList(_listed(ctx, picked) if count >= len(value) else picked)
    return BulkList(value.pick_any(repeated(count), ctx.random))


@command(
    "SMEMBERS",
    arity=2,
    flags=Flag.READONLY,
    keys=_READ,
    group="set",
    since="1.0.0",
    summary="Return all members.",
    complexity="O(N) for N members",
    tips=(UNORDERED,),
)
def smembers(ctx: Context, key: bytes) -> SetReply:
    """Return the members, integers in order; an empty set where there is none."""
    value = ctx.db.get(key, Set)
    return SetReply() if value is None else SetReply(_listed(ctx, value))


@command(
    "SISMEMBER",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="set",
    since="1.0.0",
    summary="Tell whether a set has a member.",
    complexity="O(1)",
)
def sismember(ctx: Context, key: bytes, member: bytes) -> int:
    """Return 1 where it has, else 0."""
    value = ctx.db.get(key, Set)
    return 1 if value is not None and member in value else 0


@command(
    "SMISMEMBER",
    arity=-3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="set",
    since="6.2.0",
    summary="Tell for each of several members whether a set has it.",
    complexity="O(N) for N members",
)
def smismember(ctx: Context, key: bytes, member: bytes, *members: bytes) -> list[int]:
    """Return 1 or 0 for each member."""
    value = ctx.db.get(key, Set)
    if value is None:
        return [0] * (1 + len(members))
    return [1 if each in value else 0 for each in (member, *members)]


@command(
    "SCARD",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="set",
    since="1.0.0",
    summary="Return the number of members.",
    complexity="O(1)",
)
def scard(ctx: Context, key: bytes) -> int:
    """Return the number of members; 0 where there is no set."""
    value = ctx.db.get(key, Set)
    return 0 if value is None else len(value)


@command(
    "SSCAN",
    arity=-3,
    flags=Flag.READONLY,
    keys=_READ,
    group="set",
    since="2.8.0",
    summary="Go through the members of a set in steps.",
    complexity="O(1) for a step, O(N) for a whole scan of N members",
    convert={"cursor": scan_cursor},
    tips=(RANDOM,),
)
def sscan(ctx: Context, key: bytes, cursor: int, *options: bytes) -> list[object]:
    """Return the next cursor and members."""
    value = ctx.db.get(key, Set)
    if value is None:
        return scan_reply(0, [])
    matches, limit, *_ = scan_options(options)
    config = ctx.server.config
    encoding = value.encoding(
        intset_entries=config.set_max_intset_entries,
        listpack_entries=config.set_max_listpack_entries,
        listpack_value=config.set_max_listpack_value,
    )
    if encoding == HASHTABLE:
        cursor, members = scan_table(value, value, cursor, limit)
    else:
        cursor, members = 0, list(_listed(ctx, value))
    if matches is not None:
        members = list(filter(matches, members))
    return scan_reply(cursor, members)


def _listed(ctx: Context, members: Collection[bytes]) -> Collection[bytes]:
    return list_members(members, ctx.server.config.set_max_intset_entries)
