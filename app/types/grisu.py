"""Grisu2: the digits of a double, as Redis 7.2 chooses them.

Redis prints doubles with Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers
Quickly and Accurately with Integers", 2010). It works on 64-bit fractions, so in
about one case in a thousand it gives a digit more than the shortest, or another last
digit, than exact methods such as Python's repr: 900719925474099.2 comes out as
900719925474099.3, which reads back as the same double. A client that compares bytes
would see the difference; hence this module.

A "float" here is a pair (fraction, exponent) that stands for fraction * 2**exponent.
"""

from __future__ import annotations

import math
import struct
from typing import Final

Float = tuple[int, int]

_HIDDEN_BIT: Final = 1 << 52
_EXPONENT_BIAS: Final = 1023 + 52
_FRACTION_BITS: Final = 64
# A scaled number's exponent must lie in this range, so that its integer part has at
# most 32 bits and the ten digits of the first loop are enough.
_SCALED_EXPONENT_MIN: Final = -60
_SCALED_EXPONENT_MAX: Final = -32
_FIRST_POWER: Final = -348
_POWER_STEP: Final = 8
_POWERS: Final = 87
_LOG10_OF_2: Final = 0.30102999566398114


def _cached_power(exponent_of_ten: int) -> Float:
    """Return 10**exponent_of_ten as the nearest float with a 64-bit fraction."""
    if exponent_of_ten >= 0:
        exact = 10**exponent_of_ten
        shift = exact.bit_length() - _FRACTION_BITS
        if shift <= 0:
            return exact << -shift, shift
        return (exact + (1 << (shift - 1))) >> shift, shift
    exact = 10**-exponent_of_ten
    # 2**shift / exact has 64 bits: one bit more than the divisor's, save for rounding.
    shift = exact.bit_length() + _FRACTION_BITS - 1
    return ((1 << (shift + 1)) // exact + 1) >> 1, -shift


_CACHED_POWERS: Final = [
    _cached_power(_FIRST_POWER + _POWER_STEP * index) for index in range(_POWERS)
]


def shortest_digits(value: float) -> tuple[str, int]:
    """Return decimal digits and an exponent: value == digits * 10**exponent, nearly.

    Args:
        value: finite and above zero.
    """
    fraction, exponent = _decompose(value)
    upper, lower = _boundaries(fraction, exponent)
    shift = _FRACTION_BITS - fraction.bit_length()
    scaled_by, power = _find_power(upper[1])
    middle = _multiply((fraction << shift, exponent - shift), scaled_by)
    high = _multiply(upper, scaled_by)
    low = _multiply(lower, scaled_by)
    # The products may be off by one; the narrowed range is safe.
    digits, dropped = _generate(middle[0], high[0] - 1, low[0] + 1, -high[1])
    return digits, dropped - power


def _decompose(value: float) -> Float:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    fraction, biased = bits & (_HIDDEN_BIT - 1), bits >> 52
    if biased:
        return fraction | _HIDDEN_BIT, biased - _EXPONENT_BIAS
    return fraction, 1 - _EXPONENT_BIAS


def _boundaries(fraction: int, exponent: int) -> tuple[Float, Float]:
    """Return the midpoints to both neighbours, with one exponent."""
    upper, upper_exponent = (fraction << 1) + 1, exponent - 1
    shift = _FRACTION_BITS - upper.bit_length()
    upper, upper_exponent = upper << shift, upper_exponent - shift
    # Below a power of two the neighbour is half as far.
    step = 2 if fraction == _HIDDEN_BIT else 1
    lower = (fraction << step) - 1
    return (upper, upper_exponent), (
        lower << (exponent - step - upper_exponent),
        upper_exponent,
    )


def _find_power(exponent: int) -> tuple[Float, int]:
    """Return the cached power that brings an exponent into range, and its log10."""
    estimate = int(-(exponent + _POWERS) * _LOG10_OF_2)
    index = math.trunc((estimate - _FIRST_POWER) / _POWER_STEP)
    while True:
        scaled = exponent + _CACHED_POWERS[index][1] + _FRACTION_BITS
        if scaled < _SCALED_EXPONENT_MIN:
            index += 1
        elif scaled > _SCALED_EXPONENT_MAX:
            index -= 1
        else:
            return _CACHED_POWERS[index], _FIRST_POWER + index * _POWER_STEP


def _multiply(left: Float, right: Float) -> Float:
    """Return the upper 64 bits of a product, rounded."""
    product = left[0] * right[0] + (1 << (_FRACTION_BITS - 1))
    return product >> _FRACTION_BITS, left[1] + right[1] + _FRACTION_BITS


def _generate(middle: int, high: int, low: int, point: int) -> tuple[str, int]:
    """Return the fewest digits between two bounds, and how many were dropped.

    Args:
        middle: the number itself.
        high: the upper bound.
        low: the lower bound.
        point: how many bits of all three lie behind the binary point.
    """
    distance, delta = high - middle, high - low
    one = 1 << point
    rest = high & (one - 1)
    digits = str(high >> point)
    # Cut digits before the point, from the first on, until what is left fits.
    for kept in range(1, len(digits) + 1):
        dropped = len(digits) - kept
        unit = 10**dropped << point
        remainder = high % unit
        if remainder <= delta:
            cut = int(digits[:kept])
            return _adjust(cut, distance, delta, remainder, unit), dropped
    cut, dropped = int(digits), 0
    while True:
        rest *= 10
        delta *= 10
        distance *= 10
        dropped -= 1
        cut = cut * 10 + (rest >> point)
        rest &= one - 1
        if rest < delta:
            return _adjust(cut, distance, delta, rest, one), dropped


def _adjust(cut: int, distance: int, delta: int, remainder: int, unit: int) -> str:
    """Step down from the cut digits while that comes closer to the number."""
    while (
        remainder < distance
        and delta - remainder >= unit
        and (
            remainder + unit < distance
            or distance - remainder > remainder + unit - distance
        )
    ):
        cut -= 1
        remainder += unit
    return str(cut)
