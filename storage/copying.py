"""Copies of a log: backups, and logs that end at an earlier record.

A server may write meanwhile: nothing is locked. Sealed segments never change, so they
are copied as they are, or linked; of the open one its whole records. A file is written
aside, synced and renamed, so that a copy that was broken off can be made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import CorruptLogError, PrunedError, StorageError
from joblog.storage.filesystem import sync_file, sync_names, write_all, write_new
from joblog.storage.folder import LogFolder, read_segment_info
from joblog.storage.lock import FolderLock
from joblog.storage.redacted_segments import has_same_table, read_table_digest
from joblog.storage.segment import SegmentReader
from joblog.storage.segment_files import require_kept
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import SegmentInfo

_CHUNK_BYTES = 1024 * 1024
_NO_LIMIT = 1 << 63


class CopyReport(NamedTuple):
    """What a copy has done.

    Attributes:
        last_seq: the last record in the copy.
        digest_hex: the digest at that record.
        copied: how many files were copied, or linked.
        kept: how many were there already.
        bytes_written: how many bytes were written for them.
    """

    last_seq: int
    digest_hex: str
    copied: int
    kept: int
    bytes_written: int


def backup_log(
    source: Path, target: Path, *, filesystem: FileSystem, with_links: bool = False
) -> CopyReport:
    """Copy a log into a folder, or bring an earlier copy of it up to date.

    Segments that the source has pruned since stay in the copy. All of the copy is
    verified at the end.

    Args:
        source: the data folder; a server may be writing to it.
        target: the folder of the copy; it is made where it is missing.
        filesystem: the door to the disk.
        with_links: whether files that never change are linked rather than copied; both
            folders are to be on one file system.

    Raises:
        StorageError: one of the two is damaged, or the copy is of another log.
        OSError: the disk refused.
    """
    copier = _Copier(source, target, filesystem, with_links=with_links)
    return copier.copy(_NO_LIMIT)


def restore_log(
    source: Path, target: Path, until_seq: int, *, filesystem: FileSystem
) -> CopyReport:
    """Make a log that ends with an earlier record of another one.

    Args:
        source: a data folder or a backup.
        target: an empty folder, or none; a server can start over it then.
        until_seq: the last record; 0 for none.
        filesystem: the door to the disk.

    Raises:
        PrunedError: the source does not go back so far, or its beginning is pruned
            and no snapshot stands for it at that record.
        StorageError: the source is damaged or ends before, or the target has a log.
        OSError: the disk refused.
    """
    paths = LogFolder(target, filesystem)
    paths.make()
    if paths.find_segments():
        raise StorageError(f"{target}: has a log already; restore into an empty folder")
    _require_foldable(LogFolder(source, filesystem), until_seq)
    report = _Copier(source, target, filesystem, with_links=False).copy(until_seq)
    if report.last_seq < until_seq:
        raise StorageError(
            f"{source}: there is no seq {until_seq}: the log ends with seq "
            f"{report.last_seq}"
        )
    return report


def _require_foldable(source: LogFolder, until_seq: int) -> None:
    """Check that a server could start over a copy up to a record.

    Raises:
        PrunedError: what was before the first record is nowhere, not in a snapshot.
    """
    floor = next(iter(source.find_segments()), 1)
    if until_seq + 1 < floor:
        raise PrunedError(
            f"{source.path}: seq {until_seq} is pruned: the log starts at seq {floor}",
            floor,
        )
    snapshots = source.find_snapshots()
    usable = [seq for seq in snapshots if floor - 1 <= seq <= until_seq]
    if floor > 1 and not usable:
        first = min((seq for seq in snapshots if seq >= floor - 1), default=None)
        rest = "there is none" if first is None else f"the first one is of seq {first}"
        raise PrunedError(
            f"{source.path}: the log starts at seq {floor}, and no snapshot stands for "
            f"what was before it at seq {until_seq}: {rest}",
            floor,
        )


class _Copier:
    """Copies the files of one log, up to a record."""

    def __init__(
        self, source: Path, target: Path, filesystem: FileSystem, *, with_links: bool
    ) -> None:
        self._source = LogFolder(source, filesystem)
        self._target = LogFolder(target, filesystem)
        self._filesystem = filesystem
        self._with_links = with_links
        self._copied = self._kept = self._bytes_written = 0

    def copy(self, until_seq: int) -> CopyReport:
        """Copy all up to a record, and verify the copy."""
        filesystem = self._filesystem
        self._target.make()
        lock = FolderLock(self._target, filesystem)
        try:
            log_id = self._copy_segments(until_seq, lock.log_id)
            sync_names(filesystem, self._target.log_path)
            self._copy_snapshots(until_seq)
            lock.write_owner(log_id)
        finally:
            lock.release()
        report = verify_log(self._target.path, filesystem=filesystem)
        if report.damage:
            raise StorageError(f"the copy is not sound: {report.damage[0]}")
        return CopyReport(
            report.last_seq,
            report.digest_hex,
            self._copied,
            self._kept,
            self._bytes_written,
        )

    def _copy_segments(self, until_seq: int, known_id: str) -> str:
        """Copy segments until one that is open, or that has the last record."""
        done = 0
        log_id = known_id
        while True:
            segments = [n for n in self._source.find_segments() if n > done]
            if not segments and not done:
                raise StorageError(f"{self._source.path}: there is no log to copy")
            if not segments and self._copy_behind_seal(done, until_seq):
                return log_id
            for first_seq in segments:
                try:
                    info = read_segment_info(
                        self._filesystem, self._source.segment_path(first_seq)
                    )
                    log_id = log_id or info.header.log_id.hex()
                    self._require_log(info, log_id)
                    if self._copy_segment(info, until_seq):
                        return log_id
                except FileNotFoundError:
                    # A server may have pruned it just now.
                    require_kept(self._source, first_seq, self._source.find_segments())
                    raise
                done = first_seq

    def _require_log(self, info: SegmentInfo, log_id: str) -> None:
        if info.header.log_id.hex() != log_id:
            raise StorageError(
                f"{self._target.path}: holds another log, {log_id}; choose an "
                "empty folder"
            )
        ahead = self._target.find_segments()[-1:]
        if ahead > self._source.find_segments()[-1:]:
            raise self._is_no_copy(self._target.segment_path(ahead[0]))

    def _copy_segment(self, info: SegmentInfo, until_seq: int) -> bool:
        """Copy one segment; say whether the copy ends with it."""
        if info.footer is not None and info.footer.last_seq < until_seq:
            self._copy_sealed(info)
            return False
        if info.footer is not None and read_table_digest(self._filesystem, info.path):
            self._copy_redacted(info, info.footer.last_seq, until_seq)
            return True
        reader = SegmentReader(self._filesystem, info.path)
        self._copy_up_to(reader, until_seq)
        now = read_segment_info(self._filesystem, info.path)
        if until_seq == _NO_LIMIT and now.footer is not None:
            # Sealed since it was looked at: the log goes on in the next one.
            self._copy_sealed(now)
            return False
        return True

    def _copy_redacted(self, info: SegmentInfo, last_seq: int, until_seq: int) -> None:
        """Copy a redacted segment as the last one, which is to be had whole alone.

        Raises:
            StorageError: the copy would have to end within.
        """
        if last_seq != until_seq:
            raise StorageError(
                f"{info.path}: records of this segment are redacted, so that it can "
                f"only be copied whole: not up to seq {until_seq}, but up to seq "
                f"{info.first_seq - 1} or {last_seq}"
            )
        self._copy_sealed(info)
        # The next start begins the segment behind it.
        following = self._target.next_path(info.first_seq)
        self._filesystem.close(write_new(self._filesystem, following, b""))

    def _copy_behind_seal(self, first_seq: int, until_seq: int) -> bool:
        """Copy what follows a segment whose seal is not over.

        Returns:
            False where it is over by now: the next segment has its name.
        """
        filesystem, source = self._filesystem, self._source
        following = source.next_path(first_seq)
        if following.name in filesystem.listdir(source.log_path):
            try:
                reader = SegmentReader(filesystem, following)
            except FileNotFoundError:
                return False
            except CorruptLogError:
                pass  # it has no header yet
            else:
                self._copy_up_to(reader, until_seq)
                return True
        if source.find_segments()[-1] != first_seq:
            return False
        # Without its footer, so that the copy can go on.
        reader = SegmentReader(filesystem, source.segment_path(first_seq))
        self._copy_up_to(reader, until_seq)
        return True

    def _copy_up_to(self, reader: SegmentReader, until_seq: int) -> None:
        """Copy a segment's whole records, up to one or all; then close the segment."""
        first_seq = reader.header.first_seq
        try:
            if until_seq == _NO_LIMIT:
                while reader.read_payloads():
                    continue
            else:
                reader.read_to(max(until_seq - first_seq + 1, 0))
            target = self._target.segment_path(first_seq)
            self._require_prefix(target, reader)
            self._write_aside(target, reader, reader.offset)
        finally:
            reader.close()

    def _copy_sealed(self, info: SegmentInfo) -> None:
        target = self._target.segment_path(info.first_seq)
        if target.name in self._filesystem.listdir(target.parent):
            there = read_segment_info(self._filesystem, target)
            if there.footer == info.footer and there.header == info.header:
                # Else records of it were redacted since, and are to be here as well.
                if has_same_table(self._filesystem, target, info.path):
                    self._kept += 1
                else:
                    self._copy_file(info.path, target)
                return
            reader = SegmentReader(self._filesystem, info.path)
            try:
                self._require_prefix(target, reader)
            finally:
                reader.close()
        self._copy_file(info.path, target)

    def _require_prefix(self, target: Path, source: SegmentReader) -> None:
        """Check that a segment of an earlier copy has nothing that the source has not.

        What a torn write left behind its last record does not count.

        Raises:
            StorageError: it has: a server has written to the copy, or the source has
                lost records.
        """
        if target.name not in self._filesystem.listdir(target.parent):
            return
        copy = SegmentReader(self._filesystem, target)
        try:
            while copy.read_payloads():
                continue
            is_prefix = (
                copy.header == source.header
                and copy.read_footer() is None
                and copy.offset <= source.size()
                and copy.digest_to(copy.offset) == source.digest_to(copy.offset)
            )
        finally:
            copy.close()
        if not is_prefix:
            raise self._is_no_copy(target)

    def _is_no_copy(self, path: Path) -> StorageError:
        return StorageError(
            f"{path}: is not what {self._source.path} has: a server has written to the "
            f"copy, the source has lost records, or one of the two is damaged; decide "
            f"which is to go on, and copy into an empty folder"
        )

    def _copy_snapshots(self, until_seq: int) -> None:
        """Copy the snapshots up to a record that are not there yet."""
        wanted = [seq for seq in self._source.find_snapshots() if seq <= until_seq]
        there = set(self._target.find_snapshots())
        if wanted:
            self._target.make_snapshots()
        for seq in wanted:
            if seq in there:
                self._kept += 1
            else:
                self._copy_file(
                    self._source.snapshot_path(seq), self._target.snapshot_path(seq)
                )
        if wanted:
            sync_names(self._filesystem, self._target.snapshots_path)

    def _copy_file(self, source: Path, target: Path) -> None:
        """Copy or link a file that never changes."""
        filesystem = self._filesystem
        if self._with_links:
            temporary = target.with_name(f"{target.name}.copy")
            filesystem.link(source, temporary)
            filesystem.rename(temporary, target)
            self._copied += 1
            return
        self._copied += 1
        self._bytes_written += copy_file(filesystem, source, target)

    def _write_aside(self, target: Path, source: SegmentReader, size: int) -> None:
        _write_aside(self._filesystem, target, source, size)
        self._copied += 1
        self._bytes_written += size


