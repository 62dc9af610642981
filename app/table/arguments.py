"""Converters: from the bytes of an argument to a Python value, with Redis's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.types.long_doubles import (
    INFINITE,
    parse_long_double,
    round_to_long_double,
)
from joblog.app.types.numbers import INT64_MAX, INT64_MIN, parse_double, parse_int64

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace

Converter = Callable[[bytes], Any]

_REPEATED_PICKS_MAX: Final = 1 << 24
"""How many times SRANDMEMBER and its like pick where one may come twice.

Redis streams as many as asked for; here the reply is made whole first.
"""

_TIMEOUT_DIGITS: Final = 13
"""Whole seconds with fewer digits are no deadline that overflows."""


def integer(argument: bytes) -> int:
    """Return a signed 64-bit integer.

    Raises:
        CommandError: it is not one.
    """
    value = parse_int64(argument)
    if value is None:
        raise CommandError(errors.NOT_AN_INTEGER)
    return value


def int32(argument: bytes) -> int:
    """Return a signed 32-bit integer, as the index of a database is.

    Raises:
        CommandError: it is not one.
    """
    value = integer(argument)
    if not -(1 << 31) <= value < 1 << 31:
        raise CommandError(errors.NOT_AN_INT32)
    return value


def require_database(keyspace: Keyspace, index: int) -> Database:
    """Return a database by its index.

    Raises:
        CommandError: there is none.
    """
    if not 0 <= index < len(keyspace.databases):
        raise CommandError(errors.NO_DATABASE)
    return keyspace.databases[index]


def double(argument: bytes) -> float:
    """Return a double; infinities are allowed, NaN is not.

    Raises:
        CommandError: it is not one.
    """
    value = parse_double(argument)
    if value is None:
        raise CommandError(errors.NOT_A_FLOAT)
    return value


def non_negative(argument: bytes) -> int:
    """Return an integer from 0 to 2**63 - 1.

    Raises:
        CommandError: it is not one.
    """
    value = parse_int64(argument)
    if value is None or value < 0:
        raise CommandError(errors.NOT_POSITIVE)
    return value


def symmetric_integer(argument: bytes) -> int:
    """Return a signed 64-bit integer whose negation is one too: never -2**63.

    Raises:
        CommandError: it is not one.
    """
    value = integer(argument)
    if value == INT64_MIN:
        raise CommandError(errors.OUT_OF_SYMMETRIC_RANGE)
    return value


def check_paired(count: int) -> None:
    """Refuse a count of picks whose double is no 64-bit integer: each is two replies.

    Raises:
        CommandError: it is refused. Older Redis went on, and crashed (CVE-2023-22458).
    """
    if abs(count) > INT64_MAX // 2:
        raise CommandError(errors.OUT_OF_RANGE)


def repeated(count: int) -> int:
    """Return how many picks a negative count asks for, where one may come twice.

    Raises:
        CommandError: they are too many.
    """
    if -count > _REPEATED_PICKS_MAX:
        raise CommandError(errors.OUT_OF_RANGE)
    return -count


def number_of_keys(argument: bytes) -> int:
    """Return the number of keys that follow, 1 or more.

    Raises:
        CommandError: it is not one.
    """
    value = parse_int64(argument)
    if value is None or value < 1:
        raise CommandError(errors.NUMKEYS_NOT_POSITIVE)
    return value


def timeout_ms(argument: bytes, now_ms: int) -> int:
    """Return the timeout of a blocking command, given in seconds and their fractions.

    Args:
        argument: seconds as a long double; 0 is for ever.
        now_ms: the time, since the deadline has to be a 64-bit integer.

    Returns:
        Milliseconds, rounded up.

    Raises:
        CommandError: it is no number, negative, or too large.
    """
    if argument.isdigit() and len(argument) < _TIMEOUT_DIGITS:
        return int(argument) * 1000
    seconds = parse_long_double(argument)
    if seconds is None:
        raise CommandError(errors.TIMEOUT_NOT_A_FLOAT)
    product = round_to_long_double(seconds.mantissa * 1000, 1, seconds.exponent)
    is_infinite = seconds is INFINITE or product is None
    if (is_infinite and argument[:1] == b"-") or (product and product.mantissa < 0):
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    if is_infinite or product is None:
        raise CommandError(errors.TIMEOUT_OUT_OF_RANGE)
    mantissa, exponent = product
    whole = mantissa << exponent if exponent >= 0 else -(-mantissa >> -exponent)
    if whole > INT64_MAX - now_ms:
        raise CommandError(errors.TIMEOUT_OUT_OF_RANGE)
    return whole


def whole_timeout_ms(argument: bytes, now_ms: int) -> int:
    """Return a timeout that is given in whole milliseconds; 0 is for ever.

    Raises:
        CommandError: it is no integer, negative, or the time then has no 64 bits.
    """
    wait_ms = parse_int64(argument)
    if wait_ms is None:
        raise CommandError(errors.TIMEOUT_NOT_AN_INTEGER)
    if wait_ms < 0:
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    if wait_ms > INT64_MAX - now_ms:
        raise CommandError(errors.TIMEOUT_OUT_OF_RANGE)
    return wait_ms
