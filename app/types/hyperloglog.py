"""HyperLogLogs: how many different elements were seen, in at most 12 KiB.

A HyperLogLog is a string, byte for byte Redis's own:

    "HYLL" | encoding (1) | 0 0 0 | cached estimate (8) | registers

Numbers have their low byte first; the highest bit of the estimate says that it is out
of date. There are 16384 registers of 6 bits. Dense (encoding 0) they are packed, the
low bits first. Sparse (encoding 1) they are runs:

    00nnnnnn             n + 1 registers of zero (up to 64)
    01nnnnnn nnnnnnnn    n + 1 registers of zero (up to 16384)
    1vvvvvnn             n + 1 registers (up to 4) of value v + 1 (up to 32)

How runs are split and merged shows in the bytes, so it is done as Redis does it.

Six bits are what a digit of base64 has, and reversed, packed registers are base64's
order of bits: the C codec unpacks them all at once.

Source: Redis 7.2; see tests/parity/test_hyperloglog.py. The estimate is Otmar Ertl's,
"New cardinality estimation algorithms for HyperLogLog sketches", 2017.
"""

from __future__ import annotations

import math
import re
import string
from binascii import a2b_base64, b2a_base64
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

REGISTERS: Final = 1 << 14
SPARSE_BYTES_MAX: Final = 3000
"""How long a sparse one gets where `hll-sparse-max-bytes` says nothing else."""

_MAGIC: Final = b"HYLL"
_DENSE, _SPARSE = 0, 1
_HEADER_BYTES: Final = 16
_DENSE_BYTES: Final = _HEADER_BYTES + REGISTERS * 6 // 8
_STALE: Final = 1 << 63
_EMPTY: Final = b"\x7f\xff"
_INDEX_BITS: Final = 14
_HASH_BITS: Final = 64 - _INDEX_BITS
_ALPHA: Final = 0.721347520444481703680

_RUN: Final = re.compile(rb"[\x00-\x3f]|[\x40-\x7f].|[\x80-\xff]", re.DOTALL)
_ZERO_RUN_MAX: Final = 64
_VALUE_RUN_MAX: Final = 4
_SPARSE_VALUE_MAX: Final = 32
_MERGE_SCAN: Final = 5

_DIGITS: Final = (string.ascii_uppercase + string.ascii_lowercase).encode() + (
    b"0123456789+/"
)
_TO_VALUES: Final = bytes.maketrans(_DIGITS, bytes(range(64)))
_TO_DIGITS: Final = bytes.maketrans(bytes(range(64)), _DIGITS)

_MASK: Final = (1 << 64) - 1
_MULTIPLIER: Final = 0xC6A4A7935BD1E995
_SEED: Final = 0xADC83B19
_SHIFT: Final = 47


class CorruptRegistersError(ValueError):
    """The runs of a sparse HyperLogLog do not make up all registers."""


def is_hyperloglog(value: bytes) -> bool:
    """Say whether a string looks like a HyperLogLog; its runs are not looked at."""
    if len(value) < _HEADER_BYTES or value[:4] != _MAGIC or value[4] > _SPARSE:
        return False
    return value[4] == _SPARSE or len(value) == _DENSE_BYTES


def murmur_hash(element: bytes) -> int:
    """Return the 64-bit MurmurHash2 of an element, with Redis's seed."""
    size = len(element)
    hashed = _SEED ^ (size * _MULTIPLIER & _MASK)
    whole = size & ~7
    for at in range(0, whole, 8):
        block = int.from_bytes(element[at : at + 8], "little") * _MULTIPLIER & _MASK
        block = (block ^ block >> _SHIFT) * _MULTIPLIER & _MASK
        hashed = (hashed ^ block) * _MULTIPLIER & _MASK
    if whole < size:
        rest = int.from_bytes(element[whole:], "little")
        hashed = (hashed ^ rest) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> _SHIFT) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> _SHIFT


def place_of(element: bytes) -> tuple[int, int]:
    """Return the register that an element goes to, and the value it would have."""
    hashed = murmur_hash(element)
    rest = hashed >> _INDEX_BITS | 1 << _HASH_BITS
    return hashed & (REGISTERS - 1), (rest & -rest).bit_length()


