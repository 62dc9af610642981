"""The data folder: what its files are called, who may write, and that none is missing.

DIR/joblog.lock                    flock; names the log that lives here
DIR/log/<first seq>.log            segments; the number has 20 digits
DIR/log/<first seq>.log.new        a new segment, until it has its name
DIR/log/<first seq>.log.next       the segment behind that one, while it is being sealed
DIR/log/<first seq>.log.torn       bytes that recovery cut off; nobody reads them
DIR/snapshots/<seq>.snap           the state after a record
DIR/snapshots/snapshots.lock       flock, by the one process that writes a snapshot
DIR/snapshots/<seq>.snap.new       a snapshot that is being written, or never was whole
DIR/set-aside/<name>/              a history that was set aside, in a folder as this one
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import (
    ForeignSegmentError,
    MisplacedSegmentError,
    MissingSegmentError,
    StorageError,
)
from joblog.storage.filesystem import sync_names
from joblog.storage.segment import (
    NO_DIGEST,
    SegmentFooter,
    SegmentHeader,
    SegmentReader,
    corrupt,
    link_digest,
)

if TYPE_CHECKING:
    from joblog.storage.filesystem import FileSystem

SET_ASIDE = "set-aside"
SEGMENT_NAME = re.compile(r"([0-9]{20})\.log")
SNAPSHOT_NAME = re.compile(r"([0-9]{20})\.snap")
_NEW_SNAPSHOT_NAME = re.compile(r"([0-9]{20})\.snap\.new")
_NEXT_NAME = re.compile(r"([0-9]{20})\.log\.next")
_NEW_SEGMENT_NAME = re.compile(r"([0-9]{20})\.log\.new")


class LogFolder:
    """The paths of one data folder.

    Attributes:
        path: the data folder.
        log_path: the folder of the segments.
        lock_path: the lock file.
        snapshots_path: the folder of the snapshots; it may be missing.
    """

    def __init__(self, path: Path | str, filesystem: FileSystem) -> None:
        self.path = Path(path)
        self.log_path = self.path / "log"
        self.lock_path = self.path / "joblog.lock"
        self.snapshots_path = self.path / "snapshots"
        self._filesystem = filesystem

    def segment_path(self, first_seq: int) -> Path:
        """Return the path of the segment that starts with a number."""
        return self.log_path / f"{first_seq:020d}.log"

    def new_segment_path(self, first_seq: int) -> Path:
        """Return the path that the segment has until it is taken into use."""
        return self.log_path / f"{first_seq:020d}.log.new"

    def next_path(self, first_seq: int) -> Path:
        """Return the path of the segment behind one that is being sealed."""
        return self.log_path / f"{first_seq:020d}.log.next"

    def find_next(self) -> list[int]:
        """Return the segments, by first numbers, that may be in the act of a seal."""
        return self._find(_NEXT_NAME)

    def is_sealing(self, first_seq: int, following_seq: int) -> bool:
        """Say whether the seal of a segment may not be over yet.

        Args:
            first_seq: the segment, by its first number.
            following_seq: the first number of the one behind it, which may be written
                under another name until it has its own.
        """
        return (
            first_seq in self.find_next() or following_seq in self.find_new_segments()
        )

    def snapshot_path(self, seq: int) -> Path:
        """Return the path of the snapshot of the state after a record."""
        return self.snapshots_path / f"{seq:020d}.snap"

    @property
    def snapshot_lock_path(self) -> Path:
        """The file that is locked by the process that writes a snapshot."""
        return self.snapshots_path / "snapshots.lock"

    def find_snapshots(self) -> list[int]:
        """Return the numbers of all snapshots, in order; there may be none."""
        return self._match(self._snapshot_names(), SNAPSHOT_NAME)

    def find_new_snapshots(self) -> list[int]:
        """Return the numbers of snapshots that are not, or never were, whole."""
        return self._match(self._snapshot_names(), _NEW_SNAPSHOT_NAME)

    def _snapshot_names(self) -> list[str]:
        try:
            return self._filesystem.listdir(self.snapshots_path)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_snapshots(self) -> None:
        """Make the folder of the snapshots where it is missing, durably."""
        if self.snapshots_path.name not in self._filesystem.listdir(self.path):
            self._mkdir(self.snapshots_path)
            sync_names(self._filesystem, self.path)

    def require_no_archive(self) -> None:
        """Check that no segments lie in the data folder itself, side by side.

        Raises:
            StorageError: they do: a server over an archive would start empty.
        """
        try:
            names = self._filesystem.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return
        if self.log_path.name not in names and self._match(names, SEGMENT_NAME):
            raise StorageError(
                f"{self.path}: an archive of segments, not a data folder: 'replay "
                f"restore {self.path} NEW_DIR --at now' makes one of it"
            )

    def make(self) -> None:
        """Make the folders where they are missing, durably."""
        self._mkdir(self.log_path)
        if not self.find_segments():
            # Also where none was missing: the start that made the folders may have
            # died before their names were durable.
            for folder in (self.log_path, self.path, self.path.absolute().parent):
                sync_names(self._filesystem, folder)

    def make_itself(self) -> None:
        """Make the data folder where it is missing, with nothing in it.

        Raises:
            OSError: it cannot be made.
        """
        self._mkdir(self.path)

    def _mkdir(self, folder: Path) -> None:
        """Make a folder and those above it, where they are missing."""
        try:
            self._filesystem.mkdir(folder)
        except FileExistsError:
            return
        except FileNotFoundError:
            self._mkdir(folder.parent)
            self._filesystem.mkdir(folder)
            sync_names(self._filesystem, folder.parent)

    def find_segments(self) -> list[int]:
        """Return the first numbers of all segments, in order.

        Raises:
            StorageError: this is not a data folder.
        """
        return self._find(SEGMENT_NAME)

    def find_new_segments(self) -> list[int]:
        """Return the first numbers of segments that are not yet in use."""
        return self._find(_NEW_SEGMENT_NAME)

    def _find(self, pattern: re.Pattern[str]) -> list[int]:
        try:
            names = self._filesystem.listdir(self.log_path)
        except (FileNotFoundError, NotADirectoryError):
            raise StorageError(
                f"{self.path}: not a data folder: it has no folder named log"
            ) from None
        return self._match(names, pattern)

    @staticmethod
    def _match(names: list[str], pattern: re.Pattern[str]) -> list[int]:
        matches = map(pattern.fullmatch, names)
        return sorted(int(match[1]) for match in matches if match)


class SegmentInfo(NamedTuple):
    """What is known of a segment without reading its frames.

    Attributes:
        path: the file.
        header: its header.
        footer: its footer, where it is sealed.
        size_bytes: how long the file is, which may be packed.
    """

    path: Path
    header: SegmentHeader
    footer: SegmentFooter | None
    size_bytes: int

    @property
    def first_seq(self) -> int:
        """The number of its first record."""
        return self.header.first_seq

    @property
    def is_sealed(self) -> bool:
        """Whether it has its footer and takes no more records."""
        return self.footer is not None


def read_segment_info(filesystem: FileSystem, path: Path) -> SegmentInfo:
    """Read a segment's header and, where it ends in one, its footer.

    Raises:
        CorruptLogError: the header is not sound, or the file's name is not its own.
    """
    reader = SegmentReader(filesystem, path)
    try:
        info = SegmentInfo(
            path, reader.header, reader.read_last_footer(), reader.size_on_disk()
        )
        require_named(reader)
    finally:
        reader.close()
    return info


def require_named(reader: SegmentReader) -> None:
    """Check that a segment has the name that its header asks for.

    Raises:
        MisplacedSegmentError: it has that of another.
    """
    named, first_seq = int(reader.path.name[:20]), reader.header.first_seq
    if first_seq != named:
        raise corrupt(
            reader.path,
            16,
            f"first seq {first_seq}",
            f"{named}, as named",
            MisplacedSegmentError,
        )


def read_chain(folder: LogFolder, filesystem: FileSystem) -> list[SegmentInfo]:
    """Read all segments' headers and footers, and check that they are one chain.

    Returns:
        One item for each segment, in order; only the last may be open.

    Raises:
        CorruptLogError: a segment is damaged, missing, swapped or foreign.
    """
    chain = _read_infos(folder, filesystem)
    if chain:
        require_first(chain[0].header, chain[0].path)
    for elder, segment in pairwise(chain):
        if elder.footer is None:
            raise corrupt(
                elder.path,
                elder.size_bytes,
                "no sound footer",
                f"one, because {segment.path.name} follows",
            )
        require_link(elder.header, elder.footer, segment.header, segment.path)
    return chain


def _read_infos(folder: LogFolder, filesystem: FileSystem) -> list[SegmentInfo]:
    """Read all headers and footers; begin anew where the oldest is pruned meanwhile."""
    while True:
        segments = folder.find_segments()
        try:
            return [
                read_segment_info(filesystem, folder.segment_path(first_seq))
                for first_seq in segments
            ]
        except FileNotFoundError:
            if folder.find_segments()[:1] == segments[:1]:
                raise


def require_first(header: SegmentHeader, path: Path) -> None:
    """Check that the oldest segment has a past if, and only if, it has to have one.

    Raises:
        CorruptLogError: it starts with seq 1 and names an older one, or starts
            later and names none.
    """
    if header.first_seq == 1 and header.previous_digest != NO_DIGEST:
        raise corrupt(path, 56, "the digest of an older segment", "none before seq 1")
    if header.first_seq != 1 and header.previous_digest == NO_DIGEST:
        raise corrupt(
            path, 56, "no digest", "that of the segment before", MisplacedSegmentError
        )


def require_link(
    elder: SegmentHeader, footer: SegmentFooter, header: SegmentHeader, path: Path
) -> None:
    """Check that a segment is the one that was begun when its elder was sealed.

    Args:
        elder: the header of the segment before.
        footer: its footer.
        header: the header of the segment to check.
        path: its file, for the text of an error.

    Raises:
        CorruptLogError: it is another one.
    """
    if header.first_seq > footer.last_seq + 1:
        first_seq = footer.last_seq + 1
        raise corrupt(
            path.with_name(f"{first_seq:020d}.log"),
            0,
            "no such file",
            f"seq {first_seq} to {header.first_seq - 1}: the segments between are "
            f"missing",
            MissingSegmentError,
        )
    if header.first_seq <= footer.last_seq:
        raise corrupt(
            path,
            16,
            f"first seq {header.first_seq}",
            f"{footer.last_seq + 1}: these records are there twice",
            MisplacedSegmentError,
        )
    if header.log_id != elder.log_id:
        raise corrupt(
            path,
            40,
            f"log id {header.log_id.hex()}: a segment of another log",
            elder.log_id.hex(),
            ForeignSegmentError,
        )
    expected = link_digest(footer, elder.salt)
    if header.previous_digest != expected:
        raise corrupt(
            path,
            56,
            f"digest {header.previous_digest.hex()} of the segment before",
            f"{expected.hex()}: it is of another history",
            ForeignSegmentError,
        )
    if header.epoch < elder.epoch:
        raise corrupt(path, 32, f"epoch {header.epoch}", f"{elder.epoch} or higher")


def find_set_aside(folder: Path, filesystem: FileSystem) -> list[Path]:
    """Return the folders of histories that were set aside, in order."""
    try:
        names = filesystem.listdir(folder / SET_ASIDE)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / SET_ASIDE / name for name in sorted(names)]
