"""Slices that keep no records: the keys of one are folded as their records are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.keys.slices import Slice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record


class MoreKeysError(Exception):
    """What the keys become depends on others.

    Attributes:
        keys: the others.
    """

    def __init__(self, keys: set[bytes]) -> None:
        """Say which."""
        super().__init__(f"{len(keys)} keys more")
        self.keys = keys


class StreamedSlice(Slice):
    """A slice from the log's first record on, which can be gone through once.

    `steps` raises `MoreKeysError` where more keys are of interest: all of these need
    another slice.
    """

    def __init__(self, index: LogIndex, keys: Iterable[bytes], until_seq: int) -> None:
        """Read nothing yet."""
        super().__init__(index, keys, 0, until_seq)

    def _gather(self, keys: Iterable[bytes]) -> None:
        self.keys |= set(keys)

    def _next(self, until_seq: int) -> Iterator[Record]:
        for record in self._scan(self.keys, self.seq + 1):
            if record.seq > until_seq:
                return
            needed: set[bytes] = set()
            self._add_needs(record, needed)
            if needed:
                raise MoreKeysError(needed)
            yield record
