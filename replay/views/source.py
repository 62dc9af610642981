"""Sources: a data folder, as a view opens it: what it is read by, and its moments.

Nothing is told beside the answer; what a verb would hint at stands in it. Who asks more
than once keeps it as long as it is the same (`kept`).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from joblog.app import clock
from joblog.app.history.moments import BEGINNING, NOW, Moment, parse_moment
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.jobs.shipped import detect_schemas, load_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.points import find_point
from joblog.replay.views.payloads import Payloads
from joblog.storage.archives import Archive, is_archive
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress


class Source:
    """A data folder that is looked at once; leave it by `close`, or as a context.

    Attributes:
        folder: the data folder.
        filesystem: the door to the disk.
        index: where in the log things are.
        limits: from when on a job is stuck or lost.
        progress: is told how far long work has come.
    """

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str] = (),
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
        progress: Progress = lambda _: None,
        descriptors: Sequence[str] = (),
    ) -> None:
        """Open a folder.

        Args:
            folder: the data folder, or an archive of one.
            schemas: names or files of those that were named; none to find them out.
            limits: from when on a job is stuck or lost.
            progress: is told how far long work has come.
            descriptors: of messages that jobs carry; see `protobufs`.

        Raises:
            StorageError: it is none.
        """
        self.folder = folder
        self.filesystem = open_disk()
        if is_archive(folder, self.filesystem):
            self.filesystem = open_disk(beneath=Archive(folder))
        self.index = LogIndex(folder, self.filesystem)
        self.index.tell(progress)
        self.limits = limits
        self.progress = progress
        self._named = schemas
        self._descriptors = descriptors

    @cached_property
    def schemas(self) -> list[Schema]:
        """What jobs are read by.

        Raises:
            SchemaError: one that was named, or that lies in the folder, is none.
        """
        if self._named:
            return load_schemas(self._named)
        return detect_schemas(self.index)

    @cached_property
    def payloads(self) -> Payloads:
        """What decodes what jobs carry.

        Raises:
            SchemaError: one of the descriptors is none.
        """
        return Payloads(self._descriptors)

    @cached_property
    def clients(self) -> ClientDirectory:
        """Who the clients were."""
        return ClientDirectory(self.index, from_seq=END_SEQ)

    def begin(self, progress: Progress) -> None:
        """Begin another question: who the clients are is asked anew.

        Args:
            progress: is told how far its work has come.
        """
        self.progress = progress
        self.index.tell(progress)
        self.__dict__.pop("clients", None)

    def forget_schemas(self) -> None:
        """Find out anew what jobs are read by."""
        self.__dict__.pop("schemas", None)

    def point(self, text: str | None) -> Point:
        """Return the moment that a text means; None, "" and "now" are the log's end.

        Raises:
            MomentError: it means none, or nobody gave a moment that name.
            StorageError: it is pruned, or the log is damaged there.
        """
        now_ms = clock.now_ms()
        moment = parse_moment(text, now_ms) if text else Moment(NOW, at_ms=now_ms)
        if moment == BEGINNING:
            moment = Moment("", seq=self.index.bases.find_floor())
        return find_point(moment, self.index)

    def close(self) -> None:
        """Close what was opened."""
        self.index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
