"""String commands that store and return whole strings.

`string_numbers` adds to the numbers written in strings, `string_ranges` works on
parts of them, `string_conditions` removes strings that are what a client thinks.

Source: Redis 7.2; see tests/parity/test_strings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.strings.digests import COMPARISONS, is_met
from joblog.app.commands.strings.options import (
    GETEX_WORDS,
    MSETEX_WORDS,
    SET_WORDS,
    UNIT_MS,
    deadline_of,
    parse_options,
    store_until,
)
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, LEAST, MULTI
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_OK: Final = OK  # what is Final is found without a look at a table
_READ: Final = KeySpec("RO ACCESS")
_WRITE: Final = KeySpec("OW UPDATE")
_CHANGE: Final = KeySpec("RW ACCESS UPDATE", is_read=True)
_MSETEX_KEYS_MAX: Final = (1 << 31) - 1


@command(
    "GET",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="string",
    since="1.0.0",
    summary="Return the string at a key.",
    complexity="O(1)",
)
def get(ctx: Context, key: bytes) -> bytes | None:
    """Return the string, or None where the key is missing."""
    return ctx.db.get(key, bytes)


def _access_of_set(argv: list[bytes]) -> str:
    """Return what SET does with its key: whether it looks at the old value."""
    has_get = any(word.upper() == b"GET" for word in argv[3:])
    return "RW ACCESS UPDATE" if has_get else "OW UPDATE"


@command(
    "SET",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.LOOKS_UP,
    keys=KeySpec("RW ACCESS UPDATE", access_for=_access_of_set),
    effects=("SET", "DEL"),
    group="string",
    since="1.0.0",
    summary="Store a string, whatever the key held, with conditions and a deadline.",
    complexity="O(1)",
)
def set_(
    ctx: Context, key: bytes, value: bytes, *options: bytes
) -> SimpleString | bytes | None:
    """Return OK; with GET the old string; None where NX or XX forbids to store."""
    if options:
        return _set_with_options(ctx, key, value, options)
    db = ctx.db
    db.overwrite(key, value)
    db.touch(key, b"set")
    return _OK


def _set_with_options(
    ctx: Context, key: bytes, value: bytes, words: tuple[bytes, ...]
) -> SimpleString | bytes | None:
    condition, expected, deadline, amount, is_get = parse_options(words, SET_WORDS)
    deadline_ms = 0
    if deadline in UNIT_MS:
        deadline_ms = deadline_of(ctx, deadline, integer(amount), b"set")
    db = ctx.db
    is_compared = condition in COMPARISONS
    old = db.get(key, bytes) if is_get or is_compared else None
    if is_compared:
        if not is_met(old, condition, expected):
            return old if is_get else None
    elif condition:
        exists = old is not None or db.peek(key) is not None
        if exists is not (condition == b"XX"):
            return old
    if deadline_ms:
        store_until(ctx, key, value, deadline_ms)
    else:
        if deadline:
            db.set(key, value)
        else:
            db.overwrite(key, value)
        db.touch(key, b"set")
        if is_compared:
            ctx.record(b"SET", key, value, *((b"KEEPTTL",) if deadline else ()))
    return old if is_get else OK


@command(
    "SETEX",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_WRITE,
    effects=("SET", "DEL"),
    group="string",
    since="2.0.0",
    summary="Store a string for a number of seconds.",
    complexity="O(1)",
    convert={"seconds": integer},
)
def setex(ctx: Context, key: bytes, seconds: int, value: bytes) -> SimpleString:
    """Return OK."""
    store_until(ctx, key, value, deadline_of(ctx, b"EX", seconds, b"setex"))
    return OK


@command(
    "PSETEX",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_WRITE,
    effects=("SET", "DEL"),
    group="string",
    since="2.6.0",
    summary="Store a string for a number of milliseconds.",
    complexity="O(1)",
    convert={"milliseconds": integer},
)
def psetex(ctx: Context, key: bytes, milliseconds: int, value: bytes) -> SimpleString:
    """Return OK."""
    store_until(ctx, key, value, deadline_of(ctx, b"PX", milliseconds, b"psetex"))
    return OK


@command(
    "SETNX",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("OW INSERT"),
    group="string",
    since="1.0.0",
    summary="Store a string where the key is missing.",
    complexity="O(1)",
)
def setnx(ctx: Context, key: bytes, value: bytes) -> int:
    """Return 1 where the string was stored, else 0."""
    db = ctx.db
    if db.lookup(key) is not None:
        return 0
    db.set(key, value)
    db.touch(key, b"set")
    return 1


@command(
    "GETSET",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="string",
    since="1.0.0",
    summary="Store a string and return the one that was there.",
    complexity="O(1)",
)
def getset(ctx: Context, key: bytes, value: bytes) -> bytes | None:
    """Return the old string, or None where the key was missing."""
    db = ctx.db
    old = db.get(key, bytes)
    db.overwrite(key, value)
    db.touch(key, b"set")
    return old


@command(
    "GETDEL",
    arity=2,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW ACCESS DELETE", is_read=True),
    effects=("DEL",),
    group="string",
    since="6.2.0",
    summary="Return the string at a key and remove the key.",
    complexity="O(1)",
)
def getdel(ctx: Context, key: bytes) -> bytes | None:
    """Return the string, or None where the key was missing."""
    db = ctx.db
    old = db.get(key, bytes)
    if old is not None:
        db.delete(key)
        db.touch(key, b"del")
        ctx.record(b"DEL", key)
    return old


@command(
    "GETEX",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_CHANGE,
    effects=("PEXPIREAT", "PERSIST", "DEL"),
    group="string",
    since="6.2.0",
    summary="Return the string at a key and set or remove its deadline.",
    complexity="O(1)",
)
def getex(ctx: Context, key: bytes, *options: bytes) -> bytes | None:
    """Return the string, or None where the key is missing."""
    _, _, deadline, amount, _ = parse_options(options, GETEX_WORDS)
    db = ctx.db
    value = db.get(key, bytes)
    if value is None or not deadline:
        return value
    if deadline == b"PERSIST":
        if db.clear_deadline(key):
            db.touch(key, b"persist")
            ctx.record(b"PERSIST", key)
        return value
    deadline_ms = deadline_of(ctx, deadline, integer(amount), b"getex")
    if deadline_ms <= ctx.now_ms:
        db.delete(key)
        db.touch(key, b"del")
        ctx.record(b"DEL", key)
    else:
        db.set_deadline(key, deadline_ms)
        db.touch(key, b"expire")
        ctx.record(b"PEXPIREAT", key, b"%d" % deadline_ms)
    return value


@command(
    "MGET",
    arity=-2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO ACCESS", last=-1),
    group="string",
    since="1.0.0",
    summary="Return the strings at several keys.",
    complexity="O(N) for N keys",
    tips=(MULTI,),
)
def mget(ctx: Context, key: bytes, *keys: bytes) -> list[bytes | None]:
    """Return a string for each key; None where it is missing or no string."""
    lookup = ctx.db.lookup
    values = [lookup(each) for each in (key, *keys)]
    return [value if type(value) is bytes else None for value in values]


@command(
    "MSET",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("OW UPDATE", last=-1, step=2),
    group="string",
    since="1.0.1",
    summary="Store strings at several keys, all at once.",
    complexity="O(N) for N keys",
    tips=(MULTI, ALL),
)
def mset(ctx: Context, key: bytes, value: bytes, *more: bytes) -> SimpleString:
    """Return OK."""
    if len(more) % 2:
        raise CommandError(errors.wrong_arity(b"mset"))
    _store_all(ctx, (key, value, *more))
    return _OK


@command(
    "MSETNX",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("OW INSERT", last=-1, step=2),
    group="string",
    since="1.0.1",
    summary="Store strings at several keys, where none of the keys exists.",
    complexity="O(N) for N keys",
    tips=(MULTI, LEAST),
)
def msetnx(ctx: Context, key: bytes, value: bytes, *more: bytes) -> int:
    """Return 1 where all strings were stored, 0 where none was."""
    if len(more) % 2:
        raise CommandError(errors.wrong_arity(b"msetnx"))
    lookup = ctx.db.lookup
    if any(lookup(each) is not None for each in (key, *more[::2])):
        return 0
    _store_all(ctx, (key, value, *more))
    return 1


def _store_all(ctx: Context, pairs: tuple[bytes, ...]) -> None:
    db = ctx.db
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        db.overwrite(key, value)
        db.touch(key, b"set")


@command(
    "MSETEX",
    arity=-4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.MOVABLEKEYS,
    keys=numkeys_at(1, "OW UPDATE", step=2),
    effects=("MSET", "SET", "DEL"),
    group="string",
    since="8.4.0",
    summary="Store strings at several keys, with one deadline, perhaps on conditions.",
    complexity="O(N) for N keys",
    tips=(MULTI, ALL),
)
def msetex(ctx: Context, numkeys: bytes, key: bytes, value: bytes, *more: bytes) -> int:
    """Return 1 where all strings were stored, 0 where none was."""
    count = parse_int64(numkeys)
    if count is None or not 0 < count <= _MSETEX_KEYS_MAX:
        raise CommandError(errors.INVALID_NUMKEYS)
    words = (key, value, *more)
    pairs, options = words[: 2 * count], words[2 * count :]
    if len(pairs) < 2 * count:
        raise CommandError(errors.SYNTAX)
    condition, _, deadline, amount, _ = parse_options(options, MSETEX_WORDS)
    deadline_ms = 0
    if deadline in UNIT_MS:
        deadline_ms = deadline_of(ctx, deadline, integer(amount), b"msetex")
    if condition:
        is_wanted = condition == b"XX"
        if any((ctx.db.peek(each) is not None) != is_wanted for each in pairs[::2]):
            return 0
    if not deadline:
        _store_all(ctx, pairs)
        ctx.record(b"MSET", *pairs)
        return 1
    for name, content in zip(pairs[::2], pairs[1::2], strict=True):
        if deadline_ms:
            store_until(ctx, name, content, deadline_ms)
        else:
            ctx.db.set(name, content)
            ctx.db.touch(name, b"set")
            ctx.record(b"SET", name, content, b"KEEPTTL")
    return 1
