"""Repair: what can be done in place about a damaged log, and what that costs.

    the open segment is bad from a frame on    cut there; the bytes are kept beside it
    the newest segment is missing              the one before is opened again
    the newest segment has no sound header,    moved aside, then as above
    or the name of another
    a sealed segment is bad                    replaced, where a backup has a sound copy
    a snapshot is bad, or newer than the log   moved aside; it can be made again

Nothing is removed: what is cut off or moved keeps its bytes under another name. What
cannot be repaired so (a sealed segment without a copy, a segment that is missing or of
another log) has to be brought back, or can be salvaged into a new log, without the
records that are gone. What a newer program wrote is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from storage.archiving import forget_archived
from storage.errors import CorruptLogError, NewerFormatError, SnapshotError
from storage.filesystem import sync_file, sync_names, write_aside
from storage.folder import LogFolder, read_segment_info
from storage.frame import find_frame, split_frames
from storage.lock import FolderLock
from storage.record import RecordDecoder
from storage.segment import SegmentReader
from storage.snapshot import verify_snapshot
from storage.tail import free_torn_path
from storage.verify import SegmentReport, verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.record import Record


class Step(NamedTuple):
    """One thing that a repair does.

    Attributes:
        action: "cut", "reopen", "set aside" or "replace".
        path: the file.
        offset: from where on it is cut, in bytes; else 0.
        why: what is wrong with it.
        lost: records behind the damage that can still be read, but not kept.
        source: the sound copy that takes its place; None where it is no replacement.
    """

    action: str
    path: Path
    offset: int = 0
    why: str = ""
    lost: tuple[Record, ...] = ()
    source: Path | None = None


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


def plan_repair(
    folder: Path, *, filesystem: FileSystem, backup: Path | None = None
) -> Plan:
    """Find out what is wrong with a data folder, and what can be done; change nothing.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        backup: a copy of it that may have sound segments.

    Raises:
        StorageError: this is not a data folder.
        NewerFormatError: a newer program wrote a part of it.
    """
    paths = LogFolder(folder, filesystem)
    _require_known_formats(paths, filesystem)
    snapshots = paths.find_snapshots()  # before the log, which is ahead of them
    report = verify_log(folder, filesystem=filesystem)
    steps: list[Step] = []
    hopeless: list[str] = []
    segments = report.segments
    for place, segment in enumerate(segments):
        if segment.damage is None:
            continue
        copy = _find_copy(backup, segment, segments[place + 1 :], filesystem)
        if copy is not None:
            steps.append(Step("replace", segment.path, 0, segment.damage, (), copy))
        elif place < len(segments) - 1 or _is_astray(segment):
            hopeless.append(segment.damage)
        elif not segment.created_at_ms:
            steps += _set_next_aside(paths, filesystem, segment)
            steps.append(Step("set aside", segment.path, 0, segment.damage))
            steps += _reopen(segments[:place], filesystem)
        else:
            steps += _set_next_aside(paths, filesystem, segment)
            steps.append(_cut(segment, filesystem))
    if report.missing_end:
        steps += _reopen(segments, filesystem, report.missing_end)
    known = {step.why for step in steps} | set(hopeless)
    hopeless += [text for text in report.damage if text not in known]
    kept = _SnapshotPlan(paths, filesystem, report.last_seq)
    for seq in snapshots:
        kept.look(seq)
    if not kept.has_sound and segments and segments[0].first_seq > 1:
        hopeless.append(
            f"{folder}: the log starts at seq {segments[0].first_seq}, and no "
            f"snapshot stands for what was before; bring one back from a backup"
        )
    return Plan(kept.steps + steps, hopeless, report.last_seq)


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
                assert step.source is not None
                _replace(filesystem, step.path, step.source)
            else:
                _cut_off(filesystem, step.path, step.offset)
            sync_names(filesystem, step.path.parent)
        forget_archived(paths, filesystem)
    finally:
        lock.release()


# --- planning --------------------------------------------------------------------


def _require_known_formats(paths: LogFolder, filesystem: FileSystem) -> None:
    """Check that no segment is of a newer program: what is unknown is not damaged."""
    for first_seq in paths.find_segments():
        try:
            SegmentReader(filesystem, paths.segment_path(first_seq)).close()
        except NewerFormatError:
            raise
        except CorruptLogError:
            continue  # it will be looked at


def _is_astray(segment: SegmentReport) -> bool:
    """Say whether a segment is sound, as named, and does not follow the one before."""
    return segment.is_misplaced and bool(segment.created_at_ms)


class _SnapshotPlan:
    """Which snapshots can stay.

    Attributes:
        steps: what to do about the others.
        has_sound: whether one can stay.
    """

    def __init__(self, paths: LogFolder, filesystem: FileSystem, last_seq: int) -> None:
        self.steps: list[Step] = []
        self.has_sound = False
        self._paths = paths
        self._filesystem = filesystem
        self._last_seq = last_seq

    def look(self, seq: int) -> None:
        """Look at one."""
        path = self._paths.snapshot_path(seq)
        try:
            verify_snapshot(self._filesystem, path)
        except SnapshotError as error:
            self.steps.append(Step("set aside", path, 0, str(error)))
            return
        if seq <= self._last_seq:
            self.has_sound = True
            return
        why = (
            f"{path}: it is newer than the log, which ends with seq {self._last_seq}: "
            f"what it has of the records behind that goes with it"
        )
        self.steps.append(Step("set aside", path, 0, why))


def _find_copy(
    backup: Path | None,
    segment: SegmentReport,
    younger: list[SegmentReport],
    filesystem: FileSystem,
) -> Path | None:
    """Return a backup's sound copy of a sealed segment, if it is the very one."""
    if backup is None or not younger or not younger[0].created_at_ms:
        return None
    path = LogFolder(backup, filesystem).segment_path(segment.first_seq)
    try:
        reader = SegmentReader(filesystem, younger[0].path)
        reader.close()
        # The chain of the copy, checked from its first byte on, and the next header.
        report = verify_log(backup, filesystem=filesystem)
        info = read_segment_info(filesystem, path)
    except (CorruptLogError, OSError):
        return None
    is_sound = any(one.path == path and one.damage is None for one in report.segments)
    is_same = info.header.log_id == reader.header.log_id
    if not (is_sound and is_same and info.footer is not None):
        return None
    return path if info.footer.last_seq + 1 == younger[0].first_seq else None


