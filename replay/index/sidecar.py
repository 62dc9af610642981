"""The sidecar: the folder of what makes `replay` fast and may be removed at any time.

It is `index` in the data folder. Where that cannot be written (a backup, another user's
folder), it is a folder of the log's own in the user's cache. The environment variable
REPLAY_INDEX names another place, or says `off`: then none is read or written.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.replay.index.parts import parse_part_name
from joblog.storage.filesystem import write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.storage.filesystem import FileSystem

FOLDER = "index"
VARIABLE = "REPLAY_INDEX"

_LOCK = "building.lock"
_COVERED = re.compile(r"(?:[0-9]{20}-)?([0-9]{20})\.")
"""The number of the last record in the name of a part, an attachment, a checkpoint."""
_KINDS_KEPT = 1


def is_off() -> bool:
    """Tell whether no sidecar is to be read or written."""
    return os.environ.get(VARIABLE) == "off"


class Sidecar:
    """The sidecar of one data folder."""

    def __init__(self, folder: Path, log_id: str) -> None:
        """Find the folders in which the sidecar of a log can be.

        Args:
            folder: the data folder.
            log_id: the log's id, by which the cache tells logs apart.
        """
        chosen = os.environ.get(VARIABLE, "")
        self._folders: list[Path] = []
        if is_off() or not log_id:
            return
        if chosen:
            self._folders = [Path(chosen) / log_id]
        else:
            self._folders = [folder / FOLDER, _cache_folder() / log_id]

    def find(self, suffix: str) -> dict[str, Path]:
        """Return the files with a suffix by name, those in the data folder first."""
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            try:
                names = os.listdir(folder)  # noqa: PTH208 - names, and no Path for each
            except OSError:
                continue
            found |= {name: folder / name for name in names if name.endswith(suffix)}
        return found

    def find_parts(self) -> dict[int, tuple[int, Path]]:
        """Return (last number, file) of each part by its first record's number."""
        parts: dict[int, tuple[int, Path]] = {}
        for name, path in sorted(self.find(".idx").items()):
            covered = parse_part_name(name)
            if covered is not None:
                parts[covered[0]] = covered[1], path
        return parts

    @contextmanager
    def writing(self) -> Iterator[Path | None]:
        """Return the folder to write to, while no other process may.

        None where there is none, or another process is at it.
        """
        folder = next((each for each in self._folders if _make(each)), None)
        if folder is None:
            yield None
            return
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            yield None
            return
        try:
            yield folder
        finally:
            os.close(file)


def write_file(filesystem: FileSystem, folder: Path, name: str, data: bytes) -> None:
    """Write a file of the sidecar so that it is there wholly or not at all."""
    temporary = folder / f"{name}.new"
    if temporary.exists():
        filesystem.unlink(temporary)
    file = filesystem.create(temporary)
    try:
        write_all(filesystem, file, data)
        filesystem.fsync(file)
    finally:
        filesystem.close(file)
    filesystem.rename(temporary, folder / name)


@contextmanager
def cleared(folder: Path, log_id: str) -> Iterator[list[Path]]:
    """Keep all sidecars of a log empty: what is in them goes at the end.

    Also those that are not in use, whatever REPLAY_INDEX says.

    Yields:
        Gets the files that are gone, once it is over.

    Raises:
        BlockingIOError: a process is building one of them.
    """
    chosen = os.environ.get(VARIABLE, "off")
    found = [folder / FOLDER, _cache_folder() / log_id]
    found += [] if chosen == "off" else [Path(chosen) / log_id]
    locks: list[int] = []
    removed: list[Path] = []
    try:
        for each in filter(Path.is_dir, found):
            lock = os.open(each / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            locks.append(lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield removed
        for each in found:
            for path in sorted(each.glob("*")):
                if path.name != _LOCK and path.is_file():
                    path.unlink(missing_ok=True)
                    removed.append(path)
    finally:
        for lock in locks:
            os.close(lock)


def drop_pruned(folder: Path, first_seq: int) -> None:
    """Remove what is about records that a log has no longer.

    Args:
        folder: the sidecar's.
        first_seq: the first record that the log still has.
    """
    for name in os.listdir(folder):  # noqa: PTH208 - names, and no Path for each
        match = _COVERED.match(name)
        if match is not None and int(match[1]) < first_seq:
            (folder / name).unlink(missing_ok=True)


def drop_other_kinds(folder: Path, prefix: str, kept: str) -> None:
    """Remove the attachments whose kinds begin alike, but for one kind and the newest.

    Args:
        folder: the sidecar's.
        prefix: how they begin.
        kept: the kind that stays.
    """
    newest: dict[str, float] = {}
    for path in folder.glob(f"*.{prefix}*"):
        kind = path.name.partition(".")[2]
        newest[kind] = max(newest.get(kind, 0.0), path.stat().st_mtime)
    newest.pop(kept, None)
    for kind in sorted(newest, key=lambda each: -newest[each])[_KINDS_KEPT:]:
        for path in folder.glob(f"*.{kind}"):
            path.unlink(missing_ok=True)


def _make(folder: Path) -> bool:
    """Make a folder where it is missing; tell whether it can be written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        cache = Path(home) if home else Path.home() / ".cache"
    except RuntimeError:
        # Nobody's home is known: nothing can be kept.
        return Path(os.devnull)
    return cache / "joblog"
