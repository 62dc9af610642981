"""HyperLogLog commands: count different elements, roughly and in little space.

A HyperLogLog is a string in Redis's own representation, so that GET, SET, DUMP and
other servers take it as theirs.

Source: Redis 7.2; see tests/parity/test_hyperloglog.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.state.alarm import PAST, REPLICA
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hyperloglog import (
    SPARSE_BYTES_MAX,
    CorruptRegistersError,
    HyperLogLog,
    cached_estimate,
    estimate_of,
    is_hyperloglog,
    unite_registers,
    with_estimate,
)

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_SELF_TEST_ELEMENTS: Final = 10_000
_SELF_TEST_ERROR: Final = 0.05


def _get(ctx: Context, key: bytes) -> bytes | None:
    """Return the HyperLogLog at a key, or None where the key is missing.

    Raises:
        CommandError: the key holds something else.
    """
    value = ctx.db.get(key, bytes)
    if value is not None and not is_hyperloglog(value):
        raise CommandError(errors.NOT_A_HYPERLOGLOG)
    return value


def _take_apart(ctx: Context, value: bytes | None) -> HyperLogLog:
    try:
        return HyperLogLog(value, ctx.server.config.hll_sparse_max_bytes)
    except CorruptRegistersError:
        raise CommandError(errors.CORRUPT_HYPERLOGLOG) from None


def _store(
    ctx: Context, key: bytes, value: bytes, event: bytes, changes: int = 1
) -> None:
    """Store a HyperLogLog and say so.

    When a sparse one becomes dense follows from a setting, and the fold of the log
    knows none: where it is not the default, the string itself is recorded.
    """
    if ctx.server.config.hll_sparse_max_bytes != SPARSE_BYTES_MAX:
        ctx.record(b"SET", key, value, b"KEEPTTL")
    ctx.db.set(key, value)
    ctx.db.touch(key, event, changes)


@command(
    "PFADD",
    arity=-2,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("RW INSERT"),
    effects=("SET",),
    group="hyperloglog",
    since="2.8.9",
    summary="Count elements in; a missing key counts as nothing seen.",
    complexity="O(1) for each element",
)
def pfadd(ctx: Context, key: bytes, *elements: bytes) -> int:
    """Return 1 where anything changed, a new key included; else 0."""
    value = _get(ctx, key)
    if value is not None and not elements:
        return 0
    counter = _take_apart(ctx, value)
    changes = sum([counter.add(element) for element in elements])
    if value is not None and not changes:
        return 0
    _store(ctx, key, counter.encode(), b"pfadd", changes + (value is None))
    return 1


@command(
    "PFCOUNT",
    arity=-2,
    flags=Flag.READONLY | Flag.MAY_REPLICATE,
    keys=KeySpec("RW ACCESS", last=-1),
    group="hyperloglog",
    since="2.8.9",
    summary="Return about how many different elements were counted in.",
    complexity="O(1) for one key whose estimate is kept, else O(N) for N keys",
)
def pfcount(ctx: Context, key: bytes, *keys: bytes) -> int:
    """Return the estimate for one key, or for several together."""
    if keys:
        counters = [
            _take_apart(ctx, value)
            for name in (key, *keys)
            if (value := _get(ctx, name)) is not None
        ]
        return estimate_of(unite_registers(each.registers() for each in counters))
    value = _get(ctx, key)
    if value is None:
        return 0
    estimate = cached_estimate(value)
    if estimate is None:
        estimate = _take_apart(ctx, value).estimate()
        if _may_write(ctx):
            ctx.db.set(key, with_estimate(value, estimate))
            # A change of the string, though nothing that is told as an event.
            ctx.db.touch(key, b"")
    return estimate


def _may_write(ctx: Context) -> bool:
    """Say whether the log takes records; in a fold it surely did."""
    alarm = ctx.server.alarm
    if alarm.has(REPLICA):
        # What its master counts it is told, and must not have before.
        return ctx.session.is_master
    return alarm.disk_error is None and not alarm.has(PAST)


@command(
    "PFMERGE",
    arity=-2,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=(
        KeySpec("RW ACCESS INSERT", is_read=True),
        KeySpec("RO ACCESS", 2, -1),
    ),
    effects=("SET",),
    group="hyperloglog",
    since="2.8.9",
    summary="Count all that several keys counted into the first of them.",
    complexity="O(N) for N keys",
)
def pfmerge(ctx: Context, destination: bytes, *keys: bytes) -> SimpleString:
    """Store the union and return OK."""
    target = _get(ctx, destination)
    found = [_get(ctx, key) for key in keys]
    merged = _take_apart(ctx, target)
    counters = [_take_apart(ctx, value) for value in found if value is not None]
    united = unite_registers(each.registers() for each in (merged, *counters))
    if any(each.is_dense for each in counters) and not merged.is_dense:
        merged.make_dense()
    for register, value in enumerate(united):
        if value:
            merged.raise_to(register, value)
    _store(ctx, destination, merged.encode(), b"pfadd")
    return OK


@command(
    "PFDEBUG",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.ADMIN,
    keys=KeySpec("RW ACCESS", first=2),
    effects=("SET",),
    group="hyperloglog",
    since="2.8.9",
    summary="Look inside of a HyperLogLog, for tests.",
    complexity="O(1)",
)
def pfdebug(
    ctx: Context, subcommand: bytes, key: bytes
) -> list[int] | bytes | int | SimpleString:
    """Return registers (GETREG), runs (DECODE) or encoding; or make it dense."""
    value = _get(ctx, key)
    if value is None:
        raise CommandError(errors.PFDEBUG_NO_KEY)
    counter = _take_apart(ctx, value)
    match subcommand.upper():
        case b"GETREG":
            _make_dense(ctx, key, counter)
            return list(counter.registers())
        case b"DECODE":
            if counter.is_dense:
                raise CommandError(errors.PFDEBUG_NOT_SPARSE)
            return counter.describe_runs()
        case b"ENCODING":
            return SimpleString(b"dense" if counter.is_dense else b"sparse")
        case b"TODENSE":
            return int(_make_dense(ctx, key, counter))
    raise CommandError(errors.unknown_pfdebug(subcommand))


def _make_dense(ctx: Context, key: bytes, counter: HyperLogLog) -> bool:
    if counter.is_dense:
        return False
    counter.make_dense()
    _store(ctx, key, counter.encode(is_stale=False), b"")
    return True


@command(
    "PFSELFTEST",
    arity=1,
    flags=Flag.ADMIN,
    group="hyperloglog",
    since="2.8.9",
    summary="Check that registers keep their values and that estimates are near.",
    complexity="O(1)",
)
def pfselftest(_: Context) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: something is wrong.
    """
    sparse, dense = HyperLogLog(), HyperLogLog()
    dense.make_dense()
    for number in range(_SELF_TEST_ELEMENTS):
        element = number.to_bytes(8, "little")
        if sparse.add(element) != dense.add(element):
            raise CommandError(errors.PFSELFTEST_REGISTERS)
    if sparse.registers() != dense.registers():
        raise CommandError(errors.PFSELFTEST_REGISTERS)
    error = abs(dense.estimate() - _SELF_TEST_ELEMENTS) / _SELF_TEST_ELEMENTS
    if error > _SELF_TEST_ERROR:
        raise CommandError(errors.PFSELFTEST_ESTIMATE)
    return OK
