"""Taking: a log that goes on with what another one has, byte for byte.

    frames            take -> sync -> take what had to wait for that -> ...
    footer, header    take_seal: one segment ends, the next begins

Whoever has the other log sends what is durable there. Each frame is checked before it
is written: its checksum starts from the salt of its segment, its number is the next
one. A seal is compared with the digest of what was taken. So the segments of both are
the same bytes, and what does not go on from this log changes nothing.

A frame says how far the log was durable when it was written, and recovery takes that
for true: behind such a frame no damage is a torn tail. So no frame is written here
before what it says is durable is so here as well.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from joblog.storage.cutting import LogPlace, decode_next
from joblog.storage.errors import (
    BusyError,
    CorruptLogError,
    ForeignFramesError,
    StorageError,
    SyncFailedError,
    WriteFailedError,
)
from joblog.storage.filesystem import sync_names, write_new
from joblog.storage.folder import require_link
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    split_frames,
)
from joblog.storage.log import Log
from joblog.storage.open_segment import OpenSegment
from joblog.storage.opening import finish
from joblog.storage.parting import part
from joblog.storage.sealing import next_header
from joblog.storage.segment import (
    NO_DIGEST,
    SegmentFooter,
    SegmentHeader,
    decode_footer,
    decode_header,
    encode_header,
)
from joblog.storage.tail import tail_steps

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.parting import Parting
    from joblog.storage.record import Draft, Record

TAKEN_NAME: Final = "log-is-taken"
"""The file that says that a log takes another's records, and makes none itself."""

_NEAR_SEGMENTS: Final = 16


