"""Spools: bytes that are put aside until they are wanted."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from weakref import finalize

_IN_MEMORY_BYTES = 4 << 20


class Spool:
    """Bytes that are put aside, in a file where they are many.

    Attributes:
        size: how many there are.
    """

    def __init__(self) -> None:
        """Begin with no bytes."""
        self._file = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see below
        finalize(self, self._file.close)
        self.size = 0

    def append(self, data: bytes) -> None:
        """Put bytes aside, behind all others."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer only at the end."""
        self._file.seek(offset)
        return self._file.read(length)