class HyperLogLog:
    """A HyperLogLog that was taken apart, to be changed or asked.

    Attributes:
        is_dense: how the registers are kept.
        sparse_bytes_max: how long a sparse one may get before it becomes dense.
    """

    __slots__ = (
        "_dense",
        "_ends",
        "_kept",
        "_runs",
        "_size",
        "_unused",
        "is_dense",
        "sparse_bytes_max",
    )

    def __init__(
        self, value: bytes | None = None, sparse_bytes_max: int = SPARSE_BYTES_MAX
    ) -> None:
        """Take a string apart, for which `is_hyperloglog` holds; None makes a new one.

        Raises:
            CorruptRegistersError: its runs are damaged.
        """
        self.sparse_bytes_max = sparse_bytes_max
        self.is_dense = value is not None and value[4] == _DENSE
        self._dense = bytearray()
        self._runs: list[bytes] = []
        self._ends: list[int] = []
        self._unused = bytes(3) if value is None else value[5:8]
        self._kept = 0 if value is None else int.from_bytes(value[8:16], "little")
        body = _EMPTY if value is None else value[_HEADER_BYTES:]
        self._size = _HEADER_BYTES + len(body)
        if self.is_dense:
            self._dense = bytearray(body)
        else:
            self._take_apart(body)

    def _take_apart(self, body: bytes) -> None:
        """Find the runs, and before which register each ends."""
        self._runs = _RUN.findall(body)
        self._ends = list(accumulate(map(_SPANS.__getitem__, self._runs)))
        last = self._ends[-1] if self._ends else 0
        if last != REGISTERS or sum(map(len, self._runs)) != len(body):
            raise CorruptRegistersError(f"{last} registers are there, not {REGISTERS}")

    def encode(self, *, is_stale: bool = True) -> bytes:
        """Return the string.

        Args:
            is_stale: whether the estimate that it keeps is now out of date.
        """
        kept = self._kept | _STALE if is_stale else self._kept
        encoding = bytes([_DENSE if self.is_dense else _SPARSE])
        body = self._dense if self.is_dense else b"".join(self._runs)
        head = b"%b%b%b" % (_MAGIC, encoding, self._unused)
        return b"".join((head, kept.to_bytes(8, "little"), body))

    # --- changes -----------------------------------------------------------------

    def add(self, element: bytes) -> bool:
        """Add an element; say whether a register changed."""
        return self.raise_to(*place_of(element))

    def raise_to(self, register: int, value: int) -> bool:
        """Raise a register to a value; say whether it was lower."""
        if not self.is_dense:
            raised = self._raise_sparse(register, value)
            if raised is not None:
                return raised
            self.make_dense()
        return self._raise_dense(register, value)

    def _raise_dense(self, register: int, value: int) -> bool:
        bit = register * 6
        at, shift = bit >> 3, bit & 7
        dense = self._dense
        pair = int.from_bytes(dense[at : at + 2], "little")
        if pair >> shift & 63 >= value:
            return False
        size = min(2, len(dense) - at)
        pair = pair & ~(63 << shift) | value << shift
        dense[at : at + size] = pair.to_bytes(size, "little")
        return True

    def _raise_sparse(self, register: int, value: int) -> bool | None:
        """Raise a register; None where the result would be too long, or too high."""
        if value > _SPARSE_VALUE_MAX:
            return None
        place = bisect_right(self._ends, register)
        run = self._runs[place]
        old, span = _value_of(run), _SPANS[run]
        if old >= value:
            return False
        first = self._ends[place] - span
        new = [_values_run(value, 1)]
        if register > first:
            new.insert(0, _any_run(old, register - first))
        if register < first + span - 1:
            new.append(_any_run(old, first + span - 1 - register))
        grown = sum(map(len, new)) - len(run)
        if grown > 0 and self._size + grown > self.sparse_bytes_max:
            return None
        self._runs[place : place + 1] = new
        self._ends[place : place + 1] = accumulate(
            map(_SPANS.__getitem__, new[1:]), initial=first + _SPANS[new[0]]
        )
        self._size += grown
        self._merge_from(max(place - 1, 0))
        return True

    def _merge_from(self, place: int) -> None:
        """Merge neighbours of the same value, where Redis looks for them."""
        runs, ends = self._runs, self._ends
        for _ in range(_MERGE_SCAN):
            if place + 1 >= len(runs):
                return
            left, right = runs[place], runs[place + 1]
            value = _value_of(left)
            span = _SPANS[left] + _SPANS[right]
            if value and value == _value_of(right) and span <= _VALUE_RUN_MAX:
                runs[place : place + 2] = [_values_run(value, span)]
                del ends[place]
                self._size -= 1
            else:
                place += 1

    def make_dense(self) -> None:
        """Keep the registers packed from now on."""
        self._dense = bytearray(_pack(self.registers()))
        self.is_dense = True

    # --- questions ---------------------------------------------------------------

    def registers(self) -> bytes:
        """Return the value of each register."""
        if self.is_dense:
            digits = b2a_base64(self._dense[::-1], newline=False)
            return digits.translate(_TO_VALUES)[::-1]
        return b"".join([bytes([_value_of(run)]) * _SPANS[run] for run in self._runs])

    def estimate(self) -> int:
        """Return about how many different elements were added."""
        if self.is_dense:
            return estimate_of(self.registers())
        counts = [0] * 64
        for run, times in Counter(self._runs).items():
            counts[_value_of(run)] += _SPANS[run] * times
        return _estimate(counts)

    def describe_runs(self) -> bytes:
        """Return the runs as PFDEBUG DECODE shows them."""
        shown = []
        for run in self._runs:
            value, span = _value_of(run), _SPANS[run]
            if value:
                shown.append(b"v:%d,%d" % (value, span))
            else:
                shown.append(b"%b:%d" % (b"z" if len(run) == 1 else b"Z", span))
        return b" ".join(shown)


