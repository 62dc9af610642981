"""The catalogue: what there is of a log and of its index.

Parts are taken for what they are after two checks. The digests of a segment's parts
have to be a chain: the first begins with the digest of the segment's header, each next
with the one at which the part before ended, and the last of a sealed segment ends with
the one in its footer. And where a part says that its last frame lies, there has to be
that very frame. Parts that fail count as missing.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.index.attachments import Attachment, attachment_name
from joblog.replay.index.parts import DamagedPartError, Part
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.index.sections import Section
from joblog.replay.index.sidecar import Sidecar
from joblog.storage.folder import LogFolder
from joblog.storage.frame import leading_uints, split_frames
from joblog.storage.reader import LogReader, RecordEnd
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES, corrupt
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.replay.index.parts import Chunk, PartHeader
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentReader

# A little more than a part: what follows the last one in a log that is indexed.
_KEPT_BYTES_MAX = 24 * 1024 * 1024


class CoveredSegment(NamedTuple):
    """A segment, and how far the index covers it.

    Attributes:
        first_seq: the number of its first record.
        parts: the parts that can be used, in order.
        next_seq: the first record that none of them covers.
        offset: where that one's frame starts, in bytes.
    """

    first_seq: int
    parts: list[Part]
    next_seq: int
    offset: int


_READERS_MAX = 256
"""How many segments are open at a time: a process may open some thousand files."""


class Catalogue:
    """What there is of a log and of its index; only looked at when it is asked for.

    Attributes:
        folder: the data folder.
        filesystem: the door to the disk.
        progress: is told now and then how far a scan of the log has come, where one
            is needed.
    """

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Look at a data folder.

        Raises:
            StorageError: it is none.
        """
        self.folder = LogFolder(folder, filesystem)
        self.filesystem = filesystem
        self.progress: Callable[[int], None] | None = None
        self._readers: dict[int, SegmentReader] = {}
        self._covered: dict[int, CoveredSegment] = {}
        self._files: dict[int, tuple[int, Path]] | None = None
        self._attached: dict[str, dict[str, Path]] = {}
        self._rest: tuple[RecordEnd, LogReader, list[bytes]] | None = None

    def sections(
        self, low_seq: int, high_seq: int, *, is_reverse: bool = False
    ) -> Iterator[Section]:
        """Yield the sections that have records of a range, in order or from the last.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        segments = list(pairwise([*self.folder.find_segments(), END_SEQ]))
        for first, following in reversed(segments) if is_reverse else segments:
            if first > high_seq or following <= low_seq:
                continue
            found = [
                section
                for section in self._sections_of(first, following - 1)
                if section.first_seq <= high_seq and section.last_seq >= low_seq
            ]
            yield from reversed(found) if is_reverse else found

    def _sections_of(self, first_seq: int, last_seq: int) -> Iterator[Section]:
        covered = self.cover(first_seq)
        for part in covered.parts:
            header = part.header
            after = RecordEnd(first_seq, header.first_seq - 1, header.start)
            yield Section(self, after, header.last_seq, part)
        if covered.next_seq <= last_seq:
            after = RecordEnd(first_seq, covered.next_seq - 1, covered.offset)
            yield Section(self, after, last_seq)

    def cover(self, segment_seq: int) -> CoveredSegment:
        """Return how far the index covers a segment.

        Raises:
            CorruptLogError: the segment's header is damaged.
        """
        found = self._covered.get(segment_seq)
        if found is None:
            found = self._covered[segment_seq] = self._cover(segment_seq)
        return found

    def _cover(self, segment_seq: int) -> CoveredSegment:
        none = CoveredSegment(segment_seq, [], segment_seq, HEADER_BYTES)
        reader = self.reader(segment_seq)
        files = self._part_files()
        if segment_seq not in files:
            return none
        reader.offset = 0
        digest = hashlib.sha256(reader.read_rest(HEADER_BYTES)).digest()
        parts: list[Part] = []
        next_seq, offset = segment_seq, HEADER_BYTES
        while next_seq in files:
            try:
                part = Part(files[next_seq][1], self.filesystem)
            except (DamagedPartError, OSError):
                break
            header = part.header
            bound = (header.first_seq, header.start, header.start_digest)
            if bound != (next_seq, offset, digest):
                break
            parts.append(part)
            next_seq, offset = header.last_seq + 1, header.end
            digest = header.end_digest
        if not parts or not _has_last_frame(reader, parts[-1]):
            return none
        footer = reader.read_last_footer()
        if footer is not None:
            is_whole = offset == reader.size() - FOOTER_BYTES
            if is_whole != (next_seq == footer.last_seq + 1):
                return none
            if is_whole and digest != footer.digest:
                return none
        return CoveredSegment(segment_seq, parts, next_seq, offset)

    def _part_files(self) -> dict[int, tuple[int, Path]]:
        if self._files is None:
            self._files = self.sidecar().find_parts()
        return self._files

    def parts(self) -> Iterator[PartHeader]:
        """Yield what the parts cover, in order, up to the first gap between segments.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        segments = [*self.folder.find_segments(), END_SEQ]
        for first_seq, following in pairwise(segments):
            covered = self.cover(first_seq)
            yield from (part.header for part in covered.parts)
            if covered.next_seq < following:
                return

    def find_attached(self, kind: str) -> dict[str, Path]:
        """Return the files of a kind by name, sound or not, as at the first look."""
        files = self._attached.get(kind)
        if files is None:
            files = self._attached[kind] = self.sidecar().find(f".{kind}")
        return files

    def attachment(self, kind: str, header: PartHeader) -> Attachment | None:
        """Return what is attached to a part; None where no sound file is."""
        path = self.find_attached(kind).get(attachment_name(kind, header))
        if path is None:
            return None
        try:
            return Attachment(path, kind, header, self.filesystem)
        except (DamagedPartError, OSError):
            return None

    def sidecar(self) -> Sidecar:
        """Return the log's sidecar.

        Raises:
            CorruptLogError: the oldest segment's header is damaged.
        """
        segments = self.folder.find_segments()
        log_id = self.reader(segments[0]).header.log_id.hex() if segments else ""
        return Sidecar(self.folder.path, log_id)

    def count_unindexed_bytes(self) -> int:
        """Return how many bytes of the log no part covers.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        return sum(
            self.reader(first_seq).size() - self.cover(first_seq).offset
            for first_seq in self.folder.find_segments()
        )

    def reader(self, segment_seq: int) -> SegmentReader:
        """Return a reader of a segment; it is shared, and its place is anywhere.

        Raises:
            CorruptLogError: the segment's header is damaged.
        """
        reader = self._readers.get(segment_seq)
        if reader is None:
            if len(self._readers) >= _READERS_MAX:
                # The one that was opened first; nobody keeps a reader for long.
                self._readers.pop(next(iter(self._readers))).close()
            reader = open_segment(self.folder, self.filesystem, segment_seq)
            self._readers[segment_seq] = reader
        return reader

    def read_chunk(self, segment_seq: int, chunk: Chunk) -> list[bytes]:
        """Return the payloads of a run of records.

        Raises:
            CorruptLogError: the log is damaged there.
        """
        reader = self.reader(segment_seq)
        reader.offset = chunk.start
        data = reader.read_rest(chunk.end - chunk.start)
        payloads, used = split_frames(data, reader.heads)
        if used < len(data) or len(payloads) != chunk.end_seq - chunk.first_seq:
            raise corrupt(
                reader.path, chunk.start + used, "a damaged frame", "a sound one"
            )
        found = [leading_uints(payloads[i])[0] for i in (0, -1)]
        if found != [chunk.first_seq, chunk.end_seq - 1]:
            raise corrupt(
                reader.path,
                chunk.start,
                f"the sequence numbers {found[0]} to {found[1]}",
                f"{chunk.first_seq} to {chunk.end_seq - 1}",
            )
        return payloads

    def read_rest(self, after: RecordEnd) -> list[bytes] | None:
        """Return the payloads of all records behind one, where they are few.

        A verb asks for them more than once, so they are kept; what was added in the
        meantime is read behind them.

        Args:
            after: where the index ends in the last segment.

        Returns:
            The payloads; None where there are more than are kept.

        Raises:
            CorruptLogError: the log is damaged there.
        """
        if self.reader(after.first_seq).size() - after.offset > _KEPT_BYTES_MAX:
            return None
        if self._rest is None or self._rest[0] != after:
            reader = LogReader(
                self.folder.path, filesystem=self.filesystem, after=after
            )
            self._rest = after, reader, []
        _, reader, payloads = self._rest
        while more := reader.read_payloads():
            payloads += more
        return payloads

    def look_again(self) -> None:
        """Forget what was known of the index; it was added to."""
        self._covered.clear()
        self._files = None
        self._attached.clear()
        self._drop_rest()

    def _drop_rest(self) -> None:
        if self._rest is not None:
            self._rest[1].close()
            self._rest = None

    def close(self) -> None:
        """Close the files that were opened."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._covered.clear()
        self._drop_rest()


def _has_last_frame(reader: SegmentReader, part: Part) -> bool:
    """Tell whether a segment still has the frame with which a part ends."""
    header = part.header
    reader.offset = header.last_frame
    data = reader.read_rest(header.end - header.last_frame)
    if data[:8] != header.last_head:
        return False
    payloads, used = split_frames(data, reader.heads)
    return used == len(data) and leading_uints(payloads[0])[0] == header.last_seq
