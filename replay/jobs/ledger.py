"""The ledger: what the index knows of jobs, so that no log is followed twice.

It has a page for each part of the index, for one choice of schemas (`ledger_pages`):
what happened to jobs in the part's records, the stories that were let go there, and now
and then all that the tracker knew at its end. So the jobs of a moment are those of the
newest such state before it, followed from there, and of what had ended the stories that
are asked for. Pages are told by a tracker that nobody asked anything: their content
depends on the log, the moment at which following began, the schemas and the rules of
`joblog.replay.jobs` alone, all of which are in their name or in what binds them. So
what is told with a ledger is what would be told without. A page that is damaged counts
as missing, and with it all behind.
"""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from typing import TYPE_CHECKING

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.ledger_pages import Page, name_mark
from joblog.replay.jobs.packing import Packer
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.ledger_rows import KnownSteps, Rows
    from joblog.replay.jobs.packing import Ended
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import JobName, Story
    from joblog.replay.jobs.tracker import Tracker
    from joblog.replay.jobs.wanted import Wanted

LEDGER_VERSION = 5
"""Raised by hand with each change of what pages say, be it of the rules by which jobs
are followed or of the format: pages of other versions are not read. A test compares
what pages say of recorded histories with what this version said."""

KIND_PREFIX = "jobs-"

_BROKEN = (ValueError, TypeError, KeyError, IndexError)
"""What unpacking raises where a page is not what this program writes."""


def ledger_kind(schemas: Sequence[Schema], begun_seq: int) -> str:
    """Return the suffix of pages.

    Args:
        schemas: those by which they are told, in this order.
        begun_seq: the moment at which following began, 0 for the log's start.
    """
    head = f"{LEDGER_VERSION}\0{sys.byteorder}\0{begun_seq}\0"
    digest = hashlib.sha256(head.encode())
    for schema in schemas:
        digest.update(f"{schema.name}\0{schema.content}\0".encode())
    return f"{KIND_PREFIX}{digest.hexdigest()[:16]}"


class Ledger:
    """The pages that there are for a log and some schemas, from the first part on.

    Attributes:
        kind: the suffix of their names.
        begun_seq: the moment at which following began: the log's first that can be
            opened. Of a log that was pruned since, the pages are told anew.
        pages: them, in order, up to the first that is missing.
        missing_bytes: how long the parts are that have none.
    """

    def __init__(self, index: LogIndex, schemas: Sequence[Schema]) -> None:
        """Look which pages there are.

        Raises:
            CorruptLogError: the log is damaged.
        """
        self.pages: list[Page] = []
        self.missing_bytes = 0
        self._packer = Packer(schemas)
        try:
            self.begun_seq = index.bases.find_floor()
        except PrunedError:
            self.begun_seq, self.kind = 0, ""
            return
        self.kind = ledger_kind(schemas, self.begun_seq)
        for header in index.catalogue.parts():
            attachment = None
            if not self.missing_bytes:
                attachment = index.catalogue.attachment(self.kind, header)
            if attachment is None:
                self.missing_bytes += header.end - header.start
                continue
            self.pages.append(Page(attachment, header.first_seq, header.last_seq))

    def distrust(self) -> None:
        """Know nothing: a page is not what was written."""
        self.pages = []

    def last_seq(self, until_seq: int) -> int:
        """Return the end of the last page that ends by a record; 0 for none."""
        ends = (page.last_seq for page in self.pages if page.last_seq <= until_seq)
        return max(ends, default=0)

    def resume(self, tracker: Tracker, until_seq: int) -> int:
        """Let a tracker know what it knew at the newest state before a moment.

        Returns:
            The last record that it knows; 0 where there is no such state.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        for number, page in reversed(list(enumerate(self.pages))):
            if page.has_state and page.last_seq <= until_seq:
                find_ended = partial(self._find_ended, self.pages[: number + 1])
                try:
                    self._packer.unpack_tracker(tracker, page.read_state, find_ended)
                except _BROKEN as error:
                    raise DamagedPartError(f"page {page.last_seq}") from error
                return page.last_seq
        return 0

    def _find_ended(self, pages: Sequence[Page], count: int) -> Iterator[Ended]:
        """Yield the last jobs that were let go by the end of some pages, in order.

        Raises:
            DamagedPartError: the pages do not have so many.
        """
        found: list[Ended] = []
        later: set[JobName] = set()
        missing = count
        for page in reversed(pages):
            if missing <= 0:
                break
            left = self._packer.unpack_ended(page.left())
            if later:
                left = [each for each in left if each[0] not in later]
            found.append(left)
            missing -= len(left)
            later.update(map(self._packer.unpack_name, page.back()))
            later.update(name for name, _ in left)
        if missing > 0:
            raise DamagedPartError("pages without what was let go")
        while found:
            left = found.pop()
            yield left[max(-missing, 0) :]
            missing = 0

    def read_gone(
        self,
        gone: Wanted,
        until_seq: int,
        words: frozenset[str] | None,
        since_seq: int = 0,
    ) -> None:
        """Tell what was let go up to the end of a page, as a tracker would.

        Args:
            gone: who is told.
            until_seq: the end of the page.
            words: verdicts that are asked for; see `Page.gone`.
            since_seq: jobs of which nothing is told behind it are wanted only where
                they lay in a key.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        packer = self._packer
        marks: dict[int, JobName] = {}
        try:
            for page in self.pages:
                if page.last_seq > until_seq:
                    return
                for packed_name in page.back():
                    gone.take_back(packer.unpack_name(packed_name))
                # Who was forgotten, came anew and left in a way that nobody asks for.
                for mark in marks.keys() & page.marks() if marks else ():
                    gone.take_back(marks.pop(mark))
                for packed in page.gone(words, since_seq):
                    name, story = packer.unpack(packed)
                    gone.add(name, story)
                    if words is not None and name in gone:
                        marks[name_mark(name)] = name
        except _BROKEN as error:
            raise DamagedPartError("a page of the ledger") from error

    def left(self, until_seq: int) -> Iterator[tuple[JobName, Story]]:
        """Yield the stories that were let go up to the end of a page, in order.

        Raises:
            DamagedPartError: a page is not what was written; others were yielded.
        """
        for page in self.pages:
            if page.last_seq > until_seq:
                return
            try:
                found = [self._packer.unpack(each) for each in page.gone(None, 0)]
            except _BROKEN as error:
                raise DamagedPartError("a page of the ledger") from error
            yield from found

    def rows(self, from_seq: int, until_seq: int) -> Iterator[Rows]:
        """Yield the steps of jobs in some records, page by page.

        Raises:
            DamagedPartError: a page is not what was written; none was yielded.
        """
        pages = self._pages_of(from_seq, until_seq)
        for page in pages:
            page.check_rows()
        for page in pages:
            yield page.rows().within(from_seq, until_seq)

    def steps(self, from_seq: int, until_seq: int) -> Iterator[KnownSteps]:
        """Yield when steps of jobs were, and what, by pages that have some records.

        Raises:
            DamagedPartError: a page is not what was written; others were yielded.
        """
        for page in self._pages_of(from_seq, until_seq):
            yield page.steps()

    def _pages_of(self, from_seq: int, until_seq: int) -> list[Page]:
        return [
            page
            for page in self.pages
            if page.last_seq >= from_seq and page.first_seq <= until_seq
        ]

    def find_seqs(self, job_id: bytes, until_seq: int) -> set[int]:
        """Return the records in which something happened to a job, by whole pages.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        return {
            seq
            for page in self.pages
            if page.last_seq <= until_seq
            for seq in page.seqs_of(job_id)
        }
