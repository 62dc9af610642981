"""Mending: the steps of a repair, and how each is done to the files.

Nothing is removed: what is cut off or moved keeps its bytes under another name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.archiving import forget_archived
from joblog.storage.filesystem import sync_file, sync_names, write_aside
from joblog.storage.folder import LogFolder
from joblog.storage.lock import FolderLock
from joblog.storage.segment import SegmentReader
from joblog.storage.tail import free_torn_path

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record


class Step(NamedTuple):
    """One thing that a repair does.

    Attributes:
        action: "cut", "reopen", "set aside", "replace" or "bring back".
        path: the file.
        offset: from where on it is cut, or keeps its own bytes, in bytes; else 0.
        why: what is wrong with it.
        lost: records behind the damage that can still be read, but not kept.
        source: the sound copy that takes its place; None where it is no replacement.
        gone: how many of the records from the damage to the last of `lost` do not read.
    """

    action: str
    path: Path
    offset: int = 0
    why: str = ""
    lost: tuple[Record, ...] = ()
    source: Path | None = None
    gone: int = 0


class Plan(NamedTuple):
    """What a repair would do, and what it cannot.

    Attributes:
        steps: in order.
        hopeless: damage that no step mends.
        last_seq: the last record that there is then.
    """

    steps: list[Step]
    hopeless: list[str]
    last_seq: int

    @property
    def cuts(self) -> list[Step]:
        """The steps that lose records which still read: `salvage` keeps these."""
        return [step for step in self.steps if step.lost]


def apply_repair(folder: Path, plan: Plan, *, filesystem: FileSystem) -> None:
    """Do what a plan says.

    Raises:
        LogLockedError: a server has the folder open.
        StorageError: the disk refused to make something durable.
        OSError: the disk refused.
    """
    paths = LogFolder(folder, filesystem)
    lock = FolderLock(paths, filesystem)
    try:
        for step in plan.steps:
            if step.action == "set aside":
                filesystem.rename(step.path, _free_name(filesystem, step.path))
            elif step.action == "replace":
                _replace(filesystem, step)
            elif step.action == "bring back":
                _bring_back(filesystem, paths, step)
            else:
                _cut_off(filesystem, step.path, step.offset)
            sync_names(filesystem, step.path.parent)
        forget_archived(paths, filesystem)
    finally:
        lock.release()


def _free_name(filesystem: FileSystem, path: Path) -> Path:
    names = set(filesystem.listdir(path.parent))
    name, number = f"{path.name}.damaged", 1
    while name in names:
        number += 1
        name = f"{path.name}.{number}.damaged"
    return path.with_name(name)


def _replace(filesystem: FileSystem, step: Step) -> None:
    """Put a sound copy in a file's place; from an offset on it keeps its own bytes."""
    assert step.source is not None
    path = step.path
    if step.offset:
        data = _unpacked(filesystem, step.source)[: step.offset]
        data += _unpacked(filesystem, path)[step.offset :]
    else:
        data = _contents(filesystem, step.source)
    filesystem.rename(path, _free_name(filesystem, path))
    write_aside(filesystem, path.with_name(f"{path.name}.copy"), path, data)


def _bring_back(filesystem: FileSystem, paths: LogFolder, step: Step) -> None:
    """Write a file that is missing from its copy."""
    assert step.source is not None
    path = step.path
    if path.parent == paths.snapshots_path:
        paths.make_snapshots()
    data = _contents(filesystem, step.source)
    write_aside(filesystem, path.with_name(f"{path.name}.copy"), path, data)


def _contents(filesystem: FileSystem, path: Path) -> bytes:
    file = filesystem.open_to_read(path)
    try:
        return filesystem.read_at(file, filesystem.size(file), 0)
    finally:
        filesystem.close(file)


def _unpacked(filesystem: FileSystem, path: Path) -> bytes:
    reader = SegmentReader(filesystem, path)
    try:
        return reader.read_at(reader.size(), 0)
    finally:
        reader.close()


def _cut_off(filesystem: FileSystem, path: Path, offset: int) -> None:
    """Cut a segment, and keep what is cut off beside it; packed, it is unpacked."""
    reader = SegmentReader(filesystem, path)
    try:
        head = reader.read_at(offset, 0)
        rest = reader.read_at(reader.size() - offset, offset)
        is_packed = reader.size() != reader.size_on_disk()
    finally:
        reader.close()
    torn = free_torn_path(filesystem, path)
    write_aside(filesystem, torn.with_suffix(".torn-new"), torn, rest)
    if is_packed:
        write_aside(filesystem, path.with_name(f"{path.name}.copy"), path, head)
        return
    file = filesystem.open_to_append(path)
    try:
        filesystem.truncate(file, offset)
        sync_file(filesystem, file, path)
    finally:
        filesystem.close(file)
