"""Nodes: the logs of two servers as they are compared, in a folder or asked of one.

Both tell the same: how far the log goes, what the headers of its segments say, the
digests at records, and a record. A server tells it by LOG.INFO, LOG.SEGMENTS,
LOG.DIGEST and LOG.READ, which need no other right, and reads no more than it has to.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from joblog.app.history.notes import note_of_reply
from joblog.replay.shown.redactions import redaction_text
from joblog.replay.undoing.live import LiveError, LiveServer, shown_url
from joblog.storage.digests import compute_digests
from joblog.storage.folder import LogFolder
from joblog.storage.reader import LogReader
from joblog.storage.record import Origin, Record
from joblog.storage.redacted_segments import find_latest
from joblog.storage.redaction import Redaction
from joblog.storage.segment import encode_header
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentReader
    from joblog.storage.verify import VerifyReport

_ATTEMPTS = 20
_AGAIN_SECONDS = 0.1


class Begin(NamedTuple):
    """How a segment begins.

    Attributes:
        first_seq: its first record.
        created_at_ms: when it was begun.
        epoch: the term of who wrote it.
        previous: SHA-256 of the footer before, in hexadecimal digits.
        digest: SHA-256 of its header, which ties all before to it.
    """

    first_seq: int
    created_at_ms: int
    epoch: int
    previous: str
    digest: str


class Shown(NamedTuple):
    """A record, as one of the nodes has it.

    Attributes:
        record: the record; its `synced_seq` is 0 where nothing tells it.
        redacted: who made something of it unreadable; "" for nobody.
    """

    record: Record
    redacted: str


class Node(Protocol):
    """One of two logs.

    Attributes:
        name: what it is called. log_id: its id.
        first_seq, last_seq: the first record that it has, and the last.
    """

    name: str
    log_id: str
    first_seq: int
    last_seq: int

    def begin_of(self, seq: int) -> Begin:
        """Return how the segment begins that has a record.

        Raises:
            StorageError, LiveError: it cannot be told.
        """

    def digests(self, seqs: Sequence[int]) -> dict[int, str]:
        """Return the digests at records; those that it lacks are left out.

        Raises:
            StorageError, LiveError: they cannot be told.
        """

    def show(self, seq: int) -> Shown:
        """Return a record.

        Raises:
            StorageError, LiveError: it cannot be read.
        """


class FolderNode:
    """The log of a data folder, sound in itself."""

    def __init__(
        self, folder: Path, filesystem: FileSystem, report: VerifyReport
    ) -> None:
        """Take what verifying it found."""
        self.name = str(folder)
        self.log_id = report.log_id
        self.first_seq = report.segments[0].first_seq
        self.last_seq = report.last_seq
        self._folder = folder
        self._filesystem = filesystem
        self._begins = [segment.first_seq for segment in report.segments]

    def begin_of(self, seq: int) -> Begin:
        """Return how the segment begins that has a record."""
        reader = self._open(seq)
        reader.close()
        header = reader.header
        return Begin(
            header.first_seq,
            header.created_at_ms,
            header.epoch,
            header.previous_digest.hex(),
            sha256(encode_header(header)).hexdigest(),
        )

    def digests(self, seqs: Sequence[int]) -> dict[int, str]:
        """Return the digests at records; those that it lacks are left out."""
        return compute_digests(self._folder, seqs, filesystem=self._filesystem)

    def show(self, seq: int) -> Shown:
        """Return a record."""
        reader = LogReader(self._folder, filesystem=self._filesystem, from_seq=seq)
        try:
            record = reader.read_batch()[0]
        finally:
            reader.close()
        segment = self._open(seq)
        try:
            table = segment.table()
        finally:
            segment.close()
        found = find_latest(() if table is None else table.redactions, seq)
        return Shown(record, "" if found is None else redaction_text(found))

    def _open(self, seq: int) -> SegmentReader:
        """Open the segment that has a record."""
        first_seq = self._begins[bisect_right(self._begins, seq) - 1]
        paths = LogFolder(self._folder, self._filesystem)
        return open_segment(paths, self._filesystem, first_seq)


class LiveNode:
    """The log of a server that runs; it is believed to be sound."""

    def __init__(self, url: str) -> None:
        """Connect, and ask how far the log goes.

        Args:
            url: see `LiveServer`.

        Raises:
            LiveError: nobody answers there, or it is no joblog that tells this.
        """
        self.name = shown_url(url)
        self._server = LiveServer(url)
        try:
            facts = _fields(self._ask(b"LOG.INFO"))
        except BaseException:
            self.close()
            raise
        self.log_id = facts[b"log_id"].decode()
        self.last_seq = int(facts[b"last_seq"])
        self.first_seq = int(facts[b"first_seq"])

    def begin_of(self, seq: int) -> Begin:
        """Return how the segment begins that has a record."""
        told = self._ask(b"LOG.SEGMENTS", b"FROM", b"%d" % seq, b"COUNT", b"1")
        if not told:
            raise LiveError(f"its log has no seq {seq}")
        facts = _fields(told[0])
        return Begin(
            int(facts[b"first-seq"]),
            int(facts[b"created-at-ms"]),
            int(facts[b"epoch"]),
            facts[b"previous-digest"].decode(),
            facts[b"header-digest"].decode(),
        )

    def digests(self, seqs: Sequence[int]) -> dict[int, str]:
        """Return the digests at records; those that it lacks are left out.

        What it has just taken may not be in its files yet: it is asked again.
        """
        for attempt in range(_ATTEMPTS):
            told = self._ask(b"LOG.DIGEST", *(b"%d" % seq for seq in seqs))
            if None not in told:
                break
            time.sleep(_AGAIN_SECONDS * bool(attempt))
        pairs = zip(seqs, told, strict=True)
        return {seq: digest.decode() for seq, digest in pairs if digest is not None}

    def show(self, seq: int) -> Shown:
        """Return a record."""
        words = (b"LOG.READ", b"FROM", b"%d" % seq, b"COUNT", b"1")
        _, _, records = self._ask(*words)
        if not records:
            raise LiveError(f"its log has no seq {seq}")
        facts = _fields(records[0])
        note = facts[b"note"]
        origin = Origin(
            facts[b"client"],
            facts[b"command"],
            None if note is None else note_of_reply(_fields(note)),
        )
        at = facts[b"at-ms"], facts[b"db"]
        record = Record(facts[b"seq"], 0, *at, facts[b"effects"], origin)
        redacted = facts.get(b"redacted")
        return Shown(record, "" if redacted is None else _redacted(_fields(redacted)))

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _ask(self, *argv: bytes) -> Any:
        try:
            return self._server.ask(*argv)
        except LiveError as error:
            if "unknown command" in str(error).lower():
                text = f"it is no joblog, or an older one: it says {error}"
                raise LiveError(text) from error
            raise


def _fields(reply: list[Any]) -> dict[bytes, Any]:
    """Return a map as RESP2 has it."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _redacted(facts: dict[bytes, Any]) -> str:
    by, why = (facts[name].decode(errors="surrogateescape") for name in (b"by", b"why"))
    return redaction_text(Redaction(b"", facts[b"at-ms"], by, why, (), ()))