def _cut(segment: SegmentReport, filesystem: FileSystem) -> Step:
    """Plan to cut the newest segment behind its last sound record."""
    reader = SegmentReader(filesystem, segment.path)
    try:
        reader.read_to(segment.last_seq - segment.first_seq + 1)
        rest = reader.read_rest()
        lost = tuple(_readable(rest, segment.last_seq, reader))
        offset = reader.offset
    finally:
        reader.close()
    return Step("cut", segment.path, offset, segment.damage or "", lost)


def _set_next_aside(
    paths: LogFolder, filesystem: FileSystem, segment: SegmentReport
) -> list[Step]:
    """Plan to move what a seal had begun behind a segment, which no more ends there."""
    if segment.first_seq not in paths.find_next():
        return []
    path = paths.next_path(segment.first_seq)
    lost: tuple[Record, ...] = ()
    try:
        reader = SegmentReader(filesystem, path)
    except CorruptLogError:
        return [Step("set aside", path)]
    try:
        rest = reader.read_rest()
        lost = tuple(_readable(rest, reader.header.first_seq - 1, reader))
    finally:
        reader.close()
    return [Step("set aside", path, lost=lost)]


def _readable(rest: bytes, last_seq: int, reader: SegmentReader) -> Iterator[Record]:
    """Yield the records in damaged bytes that are sound themselves."""
    decoder = RecordDecoder()
    offset = find_frame(rest, 0, last_seq, reader.heads)
    while offset is not None:
        payloads, used = split_frames(rest[offset:], reader.heads)
        for payload in payloads:
            try:
                yield decoder.decode(payload)
            except ValueError:
                continue
        offset = find_frame(rest, offset + used, last_seq, reader.heads)


def _reopen(
    segments: list[SegmentReport], filesystem: FileSystem, why: str = ""
) -> list[Step]:
    """Plan to take the footer off the newest segment, so that the log goes on there."""
    if not segments:
        return []
    last = segments[-1]
    reader = SegmentReader(filesystem, last.path)
    try:
        reader.read_to(last.last_seq - last.first_seq + 1)
        offset = reader.offset
    finally:
        reader.close()
    return [Step("reopen", last.path, offset, why)]


# --- doing -----------------------------------------------------------------------


def _free_name(filesystem: FileSystem, path: Path) -> Path:
    names = set(filesystem.listdir(path.parent))
    name, number = f"{path.name}.damaged", 1
    while name in names:
        number += 1
        name = f"{path.name}.{number}.damaged"
    return path.with_name(name)


def _replace(filesystem: FileSystem, path: Path, source: Path) -> None:
    file = filesystem.open_to_read(source)
    try:
        data = filesystem.read_at(file, filesystem.size(file), 0)
    finally:
        filesystem.close(file)
    filesystem.rename(path, _free_name(filesystem, path))
    write_aside(filesystem, path.with_name(f"{path.name}.copy"), path, data)


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
