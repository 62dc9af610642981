"""DIGEST, and removing keys on conditions: DELIFEQ and DELEX.

What is removed is recorded as DEL.

Source: Valkey 9.1 for DELIFEQ, see tests/parity/test_string_conditions.py; the public
documentation of Redis 8.4 for DELEX and DIGEST, of which there is no server to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.strings.digests import COMPARISONS, digest_of, is_met
from joblog.app.errors import CommandError
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_CONDITION_WORDS: Final = 2


@command(
    "DIGEST",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO ACCESS"),
    group="string",
    since="8.4.0",
    summary="Return a digest of the string at a key, to compare it with.",
    complexity="O(N) for N bytes",
)
def digest(ctx: Context, key: bytes) -> bytes | None:
    """Return sixteen hexadecimal digits, or None where the key is missing."""
    value = ctx.db.get(key, bytes)
    return None if value is None else digest_of(value)


@command(
    "DELIFEQ",
    arity=3,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RM DELETE"),
    effects=("DEL",),
    group="string",
    since="8.4.0",
    summary="Remove a key that holds a certain string.",
    complexity="O(1)",
)
def delifeq(ctx: Context, key: bytes, value: bytes) -> int:
    """Return 1 where the key was removed, else 0. Only Valkey has this command."""
    return _remove(ctx, key) if ctx.db.get(key, bytes) == value else 0


@command(
    "DELEX",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW DELETE"),
    effects=("DEL",),
    group="string",
    since="8.4.0",
    summary="Remove a key, perhaps only where its string is, or is not, a certain one.",
    complexity="O(1), and O(N) for N bytes with a digest",
)
def delex(ctx: Context, key: bytes, *options: bytes) -> int:
    """Return 1 where the key was removed, else 0."""
    if options and len(options) != _CONDITION_WORDS:
        raise CommandError(errors.wrong_arity(b"delex"))
    value = ctx.db.lookup(key)
    if value is None:
        return 0
    if options:
        if type(value) is not bytes:
            raise CommandError(errors.DELEX_NOT_A_STRING)
        condition = options[0].upper()
        if condition not in COMPARISONS:
            raise CommandError(errors.DELEX_CONDITION)
        if not is_met(value, condition, options[1]):
            return 0
    return _remove(ctx, key)


def _remove(ctx: Context, key: bytes) -> int:
    ctx.db.delete(key)
    ctx.db.touch(key, b"del")
    ctx.record(b"DEL", key)
    return 1
