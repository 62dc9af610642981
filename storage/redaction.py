"""Redacted segments: records that were made unreadable, and what is left to prove.

A sealed segment may be redacted: its file is packed (see `packing`) and has a *table*.
Frames that held what had to go are others there, as long as they were, so that every
offset stays. SHA-256 of the segment's first bytes cannot be computed over a frame that
is gone; so for each *hole*, whole blocks of 64 bytes, the table keeps the state of
SHA-256 before and behind it, and the digests at the records that end in it. With these
every digest of the log is what it was.

The table, one msgpack array:

    [[redaction, ...], [hole, ...]]

    redaction   [id, at_ms, by, why, subjects, seqs]
    subject     [kind, SHA-256 of id + 00 + kind + 00 + name, first seq, last seq]
    hole        [start, end, state before, state behind, SHA-256 of what the file has
                there, [[seq, where it ends, digest there], ...]]

The state behind is empty where the hole ends with the segment's last record. `seqs` are
the records of this segment that the redaction changed. The record of the redaction, in
the log behind, has SHA-256 of the table: who changes the table, or anything that it
speaks of, shows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.sha256 import ResumePoint, RunningHash, finish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REDACTION_KIND = "redaction"
"""The kind of the note of a redaction's record."""

PENDING_NAME = "redaction.pending"
"""The file of a data folder that says that a redaction is under way."""

CUT_FIELD = "cut"
"""The field of a note that fills up a record from which something was taken."""


class Subject(NamedTuple):
    """What a redaction was about; its name can be asked, not read.

    Attributes:
        kind: "key", "job" or "text".
        digest: see `name_digest`.
        first_seq: the first record of the segment that was changed for it.
        last_seq: the last one.
    """

    kind: str
    digest: bytes
    first_seq: int
    last_seq: int


class Redaction(NamedTuple):
    """Who made records of a segment unreadable, when and why.

    Attributes:
        id: 16 random bytes; the redaction's record in the log has them too.
        at_ms: when.
        by: who.
        why: in their words.
        subjects: what it was about.
        seqs: the records that were changed, in order.
    """

    id: bytes
    at_ms: int
    by: str
    why: str
    subjects: tuple[Subject, ...]
    seqs: tuple[int, ...]


class HoleEnd(NamedTuple):
    """A record that ends in a hole, and the digest there."""

    seq: int
    offset: int
    digest: bytes


class Hole(NamedTuple):
    """Bytes of a segment that are others than those that were hashed.

    Attributes:
        start: where it starts: a multiple of 64.
        end: where it ends: another, or where the segment's last record ends.
        before: the state of SHA-256 at its start.
        behind: that at its end; b"" where the last record ends there.
        digest: SHA-256 of what the file has there now.
        ends: the records that end in it.
    """

    start: int
    end: int
    before: bytes
    behind: bytes
    digest: bytes
    ends: tuple[HoleEnd, ...]


class Table(NamedTuple):
    """What is known of the redacted records of one segment."""

    redactions: tuple[Redaction, ...]
    holes: tuple[Hole, ...]


def name_digest(redaction_id: bytes, kind: str, name: bytes) -> bytes:
    """Return what a redaction keeps of a name; who knows the name can compare."""
    return hashlib.sha256(b"\0".join((redaction_id, kind.encode(), name))).digest()


def encode_table(table: Table) -> bytes:
    """Return a table's bytes."""
    packed: bytes = msgpack.packb(table, unicode_errors="surrogateescape")
    return packed


def decode_table(data: bytes, path: Path) -> Table:
    """Return the table in its bytes.

    Raises:
        CorruptLogError: they are none.
    """
    try:
        redactions, holes = msgpack.unpackb(data, unicode_errors="surrogateescape")
        return Table(
            tuple(_decode_redaction(*each) for each in redactions),
            tuple(_decode_hole(*each) for each in holes),
        )
    except (TypeError, ValueError, IndexError, msgpack.UnpackException) as error:
        raise CorruptLogError(f"{path}: no table of redactions: {error!r}") from error


