"""Cells: how what is written lies in an encrypted file, behind its envelope.

    0        8        12      24                  24 + length   40 + length
    +--------+--------+-------+-------------------+-------------+
    | offset | length | nonce | encrypted bytes   | tag         |
    +--------+--------+-------+-------------------+-------------+

A write is one cell, or some: none crosses a *stripe*, which begins at each multiple of
64 KiB of the file; where less is left of one than a cell with a byte needs, it is
filled with zeroes. So a place is found by a look at the beginnings of stripes.

`offset` is where the bytes belong in the file as its readers see it. It is where the
cell before ends, or less: then what was there from that offset on is void, which is how
a file is cut within a cell. Offset, length and the cell's own place in the file are
authenticated with it: a cell that was moved, or before which one was removed, is
damage. Nonces are random, 96 bits, under the file's own key: nothing has to be
remembered for them not to come again, by a crash, a backup, or two servers on copies of
one folder. NIST's limit of 2^32 of them is a file of 176 GiB at the least.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from joblog.storage.encryption.envelope import (
    ENVELOPE_BYTES,
    NONCE_BYTES,
    STRIPE_BYTES,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEAD = Struct("<QI")
TAG_BYTES = 16
CELL_BYTES = HEAD.size + NONCE_BYTES + TAG_BYTES
"""What a cell takes besides the bytes that are in it."""

_BOUND = Struct("<QIQ")
_DATA_AT = HEAD.size + NONCE_BYTES


def stripe_begin(number: int) -> int:
    """Return where the first cell of a stripe lies in the file."""
    return number * STRIPE_BYTES or ENVELOPE_BYTES


def seal_cells(
    cipher: AESGCM, data: bytes | memoryview, offset: int, place: int
) -> tuple[bytes, int]:
    """Return the cells of some bytes.

    Args:
        cipher: of the file's own key.
        data: the bytes; with none, the cell that cuts the file at the offset.
        offset: where they belong.
        place: where in the file the cells go.

    Returns:
        The cells, and the place behind them.
    """
    pieces: list[bytes] = []
    rest = memoryview(data)
    while True:
        room = STRIPE_BYTES - place % STRIPE_BYTES - CELL_BYTES
        if room <= 0:
            pieces.append(bytes(room + CELL_BYTES))
            place += room + CELL_BYTES
            continue
        taken = rest[:room]
        length = len(taken)
        nonce = os.urandom(NONCE_BYTES)
        pieces.append(HEAD.pack(offset, length))
        pieces.append(nonce)
        bound = _BOUND.pack(offset, length, place)
        pieces.append(cipher.encrypt(nonce, taken, bound))
        place += CELL_BYTES + length
        offset += length
        rest = rest[room:]
        if not rest:
            return b"".join(pieces), place


class Stripe:
    """What is known of one stripe; it is read on where the file grows.

    Attributes:
        number: which one it is.
        start: the offset of its first sound cell; -1 where none is known.
        content: the bytes from there on; zeroes where something is damaged.
        place: where in the file its last sound cell ends.
        is_whole: nothing damaged lies between its sound cells, nor before the first.
        cells: for each sound cell its offset, its length, and the place behind it.
        last_tag: the tag of the last one; b"" for none.
    """

    __slots__ = (
        "_cipher",
        "_searched",
        "cells",
        "content",
        "is_whole",
        "last_tag",
        "number",
        "place",
        "start",
    )

    def __init__(self, cipher: AESGCM, number: int) -> None:
        self._cipher = cipher
        self.number = number
        self.start = -1
        self.content = bytearray()
        self.place = stripe_begin(number)
        self.is_whole = True
        self.cells: list[tuple[int, int, int]] = []
        self.last_tag = b""
        self._searched = b""

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.start + len(self.content)

    @property
    def limit(self) -> int:
        """Where in the file the next stripe begins."""
        return (self.number + 1) * STRIPE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether no cell has room behind the last one."""
        return self.limit - self.place <= CELL_BYTES

    def feed(self, data: bytes) -> None:
        """Take the bytes of the file from `place` on, those of the stripe alone.

        Cells behind damage are looked for: who reads has to know that there are any.
        """
        at = 0
        while at < len(data) and not self.is_full:
            plain = self._open(data, at)
            if plain is None:
                found = None
                if data[at:] != self._searched:
                    found = self._find(data, at + 1)
                if found is None:
                    self._searched = data[at:]
                    return
                self.is_whole = False
                self.place += found - at
                at = found
                continue
            self._take(HEAD.unpack_from(data, at)[0], plain)
            at += CELL_BYTES + len(plain)
            self.last_tag = data[at - TAG_BYTES : at]

    def _open(self, data: bytes, at: int) -> bytes | None:
        """Return what is in the cell at a place in the data; None for no sound one."""
        if at + CELL_BYTES > len(data):
            return None
        offset, length = HEAD.unpack_from(data, at)
        end = at + CELL_BYTES + length
        if end > len(data):
            return None
        return self._decrypt(data, at, offset, length, self.place)

    def _decrypt(
        self, data: bytes, at: int, offset: int, length: int, place: int
    ) -> bytes | None:
        nonce = data[at + HEAD.size : at + _DATA_AT]
        sealed = data[at + _DATA_AT : at + CELL_BYTES + length]
        try:
            return self._cipher.decrypt(
                nonce, sealed, _BOUND.pack(offset, length, place)
            )
        except InvalidTag:
            return None

    def _take(self, offset: int, plain: bytes) -> None:
        if self.start < 0 or offset < self.start:
            self.start = offset
            self.content.clear()
        at = offset - self.start
        if at > len(self.content):
            self.content += bytes(at - len(self.content))
        self.content[at:] = plain
        self.place += CELL_BYTES + len(plain)
        self.cells.append((offset, len(plain), self.place))

    def _find(self, data: bytes, start: int) -> int | None:
        """Find the next sound cell, at any place in the data."""
        low = self.end if self.start >= 0 else 0
        high = low + STRIPE_BYTES if self.start >= 0 else 1 << 62
        first = self.place - (start - 1)
        for at in range(start, len(data) - CELL_BYTES + 1):
            offset, length = HEAD.unpack_from(data, at)
            if not low <= offset <= high or at + CELL_BYTES + length > len(data):
                continue
            if self._decrypt(data, at, offset, length, first + at) is not None:
                return at
        return None
