"""Copies: what a backup, or an archive, can give back to a damaged log.

    a whole segment    that is damaged or missing, where the backup has it sound
    the first part     of a damaged segment, where the backup ends in that segment and
                       all that follows in the damaged one is sound
    a snapshot         that stands for what was before the first segment

A copy is taken only where it is of the very same history: the id of its log, its number
and the digests by which segments hang together are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.archives import Archive, is_archive
from joblog.storage.disk import open_disk
from joblog.storage.errors import CorruptLogError, SnapshotError, StorageError
from joblog.storage.folder import LogFolder, read_segment_info
from joblog.storage.frame import find_frame
from joblog.storage.segment import SegmentReader, link_digest
from joblog.storage.snapshot import SnapshotReader, verify_snapshot
from joblog.storage.tail import require_footer, require_sequence
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import SegmentInfo
    from joblog.storage.verify import SegmentReport


class Copy(NamedTuple):
    """A file that can take the place of another, or of the first part of it.

    Attributes:
        path: the file in the backup.
        last_seq: the last record that is there with it.
        keep_from: from which byte on the damaged file's own bytes follow; 0 for none.
    """

    path: Path
    last_seq: int
    keep_from: int = 0


class Copies:
    """The sound files of a backup."""

    def __init__(self, backup: Path | None, log_id: str) -> None:
        """Look through a backup once; None is one that has nothing.

        Args:
            backup: a data folder, a copy of one, or a folder of archived segments.
            log_id: the id of the log that is to be mended.
        """
        self._found: dict[int, tuple[SegmentInfo, SegmentReport]] = {}
        self._paths: LogFolder | None = None
        if backup is None:
            return
        self.filesystem = open_disk()
        self._is_flat = False
        try:
            self._is_flat = is_archive(backup, self.filesystem)
            if self._is_flat:
                self.filesystem = open_disk(beneath=Archive(backup))
            self._paths = LogFolder(backup, self.filesystem)
            self._look(verify_log(backup, filesystem=self.filesystem).segments, log_id)
        except (OSError, StorageError):
            return  # what is no backup has nothing to give
        self._log_id = log_id

    def _look(self, segments: list[SegmentReport], log_id: str) -> None:
        for report in segments:
            if report.damage is None:
                info = read_segment_info(self.filesystem, report.path)
                if info.header.log_id.hex() == log_id:
                    self._found[report.first_seq] = info, report

    def find_segment(
        self, first_seq: int, elder: SegmentInfo | None, younger: SegmentInfo | None
    ) -> Copy | None:
        """Return a segment that hangs together with its neighbours.

        Args:
            first_seq: the number of its first record.
            elder: the sound segment before, or None where there is none.
            younger: the same behind; None where it may end in the middle of a write.
        """
        if first_seq not in self._found:
            return None
        info, report = self._found[first_seq]
        if elder is not None and not follows(elder, info):
            return None
        if younger is not None and not follows(info, younger):
            return None
        return Copy(self._real(info.path), report.last_seq)

    def find_run(self, elder: SegmentInfo, until_seq: int | None = None) -> list[Copy]:
        """Return the segments behind a sound one, as far as they hang together.

        Args:
            elder: the sound segment.
            until_seq: the first number that is not wanted; None for all that there is.
        """
        found: list[Copy] = []
        while elder.footer is not None:
            first_seq = elder.footer.last_seq + 1
            copy = self.find_segment(first_seq, elder, None)
            if copy is None or (until_seq is not None and first_seq >= until_seq):
                break
            found.append(copy)
            elder = self._found[first_seq][0]
        return found

    def info(self, copy: Copy) -> SegmentInfo:
        """Return what a whole segment that was found says of itself."""
        return self._found[int(copy.path.name[:20])][0]

    def size(self, copy: Copy) -> int:
        """Return how long a whole segment that was found is, in bytes, unpacked."""
        return self._found[int(copy.path.name[:20])][1].size_bytes

    def _real(self, path: Path) -> Path:
        """Return where a file truly lies: in an archive they are side by side."""
        assert self._paths is not None
        return self._paths.path / path.name if self._is_flat else path

    def find_past(self, younger: SegmentInfo | None) -> list[Copy]:
        """Return all that was before a segment, or before the end, from seq 1 on."""
        found: list[Copy] = []
        for first_seq in sorted(self._found, reverse=True):
            info, _ = self._found[first_seq]
            if younger is None or follows(info, younger):
                found.insert(0, Copy(self._real(info.path), self.last_seq(first_seq)))
                younger = info
        is_whole = younger is not None and younger.first_seq == 1
        return found if is_whole else []

    def last_seq(self, first_seq: int) -> int:
        """Return the last record of a sound segment, by its first one's number."""
        return self._found[first_seq][1].last_seq

    def find_part(self, damaged: SegmentReport) -> Copy | None:
        """Return the first part of a damaged segment, behind which it is sound."""
        if damaged.first_seq not in self._found:
            return None
        info, report = self._found[damaged.first_seq]
        try:
            copy = _join(self.filesystem, info.path, report.last_seq, damaged.path)
        except CorruptLogError:
            return None
        return copy and copy._replace(path=self._real(copy.path))

    def find_snapshots(self) -> list[tuple[int, Path]]:
        """Return the sound snapshots of the same log, by the record, in order."""
        if self._paths is None or not self._found:
            return []
        found: list[tuple[int, Path]] = []
        for seq in self._paths.find_snapshots():
            path = self._paths.snapshot_path(seq)
            try:
                verify_snapshot(self.filesystem, path)
                reader = SnapshotReader(self.filesystem, path)
                reader.close()
            except (SnapshotError, OSError):
                continue
            if reader.header.log_id.hex() == self._log_id:
                found.append((seq, self._real(path)))
        return found


def follows(elder: SegmentInfo | None, younger: SegmentInfo | None) -> bool:
    """Tell whether a segment is the one that was begun when another was sealed."""
    if elder is None or younger is None or elder.footer is None:
        return False
    return (
        elder.footer.last_seq + 1 == younger.first_seq
        and elder.header.log_id == younger.header.log_id
        and link_digest(elder.footer, elder.header.salt)
        == younger.header.previous_digest
    )


def _join(
    filesystem: FileSystem, copy: Path, last_seq: int, damaged: Path
) -> Copy | None:
    """Return a copy of a segment's first part, if the rest of the other is sound.

    Raises:
        CorruptLogError: what follows is not sound.
    """
    first = SegmentReader(filesystem, copy, with_digest=True)
    second = SegmentReader(open_disk(), damaged)
    try:
        if first.header != second.header or first.digest is None:
            return None
        while first.read_payloads():
            pass
        digest = first.digest.copy()
        second.offset = first.offset
        while payloads := second.read_payloads():
            last_seq = require_sequence(second, payloads, last_seq)
        length = second.offset - first.offset
        digest.update(second.read_at(length, first.offset))
        footer = second.read_footer()
        if footer is not None:
            require_footer(second, footer, last_seq)
            is_sound = footer.digest == digest.digest()
        else:
            # Behind the last sound record there may be a torn one, and no other.
            rest = second.read_rest()
            is_sound = find_frame(rest, 0, last_seq, second.heads) is None
        return Copy(copy, last_seq, first.offset) if is_sound else None
    finally:
        first.close()
        second.close()