def cached_estimate(value: bytes) -> int | None:
    """Return the estimate that a HyperLogLog keeps; None where it is out of date."""
    kept = int.from_bytes(value[8:16], "little")
    return None if kept & _STALE else kept


def with_estimate(value: bytes, estimate: int) -> bytes:
    """Return a HyperLogLog that keeps an estimate."""
    return value[:8] + estimate.to_bytes(8, "little") + value[16:]


def unite_registers(parts: Iterable[bytes]) -> bytes:
    """Return the highest value of each register; no parts make registers of zero."""
    united = bytes(REGISTERS)
    for part in parts:
        united = bytes(map(max, united, part))
    return united


def estimate_of(registers: bytes) -> int:
    """Return about how many different elements made the registers what they are."""
    return _estimate([registers.count(value) for value in range(64)])


def _estimate(counts: list[int]) -> int:
    """Return the estimate, from how many registers have each value."""
    total = float(REGISTERS)
    z = total * _tau((total - counts[_HASH_BITS + 1]) / total)
    for value in range(_HASH_BITS, 0, -1):
        z = (z + counts[value]) * 0.5
    z += total * _sigma(counts[0] / total)
    exact = _ALPHA * total * total / z
    whole = math.floor(exact)
    return whole + (exact - whole >= 0.5)  # noqa: PLR2004 - halves are rounded up


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    before, y, z = -1.0, 1.0, x
    while before != z:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    before, y, z = -1.0, 1.0, 1.0 - x
    while before != z:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1.0 - x) ** 2 * y
    return z / 3.0


def _pack(registers: bytes) -> bytes:
    return a2b_base64(registers[::-1].translate(_TO_DIGITS))[::-1]


# --- runs ----------------------------------------------------------------------------


class _Spans(dict[bytes, int]):
    """How many registers each run covers; found out once for each."""

    def __missing__(self, run: bytes) -> int:
        if run[0] & 0x80:
            span = (run[0] & 3) + 1
        elif run[0] & 0x40:
            span = (int.from_bytes(run, "big") & 0x3FFF) + 1
        else:
            span = run[0] + 1
        self[run] = span
        return span


_SPANS: Final = _Spans()


def _value_of(run: bytes) -> int:
    """Return the value of the registers in a run."""
    return (run[0] >> 2 & 31) + 1 if run[0] & 0x80 else 0


def _values_run(value: int, span: int) -> bytes:
    return bytes([0x80 | (value - 1) << 2 | span - 1])


def _any_run(value: int, span: int) -> bytes:
    if value:
        return _values_run(value, span)
    if span > _ZERO_RUN_MAX:
        return (0x4000 | span - 1).to_bytes(2, "big")
    return bytes([span - 1])
