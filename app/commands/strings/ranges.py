"""String commands that read or change a part of a string, or compare two.

Source: Redis 7.2; see tests/parity/test_strings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.strings import CommonSubsequence, Match, get_range, set_range

if TYPE_CHECKING:
    from joblog.app.state.context import Context

# What one cell of Redis's table takes; it refuses a table above proto-max-bulk-len.
_LCS_CELL_BYTES = 4


@command(
    "APPEND",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("RW INSERT"),
    group="string",
    since="2.0.0",
    summary="Append to the string at a key; a missing key counts as empty.",
    complexity="O(N) for N bytes of the whole string",
)
def append(ctx: Context, key: bytes, value: bytes) -> int:
    """Return the new length in bytes."""
    db = ctx.db
    old = db.get(key, bytes)
    if old is not None:
        _check_length(ctx, len(old) + len(value))
        value = old + value
    db.set(key, value)
    db.touch(key, b"append")
    return len(value)


@command(
    "STRLEN",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO"),
    group="string",
    since="2.2.0",
    summary="Return how many bytes the string at a key has.",
    complexity="O(1)",
)
def strlen(ctx: Context, key: bytes) -> int:
    """Return the length in bytes; 0 where the key is missing."""
    value = ctx.db.get(key, bytes)
    return 0 if value is None else len(value)


@command(
    "SETRANGE",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("RW UPDATE"),
    group="string",
    since="2.2.0",
    summary="Overwrite a part of the string at a key, from an offset on.",
    complexity="O(N) for N bytes of the whole string",
    convert={"offset": integer},
)
def setrange(ctx: Context, key: bytes, offset: int, value: bytes) -> int:
    """Return the new length in bytes; zero bytes fill the gap before the offset."""
    if offset < 0:
        raise CommandError(errors.OFFSET_OUT_OF_RANGE)
    db = ctx.db
    old = db.get(key, bytes) or b""
    if not value:
        return len(old)
    _check_length(ctx, offset + len(value))
    new = set_range(old, offset, value)
    db.set(key, new)
    db.touch(key, b"setrange")
    return len(new)


def _check_length(ctx: Context, length: int) -> None:
    if length > ctx.server.config.proto_max_bulk_len:
        raise CommandError(errors.STRING_TOO_LONG)


@command(
    "GETRANGE",
    arity=4,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="string",
    since="2.4.0",
    summary="Return the part of a string between two offsets, both included.",
    complexity="O(N) for N bytes of the part",
    convert={"start": integer, "end": integer},
)
def getrange(ctx: Context, key: bytes, start: int, end: int) -> bytes:
    """Return the part; empty where the key is missing or nothing lies there."""
    value = ctx.db.get(key, bytes)
    return get_range(value, start, end) if value else b""


@command(
    "SUBSTR",
    arity=4,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="string",
    since="1.0.0",
    summary="Return a part of a string: the old name of GETRANGE.",
    complexity="O(N) for N bytes of the part",
    convert={"start": integer, "end": integer},
)
def substr(ctx: Context, key: bytes, start: int, end: int) -> bytes:
    """Return the part; empty where the key is missing or nothing lies there."""
    return getrange(ctx, key, start, end)


@command(
    "LCS",
    arity=-3,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS", last=2),
    group="string",
    since="7.0.0",
    summary="Return the longest common subsequence of two strings.",
    complexity="O(N*M) for strings of N and M bytes",
)
def lcs(
    ctx: Context, key1: bytes, key2: bytes, *options: bytes
) -> bytes | int | dict[bytes, Any]:
    """Return the subsequence, its length (LEN), or its runs (IDX)."""
    left, right = ctx.db.lookup(key1), ctx.db.lookup(key2)
    for value in (left, right):
        if value is not None and type(value) is not bytes:
            raise CommandError(errors.LCS_NOT_STRINGS)
    is_length, is_indexes, with_length, least = False, False, False, 0
    rest = iter(options)
    for option in rest:
        match option.upper():
            case b"LEN":
                is_length = True
            case b"IDX":
                is_indexes = True
            case b"WITHMATCHLEN":
                with_length = True
            case b"MINMATCHLEN" if (given := next(rest, None)) is not None:
                least = integer(given)
            case _:
                raise CommandError(errors.SYNTAX)
    if is_length and is_indexes:
        raise CommandError(errors.LCS_LENGTH_AND_INDEXES)
    common = _common_subsequence(ctx, left or b"", right or b"")
    if is_length:
        return common.length
    if not is_indexes:
        return common.text()
    matches = [
        _describe(match, with_length=with_length)
        for match in common.matches()
        if match.length >= least
    ]
    return {b"matches": matches, b"len": common.length}


def _common_subsequence(ctx: Context, left: bytes, right: bytes) -> CommonSubsequence:
    cells = (len(left) + 1) * (len(right) + 1)
    if cells * _LCS_CELL_BYTES > ctx.server.config.proto_max_bulk_len:
        raise CommandError(errors.LCS_TOO_LARGE)
    return CommonSubsequence(left, right)


def _describe(match: Match, *, with_length: bool) -> list[Any]:
    found: list[Any] = [
        [match.left_first, match.left_last],
        [match.right_first, match.right_last],
    ]
    return [*found, match.length] if with_length else found
