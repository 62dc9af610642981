r"""The dataset as it comes from a master, into a file.

    $4711\r\n and as many bytes
    $EOF:<40 bytes>\r\n, then bytes, then the same 40 bytes

The end mark may come in two pieces, so as many bytes as it has are kept back. Bare line
feeds may come before either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.history.positions import DatasetFile

_MARK_BYTES: Final = 40
_LINE_BYTES_MAX: Final = 200
_SIZE_DIGITS_MAX: Final = 18


class PayloadError(Exception):
    """What comes is no dataset; the text says why."""


class Payload:
    """Takes the bytes of a dataset, up to its end.

    Attributes:
        size: how many bytes it has; 0 where that is not known.
        taken: how many have come.
        is_whole: whether all have.
    """

    def __init__(self, file: DatasetFile) -> None:
        """Write to a file."""
        self._file = file
        self._head: bytearray | None = bytearray()
        self._mark = b""
        self._tail = b""
        self.size = 0
        self.taken = 0
        self.is_whole = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return those that are behind the end.

        Raises:
            PayloadError: they are nothing of a dataset.
            OSError: the file takes no more.
        """
        if self._head is not None:
            data = self._read_head(self._head, data)
        if self._head is None and not self.is_whole:
            return self._take_marked(data) if self._mark else self._take_sized(data)
        return data

    def _read_head(self, head: bytearray, data: bytes) -> bytes:
        head += data
        while head[:1] == b"\n":
            del head[:1]
        line, end, rest = bytes(head).partition(b"\n")
        if not end:
            if len(head) > _LINE_BYTES_MAX:
                raise PayloadError(f"no dataset: it begins {line[:40]!r}")
            return b""
        line = line.removesuffix(b"\r")
        if line.startswith(b"-"):
            text = line.decode(errors="replace")
            raise PayloadError(f"the master gives no dataset: {text!r}")
        if line.startswith(b"$EOF:") and len(line) == len(b"$EOF:") + _MARK_BYTES:
            self._mark = line[-_MARK_BYTES:]
        elif line[1:].isdigit() and len(line) < _SIZE_DIGITS_MAX and line[:1] == b"$":
            self.size = int(line[1:])
        else:
            raise PayloadError(f"no dataset: it begins {line[:40]!r}")
        self._head = None
        return rest

    def _take_sized(self, data: bytes) -> bytes:
        part = data[: self.size - self.taken]
        self._file.write(part)
        self.taken += len(part)
        self.is_whole = self.taken == self.size
        return data[len(part) :]

    def _take_marked(self, data: bytes) -> bytes:
        data = self._tail + data
        at = data.find(self._mark)
        if at >= 0:
            self._file.write(data[:at])
            self.taken += at
            self.is_whole = True
            return data[at + _MARK_BYTES :]
        kept = max(len(data) - _MARK_BYTES, 0)
        self._file.write(data[:kept])
        self.taken += kept
        self._tail = data[kept:]
        return b""
