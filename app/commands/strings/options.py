"""Options of SET and its relatives: conditions, and deadlines in every unit.

    [NX | XX | IFEQ value | ...] [GET]
    [EX seconds | PX ms | EXAT seconds | PXAT ms | KEEPTTL | PERSIST]

Source: Redis 7.2 and Valkey 9.1; see tests/parity/test_strings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.strings.digests import COMPARISONS
from joblog.app.errors import CommandError
from joblog.app.types.numbers import INT64_MAX

if TYPE_CHECKING:
    from joblog.app.state.context import Context

# What options say: the condition, NX, XX or a comparison; what to compare with; the
# deadline's unit, or PERSIST or KEEPTTL; the number after the unit; whether GET was
# there. Empty where nothing was said. Not a NamedTuple: locks are SET NX PX, and making
# one would cost a tenth of the command.
Options = tuple[bytes, bytes, bytes, bytes, bool]

UNIT_MS: Final = {b"EX": 1000, b"EXAT": 1000, b"PX": 1, b"PXAT": 1}
_RELATIVE: Final = frozenset((b"EX", b"PX"))
SET_WORDS: Final = frozenset((b"NX", b"XX", b"GET", b"KEEPTTL", *COMPARISONS))
GETEX_WORDS: Final = frozenset((b"PERSIST",))
MSETEX_WORDS: Final = frozenset((b"NX", b"XX", b"KEEPTTL"))


def parse_options(words: tuple[bytes, ...], allowed: frozenset[bytes]) -> Options:
    """Read options in any order; a word may come twice where it says the same.

    Raises:
        CommandError: an unknown word, two that exclude each other, a missing argument.
    """
    condition = expected = deadline = amount = b""
    is_get = False
    rest = iter(words)
    for given in rest:
        word = given.upper()
        if word in UNIT_MS:
            found = next(rest, None)
            if found is None or deadline not in (b"", word):
                raise CommandError(errors.SYNTAX)
            deadline, amount = word, found
        elif word not in allowed:
            raise CommandError(errors.SYNTAX)
        elif word == b"GET":
            is_get = True
        elif word in (b"NX", b"XX"):
            if condition not in (b"", word):
                raise CommandError(errors.SYNTAX)
            condition = word
        elif word in COMPARISONS:
            found = next(rest, None)
            if found is None or condition:
                raise CommandError(errors.SYNTAX)
            condition, expected = word, found
        else:
            if deadline not in (b"", word):
                raise CommandError(errors.SYNTAX)
            deadline = word
    return condition, expected, deadline, amount, is_get


def deadline_of(ctx: Context, unit: bytes, amount: int, name: bytes) -> int:
    """Return the absolute deadline that an option asks for.

    Args:
        ctx: tells the time.
        unit: EX, PX, EXAT or PXAT.
        amount: the number after it.
        name: the command, for the error.

    Raises:
        CommandError: it is not positive, or beyond 64 bits.
    """
    deadline_ms = amount * UNIT_MS[unit]
    is_relative = unit in _RELATIVE
    if amount <= 0 or deadline_ms > INT64_MAX - (ctx.now_ms if is_relative else 0):
        raise CommandError(errors.invalid_expire_time(name))
    return deadline_ms + ctx.now_ms if is_relative else deadline_ms


def store_until(ctx: Context, key: bytes, value: bytes, deadline_ms: int) -> None:
    """Store a string with a deadline; one that has passed removes the key."""
    db = ctx.db
    if deadline_ms <= ctx.now_ms:
        if db.delete(key):
            db.touch(key, b"del")
            ctx.record(b"DEL", key)
        return
    db.overwrite(key, value)
    db.set_deadline(key, deadline_ms)
    db.touch(key, b"set")
    db.touch(key, b"expire", 0)
    ctx.record(b"SET", key, value, b"PXAT", b"%d" % deadline_ms)
