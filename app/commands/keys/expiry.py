"""Deadlines: when keys expire.

EXPIRE, PEXPIRE and EXPIREAT are recorded as PEXPIREAT, whose outcome depends on no
clock; where the deadline has passed already the key goes at once, recorded as DEL.

Source: Redis 7.2; see tests/parity/test_expiry.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.numbers import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_CHANGE: Final = KeySpec("RW UPDATE")
_LOOK: Final = KeySpec("RO ACCESS")
_WRITE_FAST: Final = Flag.WRITE | Flag.FAST
_READ_FAST: Final = Flag.READONLY | Flag.FAST
_OPTIONS: Final = frozenset((b"NX", b"XX", b"GT", b"LT"))

_NO_KEY: Final = -2
_NO_DEADLINE: Final = -1


@command(
    "EXPIRE",
    arity=-3,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    effects=("PEXPIREAT", "DEL"),
    group="generic",
    since="1.0.0",
    summary="Let a key expire in some seconds.",
    complexity="O(1)",
)
def expire(ctx: Context, key: bytes, seconds: bytes, *options: bytes) -> int:
    """Return 1, or 0 where the key is missing or an option forbids it."""
    return _expire(ctx, key, seconds, options, b"expire", 1000, ctx.now_ms)


@command(
    "PEXPIRE",
    arity=-3,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    effects=("PEXPIREAT", "DEL"),
    group="generic",
    since="2.6.0",
    summary="Let a key expire in some milliseconds.",
    complexity="O(1)",
)
def pexpire(ctx: Context, key: bytes, milliseconds: bytes, *options: bytes) -> int:
    """Return 1, or 0 where the key is missing or an option forbids it."""
    return _expire(ctx, key, milliseconds, options, b"pexpire", 1, ctx.now_ms)


@command(
    "EXPIREAT",
    arity=-3,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    effects=("PEXPIREAT", "DEL"),
    group="generic",
    since="1.2.0",
    summary="Let a key expire at a time, in seconds since the epoch.",
    complexity="O(1)",
)
def expireat(ctx: Context, key: bytes, seconds: bytes, *options: bytes) -> int:
    """Return 1, or 0 where the key is missing or an option forbids it."""
    return _expire(ctx, key, seconds, options, b"expireat", 1000, 0)


@command(
    "PEXPIREAT",
    arity=-3,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    effects=("PEXPIREAT", "DEL"),
    group="generic",
    since="2.6.0",
    summary="Let a key expire at a time, in milliseconds since the epoch.",
    complexity="O(1)",
)
def pexpireat(ctx: Context, key: bytes, milliseconds: bytes, *options: bytes) -> int:
    """Return 1, or 0 where the key is missing or an option forbids it."""
    return _expire(ctx, key, milliseconds, options, b"pexpireat", 1, 0)


def _expire(
    ctx: Context,
    key: bytes,
    amount: bytes,
    options: tuple[bytes, ...],
    name: bytes,
    unit_ms: int,
    base_ms: int,
) -> int:
    """Set a key's deadline.

    Args:
        ctx: the command's context.
        key: the key.
        amount: the number as it was given; options are checked before it is.
        options: any of NX, XX, GT and LT.
        name: the command in lower case, for the error.
        unit_ms: how many milliseconds one of `amount` is.
        base_ms: what `amount` is added to.

    Returns:
        1, or 0 where nothing changed.

    Raises:
        CommandError: unknown options, or some that exclude each other; a number that
            is none, or beyond 64 bits as milliseconds.
    """
    words = parse_options(options) if options else None
    deadline_ms = integer(amount) * unit_ms
    if not INT64_MIN <= deadline_ms <= INT64_MAX - base_ms:
        raise CommandError(errors.invalid_expire_time(name))
    deadline_ms += base_ms
    db = ctx.db
    if db.lookup(key) is None:
        return 0
    if words and not is_allowed(words, db.deadline_ms(key), deadline_ms):
        return 0
    if deadline_ms <= ctx.now_ms:
        db.delete(key)
        db.touch(key, b"del")
        ctx.record(b"DEL", key)
        return 1
    db.set_deadline(key, deadline_ms)
    db.touch(key, b"expire")
    if options or base_ms or unit_ms != 1:
        ctx.record(b"PEXPIREAT", key, b"%d" % deadline_ms)
    return 1


def parse_options(options: tuple[bytes, ...]) -> frozenset[bytes]:
    """Return the options in upper case.

    Raises:
        CommandError: one is unknown, or they exclude each other.
    """
    words = frozenset(map(bytes.upper, options))
    if not words <= _OPTIONS:
        unknown = next(o for o in options if o.upper() not in _OPTIONS)
        raise CommandError(errors.unsupported_option(unknown))
    if b"NX" in words and len(words) > 1:
        raise CommandError(errors.EXPIRE_NX_AND_OTHERS)
    if b"GT" in words and b"LT" in words:
        raise CommandError(errors.EXPIRE_GT_AND_LT)
    return words


def is_allowed(words: frozenset[bytes], old_ms: int | None, new_ms: int) -> bool:
    """Say whether the options let a new deadline take the place of the old one.

    A key without a deadline counts as one that expires later than any other.
    """
    if b"NX" in words:
        return old_ms is None
    if b"XX" in words and old_ms is None:
        return False
    if b"GT" in words:
        return old_ms is not None and new_ms > old_ms
    return b"LT" not in words or old_ms is None or new_ms < old_ms


@command(
    "PERSIST",
    arity=2,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    group="generic",
    since="2.2.0",
    summary="Let a key live for ever.",
    complexity="O(1)",
)
def persist(ctx: Context, key: bytes) -> int:
    """Return 1, or 0 where the key is missing or had no deadline."""
    db = ctx.db
    if db.lookup(key) is None or not db.clear_deadline(key):
        return 0
    db.touch(key, b"persist")
    return 1


@command(
    "TTL",
    arity=2,
    flags=_READ_FAST,
    keys=_LOOK,
    group="generic",
    since="1.0.0",
    summary="Tell in how many seconds a key expires.",
    complexity="O(1)",
    tips=(RANDOM,),
)
def ttl(ctx: Context, key: bytes) -> int:
    """Return seconds, rounded; -1 without a deadline, -2 where the key is missing."""
    rest_ms = pttl(ctx, key)
    return rest_ms if rest_ms < 0 else (rest_ms + 500) // 1000


@command(
    "PTTL",
    arity=2,
    flags=_READ_FAST,
    keys=_LOOK,
    group="generic",
    since="2.6.0",
    summary="Tell in how many milliseconds a key expires.",
    complexity="O(1)",
    tips=(RANDOM,),
)
def pttl(ctx: Context, key: bytes) -> int:
    """Return milliseconds; -1 without a deadline, -2 where the key is missing."""
    deadline_ms = pexpiretime(ctx, key)
    return deadline_ms if deadline_ms < 0 else max(deadline_ms - ctx.now_ms, 0)


@command(
    "EXPIRETIME",
    arity=2,
    flags=_READ_FAST,
    keys=_LOOK,
    group="generic",
    since="7.0.0",
    summary="Tell when a key expires, in seconds since the epoch.",
    complexity="O(1)",
)
def expiretime(ctx: Context, key: bytes) -> int:
    """Return seconds, rounded; -1 without a deadline, -2 where the key is missing."""
    deadline_ms = pexpiretime(ctx, key)
    return deadline_ms if deadline_ms < 0 else (deadline_ms + 500) // 1000


@command(
    "PEXPIRETIME",
    arity=2,
    flags=_READ_FAST,
    keys=_LOOK,
    group="generic",
    since="7.0.0",
    summary="Tell when a key expires, in milliseconds since the epoch.",
    complexity="O(1)",
)
def pexpiretime(ctx: Context, key: bytes) -> int:
    """Return milliseconds; -1 without a deadline, -2 where the key is missing."""
    db = ctx.db
    if db.lookup(key) is None:
        return _NO_KEY
    deadline_ms = db.deadline_ms(key)
    return _NO_DEADLINE if deadline_ms is None else deadline_ms