class TakingLog(Log):
    """A log that also takes frames and seals that were made elsewhere.

    One thread does, and appends nothing of its own meanwhile: as long as it is so, a
    file in the data folder says it (`TAKEN_NAME`); or it is said here, where a store
    says at each start what is the log.

    Attributes:
        follows_store: whether what a store of the log has is taken.
    """

    follows_store = False

    @property
    def is_taken(self) -> bool:
        """Whether its records are another log's: none of its own are appended."""
        folder = self._folder.path
        return self.follows_store or TAKEN_NAME in self._filesystem.listdir(folder)

    @property
    def place(self) -> LogPlace:
        """Where it ends."""
        header = self._open.header
        return LogPlace(
            header.log_id.hex(),
            header,
            self._last_seq,
            self._last_at_ms,
            self.open_digest,
            len(self._sealed) + 1,
        )

    def find_begins(self) -> tuple[tuple[int, str], ...]:
        """Return where segments begin, from the newest back, ever further apart.

        Returns:
            (first record, SHA-256 of the header in hexadecimal digits) of each.
        """
        infos = self.segments[::-1]
        count = len(infos)
        near = range(min(_NEAR_SEGMENTS, count))
        far = (_NEAR_SEGMENTS << step for step in range(count.bit_length()))
        places = [*near, *(at for at in far if at < count - 1), count - 1]
        headers = [infos[at].header for at in dict.fromkeys(places)]
        return tuple(
            (header.first_seq, hashlib.sha256(encode_header(header)).hexdigest())
            for header in headers
        )

    def go_back(self, parting: Parting) -> Path | None:
        """Go back to a record, durably; the history so far is kept, whole.

        All that was appended is durable, and no other thread is in `sync` meanwhile.

        Args:
            parting: the record, and where it ends.

        Returns:
            What holds the history; None where the record is the last one.

        Raises:
            BusyError: a snapshot is being made; nothing has changed.
            SyncFailedError: the log can't be relied on any more: stop.
        """
        self._require_sound()
        folder, filesystem = self._folder, self._filesystem
        if parting.last_seq == self._last_seq:
            return None
        folder.make_snapshots()
        lock = filesystem.flock(folder.snapshot_lock_path)
        if lock is None:
            raise BusyError(f"{folder.snapshots_path}: a snapshot is being made")
        try:
            self._sealer.finish()
            self._sealer.close()
            filesystem.close(self._open.file)
            kept = part(folder, filesystem, parting)
            path = folder.segment_path(parting.first_seq)
            tail = finish(tail_steps(filesystem, path))
            file = filesystem.open_to_append(path)
        except (OSError, StorageError) as error:
            self._fail(f"{folder.path}: cannot go back to {parting.last_seq}: {error}")
        finally:
            filesystem.close(lock)
        self._sealed = [
            info for info in self._sealed if info.first_seq < parting.first_seq
        ]
        self._last_seq = self._synced_seq = tail.last_seq
        self._last_at_ms = tail.last_at_ms
        assert tail.last_seq == parting.last_seq
        segment = OpenSegment(
            filesystem, path, file, tail.header, tail.size, tail.digest
        )
        self._use(segment)
        self._sealer.begin()
        self.has_news = True
        return kept

    def begin_taking(self) -> None:
        """Note, durably, that what comes is another log's.

        Raises:
            OSError: the disk refused.
            SyncFailedError: it did, and nobody knows what is durable.
        """
        if not self.is_taken:
            path = self._folder.path / TAKEN_NAME
            self._filesystem.close(write_new(self._filesystem, path, b""))

    def end_taking(self, note: dict[str, Any]) -> None:
        """Go on as a log of its own: in a segment of the next term, durably.

        Args:
            note: what the last record of the term before says.

        Raises:
            StorageError: the disk refused. It may be done again where that is a
                `WriteFailedError`.
            OSError: the same.
        """
        if not self.is_taken:
            return
        draft: Draft = (self._now_ms(), 0, [], [0, None, note])
        self.append([draft], self._last_seq)
        if self._open.is_empty:  # that has filled the segment
            self.append([draft], self._last_seq)
        self.raise_epoch()
        path = self._folder.path / TAKEN_NAME
        self._filesystem.unlink(path)
        sync_names(self._filesystem, path.parent)

    def begin_anew(self, header: bytes) -> None:
        """Become a log that begins with another one's header, durably.

        What it holds is gone: only a log that says nothing is to become another.

        Raises:
            ForeignFramesError: it is no header of a log's first segment.
            StorageError: the disk refused.
        """
        folder, filesystem = self._folder, self._filesystem
        path, temporary = folder.segment_path(1), folder.new_segment_path(1)
        try:
            begun = decode_header(header, path)
        except StorageError as error:
            raise ForeignFramesError(f"no header: {error}") from error
        if begun.first_seq != 1 or begun.previous_digest != NO_DIGEST or self._sealed:
            raise ForeignFramesError("not the beginning of a log")
        self._require_sound()
        old = self._open.file
        try:
            self._sealer.finish()
            self._sealer.close()
            file = write_new(filesystem, temporary, header)
            self._lock.clear_owner()
            filesystem.rename(temporary, path)
            sync_names(filesystem, path.parent)
            self._lock.write_owner(begun.log_id.hex())
            filesystem.close(old)
        except (OSError, SyncFailedError) as error:
            self._fail(f"{path}: cannot be begun anew: {error}")
        self._last_seq = self._synced_seq = self._last_at_ms = 0
        digest = hashlib.sha256(header)
        size = len(header)
        self._use(OpenSegment(filesystem, path, file, begun, size, digest))
        self.has_news = True

    @property
    def epoch(self) -> int:
        """The term of whoever writes the open segment."""
        return self._open.header.epoch

    @property
    def open_digest(self) -> str:
        """SHA-256 of the open segment up to the last record, in hexadecimal digits.

        With the number that the segment starts with it stands for the whole history.
        """
        return self._open.digest.hexdigest()

    def read_frames(self, frames: bytes) -> list[Record]:
        """Return the records in frames that are to be taken, which must be whole.

        Raises:
            ForeignFramesError: they are not the next ones of this log.
        """
        payloads, used = split_frames(frames, self._open.heads)
        if used < len(frames):
            raise ForeignFramesError(
                f"behind seq {self._last_seq}, at byte {used} of {len(frames)}: no "
                f"frame of the segment that starts with seq "
                f"{self._open.header.first_seq}"
            )
        return decode_next(payloads, self._last_seq, self._last_at_ms)

    def take(self, frames: bytes, records: list[Record] | None = None) -> bytes:
        """Write frames behind the last record: all, or those that may be written yet.

        They are durable when `sync` has returned their number or a higher one.

        Args:
            frames: whole frames of the open segment, the next ones.
            records: what is in them, where `read_frames` or a `Cutter` has read it.

        Returns:
            Those that have to wait until all that was taken is durable: `sync`, and
            take them then.

        Raises:
            ForeignFramesError: they are not the next ones; nothing is written.
            WriteFailedError: the disk did not take it. Nothing of it is in the log; the
                same may be tried again.
            SyncFailedError: the log can't be relied on any more: stop.
        """
        segment = self._open
        if self._failure is not None or segment.must_cut:
            self._require_sound()
        if records is None:
            records = self.read_frames(frames)
        size, count = self._writable(frames, records)
        if not count:
            return frames
        data = frames[:size]
        try:
            segment.write(data)
        except SyncFailedError as error:
            self._fail(str(error))
        self.written_bytes += size
        if self.written_bytes > self.news_at_bytes:
            self.has_news = True
        self._last_seq += count
        self._last_at_ms = records[count - 1].at_ms
        self._written = segment.file, self._last_seq
        return frames[size:]

    def _writable(self, frames: bytes, records: list[Record]) -> tuple[int, int]:
        """Return how many bytes may be written now, and how many records they are."""
        size = 0
        for at, record in enumerate(records):
            if record.synced_seq > self._synced_seq:
                return size, at
            length = int.from_bytes(frames[size : size + 4], "little")
            size += FRAME_HEAD_BYTES + length
        return size, len(records)

    def take_seal(self, footer: bytes, header: bytes) -> None:
        """Seal the open segment as another log did, and begin the next one so; durably.

        No other thread may be in `sync` meanwhile.

        Args:
            footer: what the segment ends with.
            header: what the next one begins with; its term may be a higher one.

        Raises:
            ForeignFramesError: they are of another history; nothing is written.
            WriteFailedError: the disk did not take it; the same may be tried again.
            SyncFailedError: the log can't be relied on any more: stop.
        """
        segment = self._open
        seal = decode_footer(footer, segment.header.salt)
        if seal is None or segment.is_empty:
            raise ForeignFramesError(f"behind seq {self._last_seq}: no footer")
        if seal.last_seq != self._last_seq or seal.digest != segment.digest.digest():
            raise ForeignFramesError(
                f"a segment was sealed at seq {seal.last_seq} with digest "
                f"{seal.digest.hex()}, and has {segment.digest.hexdigest()} at seq "
                f"{self._last_seq} here"
            )
        try:
            begun = decode_header(header, self._folder.segment_path(self._last_seq + 1))
            require_link(segment.header, seal, begun, segment.path)
        except CorruptLogError as error:
            raise ForeignFramesError(str(error)) from error
        self._seal_as(seal, begun)

    def raise_epoch(self) -> None:
        """Begin a segment of the next term, durably: the log has changed hands.

        The open segment must have a record; no other thread may be in `sync` meanwhile.

        Raises:
            WriteFailedError: the disk did not take it; it may be tried again.
            SyncFailedError: the log can't be relied on any more: stop.
        """
        footer, header = self._make_footer(), self._open.header
        self._seal_as(footer, next_header(footer, header, header.epoch + 1))

    def _seal_as(self, footer: SegmentFooter, header: SegmentHeader) -> None:
        self._require_sound()
        ended = self._open
        try:
            begun = self._sealer.seal_as(ended, footer, header)
        except SyncFailedError as error:
            self._fail(str(error))
        except OSError as error:
            raise WriteFailedError(
                f"{ended.path}: cannot be sealed: {error}"
            ) from error
        self._synced_seq = self._last_seq
        self._go_on_in(ended, footer, begun)
        self.has_news = True
