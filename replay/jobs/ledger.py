"""The ledger: what the index knows of jobs, so that no log is followed twice.

It has a page for each part of the index, for one choice of schemas (`ledger_pages`):
what happened to jobs in the part's records, the stories that were let go there, and now
and then all that the tracker knew at its end. So the jobs of a moment are those of the
newest such state before it, followed from there, and of what had ended the stories that
are asked for. Pages are told by a tracker that nobody asked anything: their content
depends on the log, the schemas and this program alone, all of which are in their name
or in what binds them. A page that is damaged counts as missing, and with it all behind.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.ledger_pages import Page
from joblog.replay.jobs.packing import Packer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.ended import Gone
    from joblog.replay.jobs.ledger_pages import Rows
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.tracker import Tracker

KIND_PREFIX = "jobs-"

_BROKEN = (ValueError, TypeError, KeyError, IndexError)
"""What unpacking raises where a page is not what this program writes."""


def ledger_kind(schemas: Sequence[Schema]) -> str:
    """Return the suffix of the pages that are told by some schemas, in this order."""
    digest = hashlib.sha256(_code_digest())
    for schema in schemas:
        digest.update(f"{schema.name}\0{schema.content}\0".encode())
    return f"{KIND_PREFIX}{digest.hexdigest()[:16]}"


@cache
def _code_digest() -> bytes:
    """Return what changes with the program text by which jobs are followed."""
    digest = hashlib.sha256(sys.byteorder.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


class Ledger:
    """The pages that there are for a log and some schemas, from the first part on.

    Attributes:
        kind: the suffix of their names.
        pages: them, in order, up to the first that is missing.
    """

    def __init__(self, index: LogIndex, schemas: Sequence[Schema]) -> None:
        """Look which pages there are."""
        self.kind = ledger_kind(schemas)
        self._packer = Packer(schemas)
        self.pages: list[Page] = []
        for header in index.catalogue.parts():
            attachment = index.catalogue.attachment(self.kind, header)
            if attachment is None:
                break
            self.pages.append(Page(attachment, header.first_seq, header.last_seq))

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
        for page in reversed(self.pages):
            if page.has_state and page.last_seq <= until_seq:
                try:
                    self._packer.unpack_tracker(tracker, page.state())
                except _BROKEN as error:
                    raise DamagedPartError(f"page {page.last_seq}") from error
                return page.last_seq
        return 0

    def read_gone(
        self, gone: Gone, until_seq: int, words: frozenset[str] | None
    ) -> None:
        """Tell what was let go up to the end of a page, as a tracker would.

        Args:
            gone: who is told.
            until_seq: the end of the page.
            words: verdicts that are asked for; see `Page.gone`.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        packer = self._packer
        try:
            for page in self.pages:
                if page.last_seq > until_seq:
                    return
                for packed_name in page.back():
                    gone.take_back(packer.unpack_name(packed_name))
                for packed in page.gone(words):
                    gone.add(*packer.unpack(packed))
        except _BROKEN as error:
            raise DamagedPartError("a page of the ledger") from error

    def rows(self, from_seq: int, until_seq: int) -> Iterator[Rows]:
        """Yield the steps of jobs in some records, page by page.

        Raises:
            DamagedPartError: a page is not what was written; none was yielded.
        """
        pages = [
            page
            for page in self.pages
            if page.last_seq >= from_seq and page.first_seq <= until_seq
        ]
        for page in pages:
            page.check()
        for page in pages:
            yield page.rows().within(from_seq, until_seq)

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
