"""What is kept of a folder from one question to the next, while it stays what it is.

To open a long log is to look at some hundred files. A log that only grew is read on; as
soon as anything else of the folder is another than before, it is opened anew: a segment
was sealed, pruned, repaired or redacted, a snapshot came, the index was added to.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.index.sidecar import FOLDER, VARIABLE
from joblog.replay.views.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.replay.jobs.verdicts import Limits
    from joblog.replay.keys.past import Progress

_LOG = "log"
_TIMES_LONGER = 2
"""The schemas are found out anew each time that the log is so many times as long."""


class _File(NamedTuple):
    """A file, as far as one can tell without reading it."""

    name: str
    number: int
    size: int
    changed_ns: int


class Look(NamedTuple):
    """What a folder is at a moment.

    Attributes:
        files: all that lies in it and in the folders of its log, snapshots and index.
        last: its last segment.
    """

    files: frozenset[_File]
    last: _File | None

    def has_only_grown(self, later: Look) -> bool:
        """Say whether all is as it was, but for what was added to the last segment."""
        if self.files != later.files or self.last is None or later.last is None:
            return False
        before, now = self.last, later.last
        is_same = before == now
        return is_same or (before[:2] == now[:2] and before.size < now.size)


def look_at(folder: Path) -> Look:
    """Look what a folder is."""
    named = os.environ.get(VARIABLE, "")
    places = [folder, folder / _LOG, folder / "snapshots", folder / FOLDER]
    places += [Path(named)] if named and named != "off" else []
    segments = sorted(_files(folder / _LOG, ".log"))
    last = segments.pop() if segments else None
    about = (_about(str(place), place) for place in places)
    return Look(frozenset((*segments, *filter(None, about))), last)


def _files(folder: Path, suffix: str) -> Iterator[_File]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names, and no Path for each
    except OSError:
        return
    for name in names:
        found = _about(name, folder / name) if name.endswith(suffix) else None
        if found is not None:
            yield found


def _about(name: str, path: Path) -> _File | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _File(name, found.st_ino, found.st_size, found.st_mtime_ns)


class Kept:
    """A folder that is asked again and again."""

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str],
        limits: Limits,
        descriptors: Sequence[str],
    ) -> None:
        """Open nothing yet; see `Source`."""
        self._folder = folder
        self._about = schemas, limits
        self._descriptors = descriptors
        self._source: Source | None = None
        self._look: Look | None = None
        self._found_seq = 0

    def open(self, progress: Progress) -> Source:
        """Return the folder as it is now; the next call may end it.

        Raises:
            StorageError: it is none.
        """
        look = look_at(self._folder)
        if self._look is None or not self._look.has_only_grown(look):
            self.close()
        if self._source is None:
            schemas, limits = self._about
            self._source = Source(
                self._folder, schemas, limits, progress, self._descriptors
            )
            self._found_seq = self._source.index.last_seq
        elif self._source.index.last_seq >= _TIMES_LONGER * self._found_seq:
            self._source.forget_schemas()
            self._found_seq = self._source.index.last_seq
        self._look = look
        self._source.begin(progress)
        return self._source

    def close(self) -> None:
        """Close the log: the next question opens it anew."""
        if self._source is not None:
            self._source.close()
        self._source = self._look = None
