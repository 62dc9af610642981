"""Repair: what can be done in place about a damaged log, and what that costs.

    the open segment is bad from a frame on    a backup's bytes up to there and its own
                                               behind, where that is sound; else cut
                                               there; the bytes are kept beside it
    the newest segment is missing              brought back from a backup; else the one
                                               before is opened again
    the newest segment has no sound header,    replaced from a backup; else moved aside,
    or the name of another                     then as above
    a sealed segment is bad, or is missing     replaced, or brought back, where a backup
                                               has a sound copy
                                               (`joblog.storage.copies`)
    a snapshot is bad, or newer than the log   moved aside; it can be made again

Nothing is removed: what is cut off or moved keeps its bytes under another name. What
cannot be repaired so (a sealed segment without a copy, a segment that is missing or of
another log) has to be brought back, or can be salvaged into a new log, without the
records that are gone. What a newer program wrote is left alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from joblog.storage.copies import Copies, follows
from joblog.storage.errors import CorruptLogError, NewerFormatError, SnapshotError
from joblog.storage.folder import LogFolder, read_segment_info
from joblog.storage.mending import Plan, Step
from joblog.storage.segment import FOOTER_BYTES, SegmentReader
from joblog.storage.snapshot import verify_snapshot
from joblog.storage.tail import find_readable
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.copies import Copy
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import SegmentInfo
    from joblog.storage.record import Record
    from joblog.storage.verify import Gap, SegmentReport, VerifyReport


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
    planner = _Planner(paths, filesystem, report, backup)
    planner.look_at_segments()
    planner.look_at_snapshots(snapshots)
    return Plan(planner.steps, planner.hopeless, planner.last_seq)


def _require_known_formats(paths: LogFolder, filesystem: FileSystem) -> None:
    """Check that no segment is of a newer program: what is unknown is not damaged."""
    for first_seq in paths.find_segments():
        try:
            SegmentReader(filesystem, paths.segment_path(first_seq)).close()
        except NewerFormatError:
            raise
        except CorruptLogError:
            continue  # it will be looked at


_ADVICE = re.compile(r"; run 'replay (?:repair|verify) [^;]*'$")


def _told(why: str) -> str:
    """Return what is wrong without the advice to do what is being done."""
    return _ADVICE.sub("", why)


class _Planner:
    """Goes through what is wrong, and finds what mends it.

    Attributes:
        steps: what to do, in order.
        hopeless: what no step mends.
        last_seq: the last record that there is then.
    """

    def __init__(
        self,
        paths: LogFolder,
        filesystem: FileSystem,
        report: VerifyReport,
        backup: Path | None,
    ) -> None:
        self.steps: list[Step] = []
        self.hopeless: list[str] = []
        self.last_seq = report.last_seq
        self._paths = paths
        self._filesystem = filesystem
        self._report = report
        self._segments = report.segments
        self._copies = Copies(backup, report.log_id)

    def look_at_segments(self) -> None:
        """Plan what is to be done about the segments."""
        told = {gap.why for gap in self._report.gaps}
        if not self._segments and (copies := self._copies.find_past(None)):
            told.update(self._report.damage)
            self._bring_back(copies, *self._report.damage[:1])
            self._go_on_behind(copies[-1])
        for place, segment in enumerate(self._segments):
            for gap in self._report.gaps:
                if gap.until_seq == segment.first_seq:
                    self._fill(gap)
            if segment.damage is not None:
                told.add(segment.damage)
                self._mend(place, segment, segment.damage)
            elif segment.torn_records:
                why = f"{segment.path}: records that still read follow a torn one"
                self._mend(place, segment, why)
        if self._report.missing_end:
            told.add(self._report.missing_end)
            self._mend_end(self._report.missing_end)
        self.hopeless += [
            _told(text) for text in self._report.damage if text not in told
        ]

    def _info(self, place: int) -> SegmentInfo | None:
        """Return a neighbour that is sound, by its place among the segments."""
        if not 0 <= place < len(self._segments) or self._segments[place].damage:
            return None
        return read_segment_info(self._filesystem, self._segments[place].path)

    def _fill(self, gap: Gap) -> None:
        """Bring back the segments that are missing in the middle."""
        places = {segment.first_seq: n for n, segment in enumerate(self._segments)}
        younger = places[gap.until_seq]
        elder = self._info(younger - 1)
        copies = self._copies.find_run(elder, gap.until_seq) if elder else []
        is_whole = copies and copies[-1].last_seq + 1 == gap.until_seq
        after = self._info(younger)
        if is_whole and after:
            first_seq = int(copies[-1].path.name[:20])
            is_whole = self._copies.find_segment(first_seq, None, after) is not None
        if not is_whole:
            self.hopeless.append(_told(gap.why))
            return
        self._bring_back(copies, gap.why)

    def _bring_back(self, copies: list[Copy], why: str = "") -> None:
        for copy in copies:
            path = self._paths.log_path / copy.path.name
            self.steps.append(Step("bring back", path, 0, _told(why), (), copy.path))

    def _mend(self, place: int, segment: SegmentReport, why: str) -> None:
        """Plan what is to be done about one damaged segment."""
        is_last = place == len(self._segments) - 1
        why = _told(why)
        copy = self._find_copy(place, segment)
        if copy is not None:
            self.steps.append(
                Step("replace", segment.path, copy.keep_from, why, (), copy.path)
            )
            if is_last and not copy.keep_from:
                self._go_on_behind(copy)
            elif is_last:
                self.last_seq = copy.last_seq
        elif self._is_surplus(place):
            self.steps.append(Step("set aside", segment.path, 0, why))
        elif not is_last or _is_astray(segment):
            self.hopeless.append(why)
        elif not segment.created_at_ms:
            self.steps += _set_next_aside(self._paths, self._filesystem, segment)
            self.steps.append(Step("set aside", segment.path, 0, why))
            self.steps += _reopen(self._segments[:place], self._filesystem)
        else:
            self.steps += _set_next_aside(self._paths, self._filesystem, segment)
            self.steps.append(_cut(segment, why, self._filesystem))

    def _find_copy(self, place: int, segment: SegmentReport) -> Copy | None:
        """Return what can take a damaged segment's place, or that of its beginning."""
        elder, younger = self._info(place - 1), self._info(place + 1)
        following = self._segments[place + 1 : place + 2]
        is_foreign = segment.is_misplaced or not segment.created_at_ms
        copy = None
        if younger is not None:
            copy = self._copies.find_segment(segment.first_seq, elder, younger)
        elif following:
            # That one is damaged as well, so its name has to tell where it begins.
            copy = self._copies.find_segment(segment.first_seq, elder, None)
            if copy is not None and copy.last_seq + 1 != following[0].first_seq:
                copy = None
        elif segment.damage and is_foreign:
            copy = self._copies.find_segment(segment.first_seq, elder, None)
        if copy is None and not is_foreign:
            copy = self._copies.find_part(segment)
        return copy

    def _is_surplus(self, place: int) -> bool:
        """Tell whether the segments beside a misplaced one follow each other."""
        elder, younger = self._info(place - 1), self._info(place + 1)
        is_misplaced = self._segments[place].is_misplaced
        return bool(is_misplaced and elder and younger) and follows(elder, younger)

    def _mend_end(self, why: str) -> None:
        """Bring back the newest segments, or let the log go on where it ends."""
        last = self._info(len(self._segments) - 1)
        copies = self._copies.find_run(last) if last else []
        if copies:
            self._bring_back(copies, why)
            self._go_on_behind(copies[-1])
        else:
            self.steps += _reopen(self._segments, self._filesystem, _told(why))

    def _go_on_behind(self, copy: Copy) -> None:
        """Let the log go on in the last segment of those that were brought back."""
        self.last_seq = copy.last_seq
        if self._copies.info(copy).footer is not None:
            path = self._paths.log_path / copy.path.name
            size = self._copies.size(copy)
            self.steps.append(Step("reopen", path, size - FOOTER_BYTES))

    def look_at_snapshots(self, seqs: list[int]) -> None:
        """Plan what is to be done about the snapshots."""
        kept = _SnapshotPlan(self._paths, self._filesystem, self.last_seq)
        for seq in seqs:
            kept.look(seq)
        self.steps[:0] = kept.steps
        if kept.has_sound or not self._segments or self._segments[0].first_seq <= 1:
            return
        first_seq = self._segments[0].first_seq
        for seq, path in reversed(self._copies.find_snapshots()):
            if first_seq - 1 <= seq <= self.last_seq:
                why = f"the log starts at seq {first_seq}, and no snapshot is here"
                target = self._paths.snapshot_path(seq)
                self.steps.append(Step("bring back", target, 0, why, (), path))
                return
        if copies := self._copies.find_past(self._info(0)):
            self._bring_back(copies, f"the log starts at seq {first_seq}")
            return
        self.hopeless.append(
            f"{self._paths.path}: the log starts at seq {first_seq}, and no "
            f"snapshot stands for what was before; bring one back from a backup"
        )


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


def _cut(segment: SegmentReport, why: str, filesystem: FileSystem) -> Step:
    """Plan to cut the newest segment behind its last sound record."""
    reader = SegmentReader(filesystem, segment.path)
    try:
        reader.read_to(segment.last_seq - segment.first_seq + 1)
        rest = reader.read_rest()
        lost = tuple(find_readable(rest, segment.last_seq, reader.heads))
        offset = reader.offset
    finally:
        reader.close()
    gone = lost[-1].seq - segment.last_seq - len(lost) if lost else 0
    return Step("cut", segment.path, offset, why, lost, gone=gone)


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
        lost = tuple(find_readable(rest, reader.header.first_seq - 1, reader.heads))
    finally:
        reader.close()
    return [Step("set aside", path, lost=lost)]


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
