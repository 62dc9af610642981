"""A receipt's text: written and read in pieces, since its data may be very long.

It is JSON, indented by one, and in no other spelling. Its *frame* is the text without
the data of the stretches, which is left where it lies in the file and decoded from
there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.proofs.packed import Source

_DATA = '\n   "data": "'
_MARK = _DATA.encode()
_SEAL_BYTES = len(',\n "seal": "') + 64 + len('"\n}\n')
_READ_BYTES = 1 << 20
_GROUP, _GROUP_CHARACTERS = 3, 4
_ENCODED_AT_ONCE = 48 << 10


class ReceiptError(Exception):
    """A receipt proves nothing; the text says why."""


def dump(body: dict[str, Any]) -> str:
    """Return a receipt's text without its seal."""
    return json.dumps(body, indent=1) + "\n"


def add_seal(text: str, seal: str) -> str:
    """Return a receipt's text with its seal, which is of the text without it."""
    return text[: -len("\n}\n")] + f',\n "seal": {json.dumps(seal)}\n}}\n'


def write_sealed(body: dict[str, Any], data: Iterable[Source]) -> Iterator[str]:
    """Yield a receipt's text, in pieces.

    Args:
        body: all but the seal; the data of its stretches is empty.
        data: what that should be.
    """
    digest = hashlib.sha256()
    for piece in _write(dump(body)[: -len("\n}\n")], data):
        digest.update(piece.encode())
        yield piece
    end = "\n}\n"
    digest.update(end.encode())
    yield add_seal(end, digest.hexdigest())


def _write(frame: str, data: Iterable[Source]) -> Iterator[str]:
    # No text in JSON has a line feed, so this is where data belongs.
    first, *others = frame.split(_DATA)
    yield first
    for source, other in zip(data, others, strict=True):
        yield _DATA
        for offset in range(0, source.size, _ENCODED_AT_ONCE):
            some = source.read_at(_ENCODED_AT_ONCE, offset)
            yield base64.b64encode(some).decode()
        yield other


class TextData(NamedTuple):
    """Bytes that lie in a receipt, in Base64.

    Attributes:
        file: the receipt.
        start: where in the file they start.
        length: how many characters they take there.
    """

    file: BinaryIO
    start: int
    length: int

    @property
    def size(self) -> int:
        """How many bytes there are.

        Raises:
            ReceiptError: this is no Base64.
        """
        groups, rest = divmod(self.length, _GROUP_CHARACTERS)
        if rest:
            raise ReceiptError(
                "the data of a stretch cannot be unpacked: its length is no Base64's"
            )
        end = self._characters(max(self.length - 2, 0), self.length)
        return groups * _GROUP - end.count(b"=")

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer only at the end.

        Raises:
            ReceiptError: this is no Base64, or in another spelling.
        """
        first, skipped = divmod(offset, _GROUP)
        groups = -(-(skipped + length) // _GROUP)
        start = first * _GROUP_CHARACTERS
        end = min(start + groups * _GROUP_CHARACTERS, self.length)
        characters = self._characters(start, end)
        try:
            data = base64.b64decode(characters, validate=True)
        except binascii.Error as error:
            raise ReceiptError(
                f"the data of a stretch cannot be unpacked: {error}"
            ) from error
        is_cut = end < self.length and characters.endswith(b"=")
        if is_cut or base64.b64encode(data) != characters:
            raise ReceiptError("the data of a stretch has more than one spelling")
        return data[skipped : skipped + length]

    def _characters(self, start: int, end: int) -> bytes:
        self.file.seek(self.start + start)
        return self.file.read(end - start)


class ReceiptText:
    """A receipt's text.

    Attributes:
        frame: the text without the data of its stretches.
        data: that data, in order.
        seal: the seal that it should have.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Go through a file once."""
        self.data: list[TextData] = []
        self._file = file
        self._pieces: list[bytes] = []
        self._data_start: int | None = None
        digest = hashlib.sha256()
        unsealed = file.seek(0, os.SEEK_END) - _SEAL_BYTES
        place, rest = 0, b""
        file.seek(0)
        while some := file.read(_READ_BYTES):
            digest.update(some[: max(unsealed - place, 0)])
            rest = self._take(rest + some, place - len(rest))
            place += len(some)
        self.frame = b"".join([*self._pieces, rest])
        digest.update(b"\n}\n")
        self.seal = digest.hexdigest()

    def _take(self, text: bytes, place: int) -> bytes:
        """Take in text; return the end of it, which may be the start of a mark.

        Args:
            text: the text.
            place: where in the file it starts.
        """
        at = 0
        while True:
            if self._data_start is not None:
                end = text.find(b'"', at)
                if end < 0:
                    return b""
                start = self._data_start
                self.data.append(TextData(self._file, start, place + end - start))
                self._data_start, at = None, end
            found = text.find(_MARK, at)
            if found < 0:
                kept = max(len(text) - len(_MARK) + 1, at)
                self._pieces.append(text[at:kept])
                return text[kept:]
            self._pieces.append(text[at : found + len(_MARK)])
            at = found + len(_MARK)
            self._data_start = place + at
