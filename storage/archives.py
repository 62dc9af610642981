"""Archives: folders with a log's sealed segments side by side, read as a data folder.

`log-archive-command` puts segments, and perhaps a snapshot, into one folder under their
own names. `Archive` shows such a folder as if each lay where a data folder has it, and
as if the segment behind the last one were just about to begin. It is for reading alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from joblog.storage.errors import ReadOnlyError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import SEGMENT_NAME, LogFolder

if TYPE_CHECKING:
    from pathlib import Path


def is_archive(folder: Path, filesystem: FileSystem) -> bool:
    """Say whether a folder is no data folder, but has segments side by side.

    Raises:
        OSError: it cannot be read.
    """
    names = filesystem.listdir(folder)
    return "log" not in names and any(map(SEGMENT_NAME.fullmatch, names))


class Archive(FileSystem):
    """The door to the disk, where one folder is an archive."""

    def __init__(self, folder: Path) -> None:
        """Show an archive as a data folder."""
        self._folder = folder
        self._paths = LogFolder(folder, self)

    def _real(self, path: Path) -> Path:
        """Return where a file or folder of the data folder truly lies."""
        parts = (self._paths.log_path, self._paths.snapshots_path)
        if path in parts:
            return self._folder
        return self._folder / path.name if path.parent in parts else path

    def listdir(self, folder: Path) -> list[str]:
        """Return the names in a folder; the folders of the data folder are there."""
        names = super().listdir(self._real(folder))
        if folder == self._folder:
            return [self._paths.log_path.name, self._paths.snapshots_path.name]
        segments = sorted(filter(SEGMENT_NAME.fullmatch, names))
        if folder == self._paths.log_path and segments:
            names.append(self._next_name(segments[-1]))
        return names

    @staticmethod
    def _next_name(segment: str) -> str:
        return f"{segment}.next"

    def open_to_read(self, path: Path) -> int:
        """Open a file; the segment behind the last one is empty."""
        if path.parent == self._paths.log_path and path.name.endswith(".next"):
            return os.open(os.devnull, os.O_RDONLY)
        return super().open_to_read(self._real(path))

    def link(self, source: Path, target: Path) -> None:
        """Give a file of the archive a second name elsewhere."""
        super().link(self._real(source), target)

    def create(self, path: Path) -> int:
        """Make a new file, but in the archive."""
        self._require_outside(path)
        return super().create(path)

    def mkdir(self, folder: Path) -> None:
        """Make one folder, but in the archive."""
        self._require_outside(folder)
        super().mkdir(folder)

    def flock(self, path: Path) -> int | None:
        """Lock a file, but in the archive."""
        self._require_outside(path)
        return super().flock(path)

    def _require_outside(self, path: Path) -> None:
        if self._folder == path or self._folder in path.parents:
            raise ReadOnlyError(
                f"{self._folder}: an archive of segments, not a data folder: "
                f"'replay restore {self._folder} NEW_DIR' makes one of it"
            )
