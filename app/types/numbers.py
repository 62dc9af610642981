"""Numbers as Redis reads and prints them.

Three kinds cross the wire as text:

    integer       int64, canonical decimal: no space, no '+', no leading zero
    double        IEEE binary64; C's strtod on the way in, shortest digits out
    long double   see `joblog.app.types.long_doubles`
"""

from __future__ import annotations

import math
import re
from typing import Final

from joblog.app.types.grisu import shortest_digits

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1

_INT64_DIGITS_MAX: Final = 20
_INT64_DIGITS_SURE: Final = 19
_INT64_SURE: Final = 1 << 61
_ZERO: Final = ord("0")
_NINE: Final = 9
_MINUS: Final = ord("-")
DECIMAL: Final = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
HEXADECIMAL: Final = re.compile(
    rb"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
)
INFINITY: Final = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)
# Whole numbers up to half of int64's range are printed as integers.
_INTEGER_MAX: Final = float(1 << 62)

# When a double is printed without an exponent: few zeros to add, a small magnitude.
_ZEROS_BELOW: Final = 7
_SMALL_BELOW: Final = 4
_MANY_ZEROS: Final = 1e7
_EXACT_BELOW: Final = 2.0**53
_INFINITIES: Final = {b"-inf": -math.inf, b"+inf": math.inf, b"inf": math.inf}
_C_BLANKS: Final = b" \t\n\v\f\r"


def parse_int64(text: bytes) -> int | None:
    """Parse a signed 64-bit integer in its one canonical spelling.

    Returns:
        The number, or None for anything else: blanks, a plus sign, leading
        zeros, minus zero, an empty text, or a number out of range.

    Source: Redis 7.0.15; see tests/parity/test_strings.py.
    """
    size = len(text)
    sign = 1 if size and text[0] == _MINUS else 0
    if sign < size < _INT64_DIGITS_SURE:  # compiled, a third of the time of int()
        value = 0
        for place in range(sign, size):
            digit = text[place] - _ZERO
            if not 0 <= digit <= _NINE:
                return None
            value = value * 10 + digit
        if text[sign] == _ZERO and (sign or size > 1):
            return None
        return -value if sign else value
    if size > _INT64_DIGITS_MAX:
        return None
    try:
        value = int(text)
    except ValueError:
        return None
    # int() takes more spellings than Redis does; printing back finds them all.
    if b"%d" % value != text or not INT64_MIN <= value <= INT64_MAX:
        return None
    return value


def is_int64(number: int) -> bool:
    """Say whether a number fits into 64 bits, its sign included."""
    return -_INT64_SURE < number < _INT64_SURE or INT64_MIN <= number <= INT64_MAX


def parse_double(text: bytes) -> float | None:
    """Parse a double as C's strtod does, where it must eat the whole text.

    Decimal, hexadecimal (``0x1p-3``), ``inf`` and ``infinity`` in any case.

    Returns:
        The number, or None for anything else: blanks, NaN, an empty text, a
        number that overflows to infinity or underflows to zero.

    Source: Redis 7.0.15; see tests/parity/test_sorted_sets.py.
    """
    if text.isdigit():  # timestamps and counts: by far the most common scores
        value = float(text)
        return value if value != math.inf else None
    if DECIMAL.fullmatch(text):
        value = float(text)
        if value - value != 0.0 or (value == 0.0 and _has_digit_above_zero(text)):
            return None
        return value
    if INFINITY.fullmatch(text):
        return float(text)
    if HEXADECIMAL.fullmatch(text):
        return _parse_hexadecimal(text)
    return None


