"""Bases: states with which a fold can begin, so that it need not begin at the start.

They are the server's own snapshots, and the checkpoints in the sidecar, which have the
same format. A checkpoint is of the state after the last record of a part of the index,
and its digest is the part's: so it is known to be of this log without reading that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import PrunedError, SnapshotError
from joblog.storage.reader import RecordEnd
from joblog.storage.snapshot import SnapshotReader
from joblog.storage.snapshots import require_of_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.replay.index.catalogue import Catalogue
    from joblog.storage.snapshot import SnapshotHeader

SUFFIX = ".snap"

_NAME = re.compile(r"([0-9]{20})\.snap")


class Base(NamedTuple):
    """A state that a fold can begin with.

    Attributes:
        seq: it is the state after this record.
        path: the snapshot.
        is_checkpoint: whether it is the sidecar's, and not the server's.
    """

    seq: int
    path: Path
    is_checkpoint: bool


class Bases:
    """The states of one log that a fold can begin with."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Look at the snapshots of a log and at its sidecar, once asked."""
        self._catalogue = catalogue
        self._found: list[Base] | None = None
        self._floor: int | None = None

    def find(self) -> list[Base]:
        """Return all that there are by their names, in order; some may be of no use."""
        if self._found is None:
            self._found = sorted([*self._snapshots(), *self._checkpoints()])
        return self._found

    def _snapshots(self) -> Iterator[Base]:
        folder = self._catalogue.folder
        for seq in folder.find_snapshots():
            yield Base(seq, folder.snapshot_path(seq), is_checkpoint=False)

    def _checkpoints(self) -> Iterator[Base]:
        for name, path in self._catalogue.sidecar().find(SUFFIX).items():
            match = _NAME.fullmatch(name)
            if match is not None:
                yield Base(int(match[1]), path, is_checkpoint=True)

    def floor_seq(self, seq: int) -> int:
        """Return the first state at or behind a record that a fold can begin with.

        Raises:
            PrunedError: there is none.
            CorruptLogError: the log is damaged.
        """
        for base in self.find():
            if base.seq >= seq:
                found = self.open_base(base)
                if found is not None:
                    found[0].close()
                    return base.seq
        raise PrunedError(
            f"{self._catalogue.folder.path}: the log starts at seq {seq + 1}, and no "
            f"snapshot stands for what was before",
            seq + 1,
        )

    def find_floor(self) -> int:
        """Return the first moment that can be opened: 0 where nothing is pruned.

        Raises:
            PrunedError: the log's beginning is pruned, and no snapshot stands for it.
            CorruptLogError: the log is damaged.
        """
        if self._floor is None:
            first_seq = next(iter(self._catalogue.folder.find_segments()), 1)
            self._floor = 0 if first_seq == 1 else self.floor_seq(first_seq - 1)
        return self._floor

    def require_openable(self, seq: int) -> None:
        """Check that a moment can be opened.

        Raises:
            PrunedError: what was then is pruned.
            CorruptLogError: the log is damaged.
        """
        floor = self.find_floor()
        if seq < floor:
            raise PrunedError(
                f"{self._catalogue.folder.path}: what was at seq {seq} is pruned: the "
                f"first moment that can be opened is @{floor}",
                floor + 1,
            )

    def open(
        self, until_seq: int, after_seq: int = -1
    ) -> tuple[SnapshotReader, RecordEnd] | None:
        """Open the newest one in a range that can be used.

        Args:
            until_seq: the latest that is of use.
            after_seq: those up to this one are of no use.

        Returns:
            A reader, which the caller closes, and where to read on in the log; None
            where there is none.

        Raises:
            CorruptLogError: the log is damaged.
        """
        for base in reversed(self.find()):
            if base.seq <= after_seq:
                return None
            if base.seq <= until_seq:
                found = self.open_base(base)
                if found is not None:
                    return found
        return None

    def open_base(self, base: Base) -> tuple[SnapshotReader, RecordEnd] | None:
        """Open one, None where it cannot be used.

        Raises:
            CorruptLogError: the log is damaged.
        """
        try:
            reader = SnapshotReader(self._catalogue.filesystem, base.path)
        except SnapshotError:
            return None
        try:
            end = self._find_end(base, reader.header)
        except SnapshotError:
            end = None
        if end is None:
            reader.close()
            return None
        return reader, end

    def _find_end(self, base: Base, header: SnapshotHeader) -> RecordEnd | None:
        """Return where to read on; None where it is not of this log."""
        catalogue = self._catalogue
        if not base.is_checkpoint:
            return require_of_log(
                catalogue.folder, catalogue.filesystem, base.path, header
            )
        if header.first_seq not in catalogue.folder.find_segments():
            return None
        if catalogue.reader(header.first_seq).header.log_id != header.log_id:
            return None
        for part in catalogue.cover(header.first_seq).parts:
            if part.header.last_seq == header.seq:
                known = part.header.end, part.header.end_digest
                if (header.offset, header.digest) == known:
                    return RecordEnd(header.first_seq, header.seq, header.offset)
        return None
