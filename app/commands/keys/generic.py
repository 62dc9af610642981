"""Commands on keys of any type: remove, count, rename, copy, move, look at.

`keys_iteration` lists and picks keys, `expiry` sees to deadlines, `databases` works on
whole databases, `object_commands` looks inside of values.

Source: Redis 7.2; see tests/parity/test_generic.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import int32, require_database
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import MULTI, SUM
from joblog.app.types.kinds import copy_value, kind_name

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

_FROM: Final = KeySpec("RW ACCESS DELETE")
_REMOVE: Final = KeySpec("RM DELETE", last=-1)
_READ_ALL: Final = KeySpec("RO", last=-1)
_NO_KEY: Final = SimpleString(b"none")


@command(
    "DEL",
    arity=-2,
    flags=Flag.WRITE,
    keys=_REMOVE,
    group="generic",
    since="1.0.0",
    summary="Remove keys.",
    complexity="O(N) for N keys and the elements of the collections among them",
    tips=(MULTI, SUM),
)
def del_(ctx: Context, key: bytes, *keys: bytes) -> int:
    """Return how many of the keys were there; one given twice counts once."""
    db = ctx.db
    removed = 0
    for name in (key, *keys):
        if db.lookup(name) is not None:
            db.delete(name)
            db.touch(name, b"del")
            removed += 1
    return removed


@command(
    "UNLINK",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_REMOVE,
    group="generic",
    since="4.0.0",
    summary="Remove keys; here the same as DEL.",
    complexity="O(N) for N keys and the elements of the collections among them",
    tips=(MULTI, SUM),
)
def unlink(ctx: Context, key: bytes, *keys: bytes) -> int:
    """Return how many of the keys were there."""
    return del_(ctx, key, *keys)


@command(
    "EXISTS",
    arity=-2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ_ALL,
    group="generic",
    since="1.0.0",
    summary="Count which of the keys are there.",
    complexity="O(N) for N keys",
    tips=(MULTI, SUM),
)
def exists(ctx: Context, key: bytes, *keys: bytes) -> int:
    """Return how many of the keys are there; one given twice counts twice."""
    lookup = ctx.db.lookup
    return sum(lookup(name) is not None for name in (key, *keys))


@command(
    "TOUCH",
    arity=-2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ_ALL,
    group="generic",
    since="3.2.1",
    summary="Count which of the keys are there, and let them pass as used.",
    complexity="O(N) for N keys",
    tips=(MULTI, SUM),
)
def touch(ctx: Context, key: bytes, *keys: bytes) -> int:
    """Return how many of the keys are there; one given twice counts twice."""
    return exists(ctx, key, *keys)


@command(
    "TYPE",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO"),
    group="generic",
    since="1.0.0",
    summary="Tell the type of the value at a key.",
    complexity="O(1)",
)
def type_(ctx: Context, key: bytes) -> SimpleString:
    """Return the type's name, or `none` where the key is missing."""
    value = ctx.db.lookup(key)
    return _NO_KEY if value is None else SimpleString(kind_name(value))


@command(
    "RENAME",
    arity=3,
    flags=Flag.WRITE,
    keys=(_FROM, KeySpec("OW UPDATE", first=2)),
    group="generic",
    since="1.0.0",
    summary="Give a key another name; a key that has it already is replaced.",
    complexity="O(1), and the elements of a collection that is replaced",
)
def rename(ctx: Context, key: bytes, new_key: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the key is missing.
    """
    db = ctx.db
    value = _require(db, key)
    if key != new_key:
        db.lookup(new_key)  # has it expired, the log says so before it is replaced
        _carry(db, key, db, new_key, value)
        db.touch(key, b"rename_from")
        db.touch(new_key, b"rename_to", 0)
    return OK


@command(
    "RENAMENX",
    arity=3,
    flags=Flag.WRITE | Flag.FAST,
    keys=(_FROM, KeySpec("OW INSERT", first=2)),
    group="generic",
    since="1.0.0",
    summary="Give a key another name, unless a key has it already.",
    complexity="O(1)",
)
def renamenx(ctx: Context, key: bytes, new_key: bytes) -> int:
    """Return 1, or 0 where the new name is taken.

    Raises:
        CommandError: the key is missing.
    """
    db = ctx.db
    value = _require(db, key)
    if db.lookup(new_key) is not None:
        return 0
    _carry(db, key, db, new_key, value)
    db.touch(key, b"rename_from")
    db.touch(new_key, b"rename_to", 0)
    return 1


@command(
    "MOVE",
    arity=3,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW ACCESS UPDATE", databases=lambda db, argv: [db, int(argv[2])]),
    group="generic",
    since="1.0.0",
    summary="Move a key to another database, unless it has such a key already.",
    complexity="O(1)",
    convert={"index": int32},
)
def move(ctx: Context, key: bytes, index: int) -> int:
    """Return 1, or 0 where the key is missing here, or already there.

    Raises:
        CommandError: there is no such database, or it is this one.
    """
    db = ctx.db
    target = require_database(ctx.keyspace, index)
    if target is db:
        raise CommandError(errors.SAME_OBJECT)
    value = db.lookup(key)
    if value is None or target.lookup(key) is not None:
        return 0
    _carry(db, key, target, key, value)
    db.touch(key, b"move_from")
    target.touch(key, b"move_to", 0)
    return 1


def _copied_to(db: int, argv: list[bytes]) -> list[int]:
    """Return the database that COPY writes to, as a number."""
    words = [word.upper() for word in argv[3:-1]]
    return [int(argv[words.index(b"DB") + 4]) if b"DB" in words else db]


@command(
    "COPY",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=(
        KeySpec("RO ACCESS"),
        KeySpec("OW UPDATE", first=2, databases=_copied_to),
    ),
    group="generic",
    since="6.2.0",
    summary="Copy the value and the deadline of a key to another key.",
    complexity="O(N) for N elements of a collection, O(1) for a string",
)
def copy(ctx: Context, key: bytes, new_key: bytes, *options: bytes) -> int:
    """Return 1, or 0 where there is nothing to copy or the other key is there already.

    Raises:
        CommandError: an unknown option, no such database, or a key onto itself.
    """
    db = ctx.db
    target, is_replacing = _copy_options(ctx, options)
    if target is db and key == new_key:
        raise CommandError(errors.SAME_OBJECT)
    value = db.lookup(key)
    if value is None:
        return 0
    if target.peek(new_key) is not None and not is_replacing:
        return 0
    target.delete(new_key)  # what takes its place is a new key to those who listen
    target.place(new_key, copy_value(value), db.deadline_ms(key))
    target.touch(new_key, b"copy_to")
    return 1


def _copy_options(ctx: Context, options: tuple[bytes, ...]) -> tuple[Database, bool]:
    """Return the database to copy to, and whether to replace a key there."""
    target, is_replacing = ctx.db, False
    rest = iter(options)
    for option in rest:
        word = option.upper()
        if word == b"REPLACE":
            is_replacing = True
            continue
        index = next(rest, None) if word == b"DB" else None
        if index is None:
            raise CommandError(errors.SYNTAX)
        target = require_database(ctx.keyspace, int32(index))
    return target, is_replacing


def _require(db: Database, key: bytes) -> Any:
    """Return the value of a key of any type, or refuse."""
    value = db.lookup(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    return value


def _carry(
    source: Database, key: bytes, target: Database, new_key: bytes, value: Any
) -> None:
    """Take a key with its deadline from one place to another."""
    deadline_ms = source.deadline_ms(key)
    source.delete(key)
    target.place(new_key, value, deadline_ms)
