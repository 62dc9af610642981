"""Strings: what Redis would call their encoding, ranges, longest common subsequence.

A string value is plain `bytes`; the functions here work on it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from joblog.app.types.numbers import parse_int64

_EMBEDDED_BYTES_MAX: Final = 44


def encoding(value: bytes) -> bytes:
    """Return the encoding that OBJECT ENCODING reports: int, embstr or raw."""
    if parse_int64(value) is not None:
        return b"int"
    return b"embstr" if len(value) <= _EMBEDDED_BYTES_MAX else b"raw"


def get_range(value: bytes, start: int, end: int) -> bytes:
    """Return the bytes from start to end, both included; negative counts from the end.

    >>> get_range(b"joblog", -3, -1)
    b'log'
    """
    size = len(value)
    if start < 0 and end < 0 and start > end:
        return b""
    first = max(start + size, 0) if start < 0 else start
    last = max(end + size, 0) if end < 0 else end
    return value[first : last + 1]


def set_range(value: bytes, offset: int, part: bytes) -> bytes:
    """Return the value with a part laid over it; zero bytes fill a gap before it."""
    return value[:offset].ljust(offset, b"\0") + part + value[offset + len(part) :]


class Match(NamedTuple):
    """A run of bytes that two strings share, as first and last position in each."""

    left_first: int
    left_last: int
    right_first: int
    right_last: int

    @property
    def length(self) -> int:
        """How many bytes the run has."""
        return self.left_last - self.left_first + 1


class CommonSubsequence:
    """The longest common subsequence of two strings, found bit-parallel.

    Row i is a big integer with one bit for each byte of the right string. Bit j is
    clear where the subsequence of `left[:i]` and `right[:j + 1]` is longer than that
    of `left[:i]` and `right[:j]`; so counting clear bits gives any cell of the usual
    table, and a row costs a few operations on machine words instead of a Python loop.
    Source of the method: Crochemore, Iliopoulos, Pinzon and Reid, 2001. Where several
    subsequences are longest, the choice is Redis's: see tests/parity/test_strings.py.
    """

    def __init__(self, left: bytes, right: bytes) -> None:
        """Fill the table; O(len(left) * len(right) / 30) steps."""
        self._left = left
        self._right = right
        self._rows = _fill_rows(left, right)

    @property
    def length(self) -> int:
        """How many bytes the subsequence has."""
        return self._cell(len(self._left), len(self._right))

    def _cell(self, i: int, j: int) -> int:
        return j - (self._rows[i] & ((1 << j) - 1)).bit_count()

    def matches(self) -> list[Match]:
        """Return the runs that make up the subsequence, the last one first."""
        left, right = self._left, self._right
        found: list[Match] = []
        i, j = len(left), len(right)
        left_last = right_last = -1
        while i and j:
            if left[i - 1] == right[j - 1]:
                if left_last < 0:
                    left_last, right_last = i - 1, j - 1
                i -= 1
                j -= 1
                continue
            if left_last >= 0:
                found.append(Match(i, left_last, j, right_last))
                left_last = -1
            if self._cell(i - 1, j) > self._cell(i, j - 1):
                i -= 1
            else:
                j -= 1
        if left_last >= 0:
            found.append(Match(i, left_last, j, right_last))
        return found

    def text(self) -> bytes:
        """Return the subsequence itself."""
        runs = reversed(self.matches())
        return b"".join(self._left[r.left_first : r.left_last + 1] for r in runs)


def _fill_rows(left: bytes, right: bytes) -> list[int]:
    every = (1 << len(right)) - 1
    positions: dict[int, int] = dict.fromkeys(left, 0)
    for j, byte in enumerate(right):
        if byte in positions:
            positions[byte] |= 1 << j
    row = every
    rows = [row]
    for byte in left:
        hits = row & positions[byte]
        row = ((row + hits) | (row - hits)) & every
        rows.append(row)
    return rows