def parse_score_bound(text: bytes) -> tuple[float, bool] | None:
    """Parse one end of a range of scores, such as ``5``, ``(5`` or ``-inf``.

    Redis is laxer here than with scores: leading blanks are skipped, a NUL ends the
    text, an empty text is zero, what overflows is infinite.

    Returns:
        The score and whether it is excluded, or None where it is no number.

    Source: Redis 7.0.15; see tests/app/types/test_numbers.py.
    """
    if text in _INFINITIES:  # the usual open end
        return _INFINITIES[text], False
    is_excluded = text[:1] == b"("
    if is_excluded:
        text = text[1:]
    value = parse_double(text)
    if value is not None:
        return value, is_excluded
    text = text.partition(b"\0")[0]
    stripped = text.lstrip(_C_BLANKS)
    if DECIMAL.fullmatch(stripped):
        return float(stripped), is_excluded
    if HEXADECIMAL.fullmatch(stripped):
        return _fold_hexadecimal(stripped), is_excluded
    if INFINITY.fullmatch(stripped):
        return float(stripped), is_excluded
    return None if text else (0.0, is_excluded)


def _fold_hexadecimal(text: bytes) -> float:
    try:
        return float.fromhex(text.decode())
    except OverflowError:
        return -math.inf if text[:1] == b"-" else math.inf


def _has_digit_above_zero(text: bytes) -> bool:
    mantissa = text.lower().partition(b"e")[0]
    return bool(mantissa.strip(b"+-.0"))


def _parse_hexadecimal(text: bytes) -> float | None:
    try:
        value = float.fromhex(text.decode())
    except OverflowError:
        return None
    mantissa = text.lower().lstrip(b"+-")[2:].partition(b"p")[0]
    return None if value == 0.0 and mantissa.strip(b".0") else value


def format_double(value: float) -> bytes:
    """Print a double in few digits that read back as the same double.

    Integers have no point (``3``), zero keeps its sign (``-0``), large and
    small numbers use an exponent without leading zeros (``1e+21``, ``1e-9``).

    Source: Valkey 9.1, as Redis 7.2; see tests/parity/test_sorted_sets.py.
    """
    if -_INTEGER_MAX <= value <= _INTEGER_MAX:
        whole = int(value)
        if whole == value:
            return b"%d" % whole if whole or math.copysign(1.0, value) > 0 else b"-0"
    elif value - value != 0.0:
        return b"nan" if math.isnan(value) else b"inf" if value > 0 else b"-inf"
    digits, exponent = shortest_digits(abs(value))
    return (("-" if value < 0 else "") + _lay_out(digits, exponent)).encode()


def format_double_17(value: float) -> bytes:
    """Print a double with seventeen significant digits, as ZSCAN prints scores."""
    return b"%.17g" % value


def format_double_shortest(value: float) -> bytes:
    """Print a double in the fewest characters that read back as the same double.

    As `format_double`, but integers are not special: ``1e+9`` is shorter than
    ``1000000000``. It is how scores go into a digest.

    Source: Valkey 9.1, as Redis 7.2; see tests/parity/test_digests.py.
    """
    if value - value != 0.0 or not value:
        return format_double(value)
    if -_EXACT_BELOW < value < _EXACT_BELOW and value % _MANY_ZEROS:
        whole = int(value)
        if whole == value:
            return b"%d" % whole
    digits, exponent = shortest_digits(abs(value))
    return (("-" if value < 0 else "") + _lay_out(digits, exponent)).encode()


def _lay_out(digits: str, exponent: int) -> str:
    """Write digits * 10**exponent, plainly where that is short enough."""
    count = len(digits)
    magnitude = exponent + count - 1
    if exponent >= 0 and magnitude < count + _ZEROS_BELOW:
        return digits + "0" * exponent
    if exponent < 0 and (exponent > -_ZEROS_BELOW or abs(magnitude) < _SMALL_BELOW):
        point = count + exponent
        if point > 0:
            return f"{digits[:point]}.{digits[point:]}"
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{'-' if magnitude < 0 else '+'}{abs(magnitude)}"


def clamp_range(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return a range of Redis's as plain indexes; it is empty where start > stop."""
    if start < 0:
        start = max(start + size, 0)
    if stop < 0:
        stop += size
    return start, min(stop, size - 1)
