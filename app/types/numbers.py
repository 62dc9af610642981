"""Numbers as Redis reads and prints them.

Three kinds cross the wire as text:

    integer       int64, canonical decimal: no space, no '+', no leading zero
    double        IEEE binary64; C's strtod on the way in, shortest digits out
    long double   x87 80-bit, 64-bit mantissa; INCRBYFLOAT and HINCRBYFLOAT

Python has no long double. It is played here with exact integers: read, round
to 64 bits, add, round again, print seventeen decimals. That equals what Redis
does on amd64; see tests/parity/test_strings.py.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from joblog.app.types.grisu import shortest_digits

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1

_INT64_DIGITS_MAX: Final = 20
_INT64_DIGITS_SURE: Final = 19
_INT64_SURE: Final = 1 << 61
_ZERO: Final = ord("0")
_NINE: Final = 9
_MINUS: Final = ord("-")
_DECIMAL: Final = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_HEXADECIMAL: Final = re.compile(
    rb"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
)
_INFINITY: Final = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)
# Whole numbers up to half of int64's range are printed as integers.
_INTEGER_MAX: Final = float(1 << 62)

# When a double is printed without an exponent: few zeros to add, a small magnitude.
_ZEROS_BELOW: Final = 7
_SMALL_BELOW: Final = 4
_MANY_ZEROS: Final = 1e7
_EXACT_BELOW: Final = 2.0**53
_INFINITIES: Final = {b"-inf": -math.inf, b"+inf": math.inf, b"inf": math.inf}
_C_BLANKS: Final = b" \t\n\v\f\r"

# The x87 format: a 64-bit mantissa; exponents of its last bit.
_MANTISSA_BITS: Final = 64
_LAST_BIT_EXPONENT_MIN: Final = -16445
_LAST_BIT_EXPONENT_MAX: Final = 16383 - 63
_DECIMALS: Final = 17
_SCALE: Final = 10**_DECIMALS
_STR_DIGITS: Final = 4000
_STR_BELOW: Final = 10**_STR_DIGITS
_DECIMAL_EXPONENT_MAX: Final = 4933
_EXPONENT_DIGITS: Final = 6
_DECIMAL_EXPONENT_MIN: Final = -4952
# Redis reads a long double from a buffer of this many bytes, its NUL included.
_LONG_DOUBLE_CHARS_MAX: Final = 5 * 1024


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
    if _DECIMAL.fullmatch(text):
        value = float(text)
        if value - value != 0.0 or (value == 0.0 and _has_digit_above_zero(text)):
            return None
        return value
    if _INFINITY.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
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
    if _DECIMAL.fullmatch(stripped):
        return float(stripped), is_excluded
    if _HEXADECIMAL.fullmatch(stripped):
        return _fold_hexadecimal(stripped), is_excluded
    if _INFINITY.fullmatch(stripped):
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


class LongDouble(NamedTuple):
    """A long double, mantissa * 2**exponent; the mantissa has 64 bits at most.

    Zero has no sign: Redis prints both zeros alike. The infinities are one value,
    since no sum with any of them is allowed.
    """

    mantissa: int
    exponent: int


INFINITE: Final = LongDouble(0, 1)


def parse_long_double(text: bytes) -> LongDouble | None:
    """Parse a long double as C's strtold does, where it must eat the whole text.

    Returns:
        The number, INFINITE for a spelling of infinity, or None for anything else:
        blanks, NaN, an empty text, a number that overflows or underflows to zero.
    """
    if len(text) >= _LONG_DOUBLE_CHARS_MAX:
        return None
    if _DECIMAL.fullmatch(text):
        return _parse_decimal(text.lower())
    if _HEXADECIMAL.fullmatch(text):
        return _parse_long_hexadecimal(text.lower())
    return INFINITE if _INFINITY.fullmatch(text) else None


def _parse_long_hexadecimal(text: bytes) -> LongDouble | None:
    mantissa, _, exponent = text.partition(b"p")
    whole, _, fraction = mantissa.partition(b".")
    digits = int(whole + fraction, 16)
    scale = _read_exponent(exponent) - 4 * len(fraction)
    return _checked(digits, round_to_long_double(digits, 1, scale))


def _parse_decimal(text: bytes) -> LongDouble | None:
    mantissa, _, exponent = text.partition(b"e")
    whole, _, fraction = mantissa.partition(b".")
    digits = _read_digits(whole + fraction)
    if not digits:
        return LongDouble(0, 0)
    scale = _read_exponent(exponent) - len(fraction)
    # Far outside the range 10**scale would only cost memory.
    magnitude = scale + len(whole + fraction)
    if scale > _DECIMAL_EXPONENT_MAX or magnitude < _DECIMAL_EXPONENT_MIN:
        return None
    if scale >= 0:
        return _checked(digits, round_to_long_double(digits * 10**scale, 1, 0))
    return _checked(digits, round_to_long_double(digits, 10**-scale, 0))


def _read_digits(text: bytes) -> int:
    """Return an integer of any length; int() refuses more than 4300 digits."""
    if len(text) <= _STR_DIGITS:
        return int(text)
    high, low = text[:-_STR_DIGITS], text[-_STR_DIGITS:]
    value = int(high) if high not in (b"+", b"-") else 0
    return value * _STR_BELOW + (-int(low) if text[:1] == b"-" else int(low))


def _read_exponent(text: bytes) -> int:
    """Return an exponent; absurd ones are cut, which leaves them far out of range."""
    if not text:
        return 0
    digits = text.lstrip(b"+-").lstrip(b"0")[:_EXPONENT_DIGITS] or b"0"
    return -int(digits) if text[:1] == b"-" else int(digits)


def _checked(digits: int, value: LongDouble | None) -> LongDouble | None:
    """Return the value read, or None where it underflowed to zero."""
    return None if value is not None and digits and not value.mantissa else value


def round_to_long_double(
    numerator: int, denominator: int, exponent: int
) -> LongDouble | None:
    """Round numerator / denominator * 2**exponent to the nearest long double.

    Ties go to the even mantissa, as the FPU does it by default.

    Returns:
        The nearest long double, or None where it would be infinite.
    """
    magnitude = abs(numerator)
    if not magnitude:
        return LongDouble(0, 0)
    surplus = magnitude.bit_length() - denominator.bit_length() - _MANTISSA_BITS
    # One bit too many at most, so that the mantissa never falls short of 64 bits.
    surplus = max(surplus - 1, _LAST_BIT_EXPONENT_MIN - exponent - 1)
    mantissa, is_inexact = _divide(magnitude, denominator, surplus)
    excess = max(
        mantissa.bit_length() - _MANTISSA_BITS,
        _LAST_BIT_EXPONENT_MIN - exponent - surplus,
        0,
    )
    mantissa = _round_off(mantissa, excess, is_inexact=is_inexact)
    exponent += surplus + excess
    if mantissa.bit_length() > _MANTISSA_BITS:
        mantissa >>= 1
        exponent += 1
    high = exponent + mantissa.bit_length() - _MANTISSA_BITS
    if high > _LAST_BIT_EXPONENT_MAX:
        return None
    return LongDouble(mantissa if numerator > 0 else -mantissa, exponent)


def _divide(magnitude: int, denominator: int, shift: int) -> tuple[int, bool]:
    """Return magnitude / denominator / 2**shift, cut, and whether that lost bits."""
    if shift >= 0:
        quotient, rest = divmod(magnitude, denominator << shift)
    else:
        quotient, rest = divmod(magnitude << -shift, denominator)
    return quotient, rest != 0


def _round_off(value: int, bits: int, *, is_inexact: bool) -> int:
    """Drop the last bits, half to even; `is_inexact` says that more bits follow."""
    if not bits:
        return value
    kept, dropped, half = value >> bits, value & ((1 << bits) - 1), 1 << (bits - 1)
    is_above_half = dropped > half or (dropped == half and is_inexact)
    is_tie_to_even = dropped == half and not is_inexact and bool(kept & 1)
    return kept + 1 if is_above_half or is_tie_to_even else kept


def add_long_doubles(left: LongDouble, right: LongDouble) -> LongDouble | None:
    """Return the sum, or None where it would be NaN or an infinity."""
    if INFINITE in (left, right):
        return None
    low = min(left.exponent, right.exponent)
    total = (left.mantissa << (left.exponent - low)) + (
        right.mantissa << (right.exponent - low)
    )
    return round_to_long_double(total, 1, low)


def format_long_double(value: LongDouble) -> bytes:
    """Print a finite long double with at most 17 decimals and no zeros after them.

    Never an exponent, never ``-0``; ``3`` rather than ``3.0``.
    """
    scaled = abs(value.mantissa) * _SCALE
    if value.exponent >= 0:
        scaled <<= value.exponent
    else:
        scaled = _round_off(scaled, -value.exponent, is_inexact=False)
    if not scaled:
        return b"0"
    sign = "-" if value.mantissa < 0 else ""
    text = _decimal_digits(scaled).rjust(_DECIMALS + 1, "0")
    fraction = text[-_DECIMALS:].rstrip("0")
    point = "." if fraction else ""
    return f"{sign}{text[:-_DECIMALS]}{point}{fraction}".encode()


def _decimal_digits(value: int) -> str:
    """Return an integer's digits; str() refuses those of more than 4300 digits."""
    if value < _STR_BELOW:
        return str(value)
    high, low = divmod(value, _STR_BELOW)
    return f"{high}{low:0{_STR_DIGITS}d}"
