"""SHA-256 that can be stopped and gone on with elsewhere.

`hashlib` does not give away its state, and a receipt needs it: the state after the
bytes before a record, and the record's bytes, give the digest at the record without
the bytes before. This is FIPS 180-4 in plain Python, for a few hundred bytes. More are
given to OpenSSL where it is there, which is a thousand times faster: its functions take
a state to go on from, and leave theirs where it can be read.

Either is compared: OpenSSL with plain Python when it is found, and what a receipt is
made of with hashlib's digest. A redacted segment needs the same: see `redaction`.
"""

from __future__ import annotations

import _hashlib
import ctypes
import ctypes.util
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 64
_MASK = 0xFFFFFFFF
_WORDS = Struct(">16L")
_STATE = Struct(">8L")
_LENGTH = Struct(">Q")
_PROBE = b"probe" * 50
_PLAIN_BYTES_MAX = 1024
"""So much is hashed before OpenSSL is even looked for."""
_START = (
    *(0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A),
    *(0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19),
)


def _make_constants() -> tuple[int, ...]:
    """Return the first 32 bits of the fractions of the cube roots of 64 primes."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, int(n**0.5) + 1))]
    return tuple(_cube_root(prime << 96) & _MASK for prime in primes)


def _cube_root(value: int) -> int:
    low, high = 0, 1 << (value.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= value else (low, middle - 1)
    return low


_CONSTANTS = _make_constants()


class ResumePoint(NamedTuple):
    """A hash that was stopped.

    Attributes:
        state: 32 bytes: the state after all whole blocks.
        length: how many bytes went in, in all.
        tail: those of them that are behind the last whole block, at most 63.
    """

    state: bytes = _STATE.pack(*_START)
    length: int = 0
    tail: bytes = b""


def go_on(point: ResumePoint, data: bytes) -> ResumePoint:
    """Return where a hash comes to with more bytes."""
    if len(data) > _PLAIN_BYTES_MAX:
        running = RunningHash(point)
        running.update(data)
        return running.point()
    return _go_on_plainly(point, data)


def _go_on_plainly(point: ResumePoint, data: bytes) -> ResumePoint:
    rest = point.tail + data
    state = _STATE.unpack(point.state)
    whole = len(rest) - len(rest) % BLOCK_BYTES
    for offset in range(0, whole, BLOCK_BYTES):
        state = _compress(state, rest[offset : offset + BLOCK_BYTES])
    return ResumePoint(_STATE.pack(*state), point.length + len(data), rest[whole:])


def finish(point: ResumePoint) -> bytes:
    """Return the digest of all bytes that went in."""
    zeroes = -(point.length + 9) % BLOCK_BYTES
    padding = b"\x80" + bytes(zeroes) + _LENGTH.pack(8 * point.length)
    return go_on(point, padding).state


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = list(_WORDS.unpack(block))
    for i in range(16, 64):
        x, y = words[i - 15], words[i - 2]
        s0 = (x >> 7 | x << 25) ^ (x >> 18 | x << 14) ^ x >> 3
        s1 = (y >> 17 | y << 15) ^ (y >> 19 | y << 13) ^ y >> 10
        words.append(
            (words[i - 16] + (s0 & _MASK) + words[i - 7] + (s1 & _MASK)) & _MASK
        )
    a, b, c, d, e, f, g, h = state
    for constant, word in zip(_CONSTANTS, words, strict=True):
        s1 = ((e >> 6 | e << 26) ^ (e >> 11 | e << 21) ^ (e >> 25 | e << 7)) & _MASK
        t1 = h + s1 + ((e & f) ^ (~e & g)) + constant + word
        s0 = ((a >> 2 | a << 30) ^ (a >> 13 | a << 19) ^ (a >> 22 | a << 10)) & _MASK
        t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
        h, g, f, e = g, f, e, (d + t1) & _MASK
        d, c, b, a = c, b, a, (t1 + t2) & _MASK
    mixed = zip(state, (a, b, c, d, e, f, g, h), strict=True)
    return tuple((old + new) & _MASK for old, new in mixed)


class RunningHash:
    """A hash of many bytes that can be asked where it is."""

    def __init__(self, point: ResumePoint = ResumePoint()) -> None:  # noqa: B008
        """Begin where a hash was stopped; by default with no bytes."""
        self._point = point
        self._length = point.length
        self._openssl = _find_openssl()
        self._context = None if self._openssl is None else _write_context(point)

    def update(self, data: bytes) -> None:
        """Take in more bytes."""
        if self._openssl is None or self._context is None:
            self._point = _go_on_plainly(self._point, data)
            return
        self._openssl.SHA256_Update(ctypes.byref(self._context), data, len(data))
        self._length += len(data)

    def point(self) -> ResumePoint:
        """Return where the hash is now.

        `finish` of it should be compared with hashlib's digest of the same bytes.
        """
        if self._context is None:
            return self._point
        return _read_context(self._context, self._length)


class _Context(ctypes.Structure):
    """OpenSSL's SHA256_CTX."""

    _fields_ = (
        ("h", ctypes.c_uint32 * 8),
        ("low", ctypes.c_uint32),
        ("high", ctypes.c_uint32),
        ("data", ctypes.c_ubyte * BLOCK_BYTES),
        ("num", ctypes.c_uint),
        ("md_len", ctypes.c_uint),
    )


@cache
def _find_openssl() -> ctypes.CDLL | None:
    """Return OpenSSL; None where it is missing, or works otherwise."""
    for library in _libraries():
        try:
            library.SHA256_Update.argtypes = (
                *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
            )
        except AttributeError:
            continue
        # It begins in the middle of a block, and ends in the middle of another.
        start = _go_on_plainly(ResumePoint(), _PROBE)
        context = _write_context(start)
        library.SHA256_Update(ctypes.byref(context), _PROBE, len(_PROBE))
        found = _read_context(context, 2 * len(_PROBE))
        if found == _go_on_plainly(start, _PROBE):
            return library
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Yield where OpenSSL may be: what `hashlib` is linked with, or the system's own.

    To find the latter takes another process, so it comes second.
    """
    for find in (_of_hashlib, _of_system):
        name = find()
        if name is None:
            continue
        try:
            yield ctypes.CDLL(name)
        except OSError:
            continue


def _of_hashlib() -> str | None:
    # It has no file of its own where it is built into the interpreter.
    return getattr(_hashlib, "__file__", None)


def _of_system() -> str | None:
    return ctypes.util.find_library("crypto")


def _write_context(point: ResumePoint) -> _Context:
    context = _Context()
    context.h[:] = _STATE.unpack(point.state)
    bits = 8 * point.length
    context.low, context.high = bits & _MASK, bits >> 32 & _MASK
    context.data[: len(point.tail)] = point.tail
    context.num = len(point.tail)
    context.md_len = 4 * len(context.h)
    return context


def _read_context(context: _Context, length: int) -> ResumePoint:
    tail = bytes(context.data[: context.num])
    return ResumePoint(_STATE.pack(*context.h), length, tail)
