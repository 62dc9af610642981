"""The names that moments were given, as far as the log was asked for them.

Each record is looked at once in a server's life: of one that holds no tag nothing but
its bytes are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.history.moments import tag_name
from joblog.storage.reader import LogReader
from joblog.storage.record import RecordDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

_CHUNK_BYTES: Final = 128 * 1024
"""So much is looked at in less than a millisecond."""

_TAG_MARK: Final = b"\xa3tag"
"""In the payload of each record that gives a moment a name: msgpack for "tag"."""


class GivenTag(NamedTuple):
    """A name that a moment was given.

    Attributes:
        name: the name.
        seq: the record that gave it.
        at_ms: the record's time.
        client_id: who gave it.
    """

    name: bytes
    seq: int
    at_ms: int
    client_id: int


class TagMemory:
    """All tags of a log up to a record."""

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Know none."""
        self._folder = folder
        self._filesystem = filesystem
        self._given: list[GivenTag] = []
        self._reader: LogReader | None = None
        self._next_seq = 1

    def learn(self, first_seq: int) -> bool:
        """Look at the next records; return whether there were any.

        Args:
            first_seq: the first record that the log still has, or later.

        Raises:
            CorruptLogError: the log is damaged here.
            PrunedError: it no longer has the next record.
        """
        try:
            payloads = self._open(first_seq).read_payloads()
        except BaseException:
            self.close()
            raise
        found = [payload for payload in payloads if _TAG_MARK in payload]
        for record in RecordDecoder().decode_all(found):
            name = tag_name(record)
            if name is not None:
                seq, client_id = record.seq, record.origin.client_id
                self._given.append(GivenTag(name, seq, record.at_ms, client_id))
        self._next_seq += len(payloads)
        return bool(payloads)

    def _open(self, first_seq: int) -> LogReader:
        if self._next_seq < first_seq:
            self._next_seq = first_seq
            self.close()
        if self._reader is None:
            self._reader = LogReader(
                self._folder,
                filesystem=self._filesystem,
                from_seq=self._next_seq,
                chunk_bytes=_CHUNK_BYTES,
            )
        return self._reader

    def given(self, first_seq: int) -> Iterator[GivenTag]:
        """Yield the tags that are known, in order, from a record on."""
        return (tag for tag in self._given if tag.seq >= first_seq)

    def close(self) -> None:
        """Close the file that is being read."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
