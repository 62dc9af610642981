"""Long doubles as Redis reads and prints them: x87, 80 bits, a 64-bit mantissa.

INCRBYFLOAT and HINCRBYFLOAT count in them, and Python has none. They are played with
exact integers: read, round to 64 bits, add, round again, print seventeen decimals. That
equals what Redis does on amd64; see tests/parity/test_strings.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from joblog.app.types.numbers import DECIMAL, HEXADECIMAL, INFINITY

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
    if DECIMAL.fullmatch(text):
        return _parse_decimal(text.lower())
    if HEXADECIMAL.fullmatch(text):
        return _parse_long_hexadecimal(text.lower())
    return INFINITE if INFINITY.fullmatch(text) else None


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