def _decode_redaction(*parts: Any) -> Redaction:
    redaction_id, at_ms, by, why, subjects, seqs = parts
    found = tuple(Subject(*each) for each in subjects)
    return Redaction(redaction_id, at_ms, by, why, found, tuple(seqs))


def _decode_hole(*parts: Any) -> Hole:
    start, end, before, behind, digest, ends = parts
    found = tuple(HoleEnd(*each) for each in ends)
    return Hole(start, end, before, behind, digest, found)


class RedactedHash:
    """SHA-256 of a segment's first bytes as they were written.

    It is given the bytes that the file has, from the first on; what is in holes is
    compared with the table, and the hash goes on behind with the state in there.
    """

    def __init__(self, holes: Sequence[Hole], path: Path) -> None:
        """Begin with no bytes."""
        self._path = path
        self._holes = holes
        self._next = 0
        self._offset = 0
        self._running = RunningHash()
        self._inside: hashlib._Hash | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Take in more bytes.

        Raises:
            CorruptLogError: they are not what was there when the segment was redacted.
        """
        view = memoryview(data)
        while view:
            if self._inside is not None:
                taken = view[: self._holes[self._next].end - self._offset]
                self._inside.update(taken)
            elif self._next < len(self._holes):
                taken = view[: self._holes[self._next].start - self._offset]
                self._running.update(bytes(taken))
            else:
                taken = view
                self._running.update(bytes(taken))
            self._offset += len(taken)
            view = view[len(taken) :]
            self._look()

    def _look(self) -> None:
        """Enter a hole, or leave it, where that is due."""
        if self._next == len(self._holes):
            return
        hole = self._holes[self._next]
        if self._inside is None and self._offset == hole.start:
            if self._running.point().state != hole.before:
                raise self._differs(hole.start, "the bytes before the redacted ones")
            self._inside = hashlib.sha256()
        if self._inside is None or self._offset < hole.end:
            return
        if self._inside.digest() != hole.digest:
            raise self._differs(hole.start, "what stands for the redacted bytes")
        if hole.behind:
            self._running = RunningHash(ResumePoint(hole.behind, hole.end))
            self._inside = None
            self._next += 1

    def digest(self) -> bytes:
        """Return the digest of the bytes so far, as they were written.

        Raises:
            StorageError: no record ends there, and the bytes before are redacted.
        """
        if self._inside is None or self._offset == self._holes[self._next].start:
            return finish(self._running.point())
        for end in self._holes[self._next].ends:
            if end.offset == self._offset:
                return end.digest
        raise self._unknown()

    def hexdigest(self) -> str:
        """Return the same in hexadecimal digits."""
        return self.digest().hex()

    def point(self) -> ResumePoint:
        """Return where the hash is now.

        Raises:
            StorageError: within redacted bytes.
        """
        if self._inside is None or self._offset == self._holes[self._next].start:
            return self._running.point()
        raise self._unknown()

    def copy(self) -> RedactedHash:
        """Return another that goes on from here."""
        other = RedactedHash(self._holes, self._path)
        other._next, other._offset = self._next, self._offset
        other._running = RunningHash(self._running.point())
        other._inside = self._inside and self._inside.copy()
        return other

    def _differs(self, offset: int, what: str) -> CorruptLogError:
        return CorruptLogError(
            f"{self._path}: at byte {offset}: {what} are not as they were when the "
            f"segment was redacted; run 'replay repair {self._path.parent.parent}'"
        )

    def _unknown(self) -> StorageError:
        return StorageError(
            f"{self._path}: byte {self._offset} lies in records that are redacted: "
            f"nothing but their digests is left"
        )


def is_in_hole(holes: Sequence[Hole], start: int, end: int) -> bool:
    """Say whether some bytes of a segment overlap with a hole."""
    return any(start < hole.end and hole.start < end for hole in holes)
