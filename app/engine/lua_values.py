"""Texts and numbers between Lua and Redis, and the arithmetic of the bit library."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.numbers import INT64_MIN, format_double

if TYPE_CHECKING:
    from collections.abc import Callable

_TWO_TO_63 = 2.0**63
_PLAIN_BELOW: Final = 10**14
_SMALL_BELOW: Final = 256
_SMALL: Final = [b"%d" % number for number in range(_SMALL_BELOW)]


def sha1_of(text: bytes) -> bytes:
    """Return the SHA1 of a text in hexadecimal digits."""
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def without_shebang(source: bytes) -> bytes:
    """Return a source whose shebang line is empty, so that lines keep their numbers."""
    if not source.startswith(b"#!"):
        return source
    end = source.find(b"\n")
    return source[end:] if end >= 0 else b""


def truncate(number: float) -> int:
    """Return a double as the integer that Redis makes of it on x86."""
    if not -_TWO_TO_63 <= number < _TWO_TO_63:
        return INT64_MIN
    return int(number)


def make_arguments(words: list[Any]) -> bool:
    """Make the arguments of a command of the strings and numbers of a script, in place.

    Returns:
        False where one is nil.
    """
    for place, word in enumerate(words):
        if word is None:
            return False
        if type(word) is not bytes:
            words[place] = _as_text(word)
    return True


def _as_text(number: float) -> bytes:
    """Return a number as the argument of a command.

    Source: Valkey 9.1, which follows Redis 7.2 here.
    """
    if type(number) is int and -_PLAIN_BELOW < number < _PLAIN_BELOW:
        return _SMALL[number] if 0 <= number < _SMALL_BELOW else b"%d" % number
    number = float(number)
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return b"-nan" if struct.pack(">d", number)[0] & 0x80 else b"nan"
    return format_double(number)


_MASK = 0xFFFFFFFF
_ROUND = 6755399441055744.0
_PACK_DOUBLE = struct.Struct("<d")
_UNPACK_INT32 = struct.Struct("<i")


def _to_bits(number: float) -> int:
    """Return the low 32 bits of a number, rounded as the BitOp library rounds."""
    packed = _PACK_DOUBLE.pack(number + _ROUND)
    return int(_UNPACK_INT32.unpack_from(packed)[0]) & _MASK


def _arithmetic_shift(a: int, b: int) -> int:
    signed = a - (1 << 32) if a >> 31 else a
    return signed >> (b & 31)


_BIT_OPERATIONS: dict[bytes, Callable[[int, int], int]] = {
    b"tobit": lambda a, _: a,
    b"bnot": lambda a, _: ~a,
    b"bswap": lambda a, _: int.from_bytes(a.to_bytes(4, "little"), "big"),
    b"band": lambda a, b: a & b,
    b"bor": lambda a, b: a | b,
    b"bxor": lambda a, b: a ^ b,
    b"lshift": lambda a, b: a << (b & 31),
    b"rshift": lambda a, b: a >> (b & 31),
    b"arshift": _arithmetic_shift,
    b"rol": lambda a, b: a << (b & 31) | a >> (32 - (b & 31)),
    b"ror": lambda a, b: a >> (b & 31) | a << (32 - (b & 31)),
}


def bit_operation(name: bytes, left: float, right: float) -> int:
    """Return the result of an operation of the bit library, a signed 32-bit integer."""
    result = _BIT_OPERATIONS[name](_to_bits(left), _to_bits(right)) & _MASK
    return result - (1 << 32) if result >> 31 else result