def copy_file(filesystem: FileSystem, source: Path, target: Path) -> int:
    """Copy a file that never changes; return its length. It is there wholly or not.

    Raises:
        OSError: the disk refused.
        SyncFailedError: the disk refused to make it durable.
    """
    file = filesystem.open_to_read(source)
    try:
        size = filesystem.size(file)
        _write_aside(filesystem, target, _RawFile(filesystem, file), size)
    finally:
        filesystem.close(file)
    return size


def _write_aside(
    filesystem: FileSystem, target: Path, source: SegmentReader | _RawFile, size: int
) -> None:
    """Write the first bytes of a source to a file that is there wholly or not."""
    temporary = target.with_name(f"{target.name}.copy")
    if temporary.name in filesystem.listdir(temporary.parent):
        filesystem.unlink(temporary)
    file = filesystem.create(temporary)
    try:
        for start in range(0, size, _CHUNK_BYTES):
            length = min(_CHUNK_BYTES, size - start)
            write_all(filesystem, file, source.read_at(length, start))
        sync_file(filesystem, file, temporary)
    finally:
        filesystem.close(file)
    filesystem.rename(temporary, target)


class _RawFile:
    """A file's own bytes, by `read_at`."""

    def __init__(self, filesystem: FileSystem, file: int) -> None:
        self._filesystem = filesystem
        self._file = file

    def read_at(self, length: int, offset: int) -> bytes:
        return self._filesystem.read_at(self._file, length, offset)
