"""DUMP and RESTORE: values as bytes, which other servers understand too.

Source: Redis 7.2; see tests/parity/test_dump.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.dump_payload import (
    WrongFooterError,
    decode_payload,
    encode_payload,
    with_checksum,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_FREQUENCY_MAX: Final = 255
_RESTORE_FLAGS: Final = Flag.WRITE | Flag.DENYOOM
_RESTORE_KEYS: Final = KeySpec("OW UPDATE")


@command(
    "DUMP",
    arity=2,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="generic",
    since="2.6.0",
    summary="Return the value at a key as bytes that RESTORE takes.",
    complexity="O(N) for a value of N bytes",
    tips=(RANDOM,),
)
def dump(ctx: Context, key: bytes) -> bytes | None:
    """Return the payload, or None where the key is missing."""
    value = ctx.db.lookup(key)
    return None if value is None else encode_payload(value)


class _Options(NamedTuple):
    """What a RESTORE asks for.

    Attributes:
        replaces: whether a key that is there gives way.
        is_absolute: whether the TTL is a deadline, in ms since the epoch.
        idle_seconds: for how long the key was not used, or -1.
        frequency: how often it was, or -1.
    """

    replaces: bool
    is_absolute: bool
    idle_seconds: int
    frequency: int


def _parse(words: Sequence[bytes]) -> _Options:
    """Read the options."""
    replaces, is_absolute = False, False
    allowed = {b"IDLETIME", b"FREQ"}
    uses = {b"IDLETIME": -1, b"FREQ": -1}
    rest = list(reversed(words))
    while rest:
        word = rest.pop().upper()
        if word == b"REPLACE":
            replaces = True
        elif word == b"ABSTTL":
            is_absolute = True
        elif word in allowed and rest:
            allowed = {word}
            uses[word] = _checked_use(word, integer(rest.pop()))
        else:
            raise CommandError(errors.SYNTAX)
    return _Options(replaces, is_absolute, uses[b"IDLETIME"], uses[b"FREQ"])


def _checked_use(word: bytes, value: int) -> int:
    if word == b"IDLETIME" and value < 0:
        raise CommandError(errors.RESTORE_IDLETIME)
    if word == b"FREQ" and not 0 <= value <= _FREQUENCY_MAX:
        raise CommandError(errors.RESTORE_FREQ)
    return value


def _decode(payload: bytes) -> Any:
    try:
        return decode_payload(payload)
    except WrongFooterError:
        raise CommandError(errors.BAD_DUMP_PAYLOAD) from None
    except ValueError:
        raise CommandError(errors.BAD_DUMP_DATA) from None


@command(
    "RESTORE",
    arity=-4,
    flags=_RESTORE_FLAGS,
    keys=_RESTORE_KEYS,
    effects=("RESTORE", "DEL"),
    group="generic",
    since="2.6.0",
    summary="Make a key of what DUMP returned, here or on another server.",
    complexity="O(N) for a value of N bytes",
    acl=("dangerous",),
)
def restore(
    ctx: Context, key: bytes, ttl: bytes, payload: bytes, *options: bytes
) -> SimpleString:
    """Store the value and return OK."""
    wanted = _parse(options)
    db = ctx.db
    has_old = db.lookup(key) is not None
    if has_old and not wanted.replaces:
        raise CommandError(errors.BUSY_KEY)
    deadline_ms = integer(ttl)
    if deadline_ms < 0:
        raise CommandError(errors.RESTORE_TTL_NEGATIVE)
    is_repaired = ctx.server.skips_checksums
    if is_repaired:
        payload = with_checksum(payload)
    value = _decode(payload)
    if deadline_ms and not wanted.is_absolute:
        deadline_ms += ctx.now_ms
    if 0 < deadline_ms <= ctx.now_ms:
        if has_old:
            db.delete(key)
            db.touch(key, b"del")
            ctx.record(b"DEL", key)
        return OK
    db.place(key, value, deadline_ms or None)
    if options or deadline_ms or is_repaired:
        words = (b"ABSTTL", b"REPLACE") if wanted.replaces else (b"ABSTTL",)
        ctx.record(b"RESTORE", key, b"%d" % deadline_ms, payload, *words)
    db.touch(key, b"restore")
    if wanted.idle_seconds >= 0 or wanted.frequency >= 0:
        ctx.engine.uses.restore(
            db,
            key,
            idle_seconds=wanted.idle_seconds,
            frequency=wanted.frequency,
        )
    return OK


@command(
    "RESTORE-ASKING",
    arity=-4,
    flags=_RESTORE_FLAGS | Flag.ASKING,
    keys=_RESTORE_KEYS,
    effects=("RESTORE", "DEL"),
    group="server",
    since="3.0.0",
    summary="RESTORE by another name, which nodes of a cluster use.",
    complexity="O(N) for a value of N bytes",
    acl=("keyspace", "dangerous"),
)
def restore_asking(
    ctx: Context, key: bytes, ttl: bytes, payload: bytes, *options: bytes
) -> SimpleString:
    """Store the value and return OK."""
    return restore(ctx, key, ttl, payload, *options)
