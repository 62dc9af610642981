"""Building the ledger: the log is followed once, and a page written for each part."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from joblog.replay.index.attachments import attachment_name, encode_attachment
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.index.sidecar import drop_other_kinds, write_file
from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.ledger import KIND_PREFIX, Ledger
from joblog.replay.jobs.ledger_pages import STATE, PageWriter, pack_pieces
from joblog.replay.jobs.packing import Packer
from joblog.replay.jobs.reading import time_at
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.keys.past import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.parts import PartHeader
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import JobName, Story
    from joblog.replay.keys.past import Progress
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

_CLIENT = "client"
_LOG_BYTES_A_BYTE = 4
"""A state is written once the log has grown by so many times the last one's length."""

_PATIENCE = 4
"""So many times as long it waits for a part with whose end a fold can begin."""


def build_ledger(
    folder: Path,
    filesystem: FileSystem,
    progress: Progress,
    schemas: Sequence[Schema] = (),
) -> Callable[[Path], None]:
    """Return what writes the pages that are missing; see `build_index`.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        progress: is told the number of the last record that was followed.
        schemas: by which jobs are followed; none to find out.
    """

    def build(target: Path) -> None:
        with closing(LogIndex(folder, filesystem)) as index:
            if index.last_seq:
                chosen = list(schemas) or detect_schemas(index)
                _LedgerBuilder(index, chosen, progress).build(target)

    return build


class _LedgerBuilder:
    """Writes the pages of one choice of schemas."""

    def __init__(
        self, index: LogIndex, schemas: Sequence[Schema], progress: Progress
    ) -> None:
        self._index = index
        self._packer = Packer(schemas)
        self._ledger = Ledger(index, schemas)
        self._gone = _Switch()
        self._tracker = Tracker(schemas, keeps=lambda _: False, gone=self._gone)
        folder, filesystem = index.folder, index.filesystem
        self._past = _Watched(Past(folder, filesystem, progress, index.bases))

    def build(self, target: Path) -> None:
        """Follow the log from the last state behind which a page is missing.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log has lost its beginning, and no snapshot stands for it.
            OSError: a page cannot be written.
        """
        if not self._ledger.kind:
            return
        drop_other_kinds(target, KIND_PREFIX, self._ledger.kind)
        headers = list(self._index.catalogue.parts())
        sound_seq = self._find_sound()
        if not headers or headers[-1].last_seq == sound_seq:
            return
        with closing(self._past.past) as past:
            start_seq = self._resume(sound_seq)
            if start_seq:
                past.go_to(start_seq)
            else:
                past.go_to(self._ledger.begun_seq)
                last_seq = headers[-1].last_seq
                at_ms = time_at(self._index, past.seq, last_seq)
                begin_tracking(self._tracker, past, at_ms)
            self._write_all(
                target, [each for each in headers if _ends(each) > start_seq]
            )

    def _write_all(self, target: Path, headers: list[PartHeader]) -> None:
        """Write pages; with a state where a fold can begin, and at the end."""
        bases = {base.seq for base in self._index.bases.find()}
        log_bytes = size = 0
        for header in headers:
            log_bytes += header.end - header.start
            times = _LOG_BYTES_A_BYTE * (1 if header.last_seq in bases else _PATIENCE)
            is_due = header is headers[-1] or log_bytes >= times * size
            is_due = is_due and header.last_seq >= self._ledger.begun_seq
            written = self._write(target, header, is_due=is_due)
            if is_due:
                size, log_bytes = written, 0

    def _find_sound(self) -> int:
        """Return the end of the last page before which all are what was written."""
        seq = 0
        for page in self._ledger.pages:
            try:
                page.check()
            except DamagedPartError:
                break
            seq = page.last_seq
        return seq

    def _resume(self, sound_seq: int) -> int:
        try:
            return self._ledger.resume(self._tracker, sound_seq)
        except DamagedPartError:
            return 0

    def _write(self, target: Path, header: PartHeader, *, is_due: bool) -> int:
        """Follow the records of a part and write its page; return its state's length.

        Args:
            target: the sidecar's folder.
            header: of the part.
            is_due: whether the page is to have a state.
        """
        page = PageWriter(self._packer, header.first_seq)
        self._gone.page = self._past.page = page
        for story, step in self._tracker.run(self._past, header.last_seq):
            page.add_step(story, step)
        sections = page.sections()
        size = 0
        if is_due:
            sections[STATE] = pack_pieces(self._packer.pack_tracker(self._tracker))
            size = len(sections[STATE])
        kind = self._ledger.kind
        data = encode_attachment(kind, header, sections)
        write_file(self._index.filesystem, target, attachment_name(kind, header), data)
        return size


def _ends(header: PartHeader) -> int:
    return header.last_seq


class _Switch:
    """Tells the page that is being written what a tracker lets go."""

    def __init__(self) -> None:
        self.page: PageWriter | None = None

    def add(self, name: JobName, story: Story) -> None:
        assert self.page is not None
        self.page.add(name, story)

    def take_back(self, name: JobName) -> None:
        assert self.page is not None
        self.page.take_back(name)


class _Watched:
    """A past in which a page takes note of the records that describe clients."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self.page: PageWriter | None = None

    @property
    def databases(self) -> list[Database]:
        return self.past.databases

    def apply(self, records: list[Record]) -> None:
        self.past.apply(records)

    def batches(self, until_seq: int) -> Iterator[list[Record]]:
        for records in self.past.batches(until_seq):
            for record in records:
                note = record.origin.note
                if note is not None and note.get("kind") == _CLIENT:
                    assert self.page is not None
                    self.page.note_client(record.origin.client_id, record.seq)
            yield records
