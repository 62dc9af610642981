"""Following: a copy of a log that is kept up to date while a server writes to it.

The copy begins as a backup, verified from end to end. From there on whole records are
appended to it as they come, their checksums compared; each segment is compared with its
footer, and the next one with what it follows. The copy is sound at every moment: its
segments are sealed in the order in which a server seals them, and no record is written
that says of another that it is durable before it is so here. So a server can start over
it whenever the following ends, in whichever way.

One that follows has the copy's lock: no server starts over it meanwhile.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from joblog.storage.copying import backup_log, copy_file
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.filesystem import sync_file, sync_names, write_all
from joblog.storage.folder import LogFolder, require_link
from joblog.storage.frame import FRAME_HEAD_BYTES, leading_uints
from joblog.storage.lock import FolderLock
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES, SegmentReader
from joblog.storage.segment_files import open_begun, require_kept

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.copying import CopyReport
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentFooter

_CHUNK_BYTES = 1024 * 1024
_STUCK_STEPS = 50
"""How many steps without a whole record there are before the reason is looked for."""
_SNAPSHOT_STEPS = 10
"""From how many steps to how many a new snapshot is looked for."""


class HistoryLostError(StorageError):
    """The source has gone back, or another way: the copy has what it has not."""


def _require_protected(filesystem: FileSystem, path: Path) -> None:
    if filesystem.is_exposed(path):
        raise StorageError(
            f"{path}: not encrypted, so nothing is copied behind it: make the copy "
            "anew, in an empty folder"
        )


class Follower:
    """Follows one log.

    Attributes:
        report: of the backup that the copy began with.
        last_seq: the last record in the copy, durably.
    """

    def __init__(self, source: Path, target: Path, *, filesystem: FileSystem) -> None:
        """Bring a copy up to date and take its lock.

        Args:
            source: the data folder that a server writes to.
            target: the folder of the copy; it is made where it is missing.
            filesystem: the door to the disk.

        Raises:
            StorageError: one of the two is damaged, or the copy is of another log, or
                is in use.
            OSError: the disk refused.
        """
        self._filesystem = filesystem
        self._source = LogFolder(source, filesystem)
        self._target = LogFolder(target, filesystem)
        self.report: CopyReport = backup_log(source, target, filesystem=filesystem)
        self._lock = FolderLock(self._target, filesystem)
        self._file = -1
        self._done = self._stuck = self._steps = 0
        try:
            for first_seq in self._target.find_next():
                filesystem.unlink(self._target.next_path(first_seq))
            first_seq = self._target.find_segments()[-1]
            newest = self._target.segment_path(first_seq)
            _require_protected(filesystem, newest)
            self._file = filesystem.open_to_append(newest)
            self._reader = self._open_source(first_seq)
            self._done = filesystem.size(self._file)
            self.last_seq = self.report.last_seq
            self._seen_seq = first_seq - 1
            self._require_same()
        except BaseException:
            self.close()
            raise

    def step(self) -> int:
        """Copy what is new, durably.

        Returns:
            How many records that were.

        Raises:
            HistoryLostError: the source has not what the copy has.
            CorruptLogError: the source is damaged.
            PrunedError: the source pruned what was not copied yet.
            StorageError: the disk refused to make it durable.
            OSError: the disk refused.
        """
        before = self.last_seq
        while self._copy_records():
            pass
        self._steps += 1
        if self._steps % _SNAPSHOT_STEPS == 0:
            self._copy_snapshots()
        return self.last_seq - before

    def close(self) -> None:
        """Give the copy back: a server may start over it."""
        reader = getattr(self, "_reader", None)
        if reader is not None:
            reader.close()
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._filesystem.close(self._file)
            self._file = -1
        self._lock.release()

    def _open_source(self, first_seq: int) -> SegmentReader:
        path = self._source.segment_path(first_seq)
        try:
            return SegmentReader(self._filesystem, path, with_digest=True)
        except FileNotFoundError:
            require_kept(self._source, first_seq, self._source.find_segments())
            # It may be in the act of getting its name.
            for elder_seq in self._source.find_next()[-1:]:
                path = self._source.next_path(elder_seq)
                return SegmentReader(self._filesystem, path, with_digest=True)
            raise

    def _require_same(self) -> None:
        """Check that the copy's newest segment is the source's, as far as it goes."""
        path = self._target.segment_path(self._reader.header.first_seq)
        copy = SegmentReader(self._filesystem, path)
        try:
            is_same = (
                self._reader.size() >= self._done
                and copy.header == self._reader.header
                and copy.digest_to(self._done) == self._reader.digest_to(self._done)
            )
        finally:
            copy.close()
        if not is_same:
            raise self._lost()

    def _lost(self) -> HistoryLostError:
        return HistoryLostError(
            f"{self._source.path}: the log is no longer the one that was copied: it "
            f"went another way within its segment {self._reader.header.first_seq}, so "
            f"{self._target.path} may have records that it has lost, up to seq "
            f"{self.last_seq}; decide which of the two is to go on, and make the other "
            f"anew"
        )

    def _copy_records(self) -> bool:
        """Copy what the open segment has more; say whether another one has begun."""
        reader = self._reader
        if reader.size() < self._done:
            raise self._lost()
        end = reader.offset
        while payloads := reader.read_payloads():
            for payload in payloads:
                if leading_uints(payload)[1] > self.last_seq:
                    self._append_up_to(end)
                end += FRAME_HEAD_BYTES + len(payload)
                self._seen_seq += 1
        self._append_up_to(end)
        footer = reader.read_footer()
        if footer is None:
            self._look_whether_stuck()
            return False
        assert reader.digest is not None
        if footer.digest != reader.digest.digest() or footer.last_seq != self._seen_seq:
            raise self._lost()
        return self._begin_next(footer)

    def _append_up_to(self, end: int) -> None:
        """Make the copy durable up to the last record that was seen."""
        if end > self._done:
            self._append(self._done, end)
            self._done = end
            self._stuck = 0
            self.last_seq = self._seen_seq

    def _append(self, start: int, end: int) -> None:
        filesystem = self._filesystem
        for offset in range(start, end, _CHUNK_BYTES):
            length = min(_CHUNK_BYTES, end - offset)
            write_all(filesystem, self._file, self._reader.read_at(length, offset))
        filesystem.fdatasync(self._file)

    def _look_whether_stuck(self) -> None:
        """Find out why bytes behind the last record do not become one for long."""
        if self._reader.size() == self._done:
            self._stuck = 0
            return
        self._stuck += 1
        if self._stuck % _STUCK_STEPS == 0:
            self._require_same()

    def _begin_next(self, footer: SegmentFooter) -> bool:
        """Seal the copy's segment and begin the next, if the source has begun it."""
        self._require_unredacted(self._reader)
        following = self._open_following(footer)
        if following is None:
            return False
        self._require_unredacted(following)
        filesystem, elder = self._filesystem, self._reader
        first_seq = elder.header.first_seq
        temporary = self._target.next_path(first_seq)
        path = self._target.segment_path(footer.last_seq + 1)
        try:
            require_link(elder.header, footer, following.header, following.path)
            file = filesystem.create(temporary)
            write_all(filesystem, file, following.read_at(HEADER_BYTES, 0))
            sync_file(filesystem, file, temporary)
            sync_names(filesystem, temporary.parent)
        except BaseException:
            following.close()
            raise
        self._append(elder.offset, elder.offset + FOOTER_BYTES)
        filesystem.rename(temporary, path)
        sync_names(filesystem, path.parent)
        filesystem.close(self._file)
        elder.close()
        self._file, self._reader, self._done = file, following, HEADER_BYTES
        return True

    def _require_unredacted(self, reader: SegmentReader) -> None:
        """Check that a segment can be copied record by record.

        Raises:
            HistoryLostError: records of it are redacted: it is only copied whole.
        """
        if reader.table_digest():
            raise HistoryLostError(
                f"{reader.path}: records of it were redacted before it was copied to "
                f"its end; follow anew: {self._target.path} is brought up to date then"
            )

    def _open_following(self, footer: SegmentFooter) -> SegmentReader | None:
        """Open the segment behind the seal; None where it has no header yet."""
        first_seq = footer.last_seq + 1
        elder_seq = self._reader.header.first_seq
        for path in (
            self._source.next_path(elder_seq),
            self._source.segment_path(first_seq),
        ):
            try:
                begun = open_begun(self._filesystem, path)
                if begun is None:
                    return None
                begun.close()
                return SegmentReader(self._filesystem, path, with_digest=True)
            except FileNotFoundError:
                continue
            except CorruptLogError:
                return None  # its header is being written
        require_kept(self._source, first_seq, self._source.find_segments())
        return None

    def _copy_snapshots(self) -> None:
        """Take the newest snapshot that the copy goes up to; drop what it replaces."""
        there = self._target.find_snapshots()
        known = self._source.find_snapshots()
        wanted = [seq for seq in known if seq <= self.last_seq and seq not in there]
        if not wanted:
            return
        newest = wanted[-1]
        self._target.make_snapshots()
        try:
            copy_file(
                self._filesystem,
                self._source.snapshot_path(newest),
                self._target.snapshot_path(newest),
            )
        except FileNotFoundError:
            return  # the server made a newer one and removed this
        sync_names(self._filesystem, self._target.snapshots_path)
        for seq in there:
            if seq < newest and seq not in known:
                self._filesystem.unlink(self._target.snapshot_path(seq))
