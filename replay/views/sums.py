"""Sums: how often what happened, of each page of the ledger, by pieces of time.

They lie beside the pages, so that who shows ten million records reads some kilobytes
for each part of the log. A piece is so many milliseconds long as a power of two, and
begins at a multiple of that; so the pieces of a page make up those of any longer chart.
An attachment of the kind `sums-`, written with the index; section `sums`:

    last_ms     the time of the last step, that of the page before where there is none
    bits        a piece of time is 2**bits ms long
    columns     for each: which piece, what (a number of the table), how often
    table       what steps were
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.index.attachments import attachment_name, encode_attachment
from joblog.replay.index.background import WORTH_IT_BYTES
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.index.sidecar import drop_other_kinds, write_file
from joblog.replay.jobs.ledger import Ledger, ledger_kind
from joblog.replay.jobs.ledger_pages import Page, pack, unpack
from joblog.replay.jobs.ledger_rows import What
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.views.depths import SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from joblog.replay.index.attachments import Attachment
    from joblog.replay.index.catalogue import Catalogue
    from joblog.replay.index.parts import PartHeader
    from joblog.replay.jobs.ledger_rows import KnownSteps
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress
    from joblog.storage.filesystem import FileSystem

PIECES = 32
"""A page is cut into so many pieces of time, or a few less."""

_VERSION = 1
_SECTION = "sums"
_PREFIX = "sums-"


class Sums(NamedTuple):
    """How often what happened on one page.

    Attributes:
        last_ms: the time of its last step.
        bits: a piece of time is 2**bits ms long.
        pieces: for each sum the piece that it is of.
        whats: numbers of the table's entries.
        counts: how often it happened.
        table: what steps were.
    """

    last_ms: int
    bits: int
    pieces: Sequence[int]
    whats: Sequence[int]
    counts: Sequence[int]
    table: list[What]

    def total(self) -> Counter[What]:
        """Return how often what happened on the whole page."""
        found = [0] * len(self.table)
        for what, count in zip(self.whats, self.counts, strict=True):
            found[what] += count
        return Counter(dict(zip(self.table, found, strict=True)))


class SummedPage(NamedTuple):
    """A page of the ledger with its sums.

    Attributes:
        first_seq: its first record.
        end_seq: its last record.
        sums: how often what happened.
        read: reads the steps themselves.
    """

    first_seq: int
    end_seq: int
    sums: Sums
    read: Callable[[], KnownSteps]


class Slots(NamedTuple):
    """A span of time, both ends included, cut into slots that are pieces of time.

    Attributes:
        from_ms: when it begins.
        until_ms: when it ends.
        bits: a slot is 2**bits ms long.
    """

    from_ms: int
    until_ms: int
    bits: int

    @classmethod
    def over(cls, from_ms: int, until_ms: int) -> Slots:
        """Return a span in as many slots as a chart may have, or a few less."""
        return cls(from_ms, until_ms, bits_for(from_ms, until_ms, SLOTS))

    def slot(self, at_ms: int) -> int:
        """Return the slot that a time lies in."""
        return (at_ms >> self.bits) - (self.from_ms >> self.bits)

    def starts_ms(self) -> list[int]:
        """Return when each slot begins; two at the least, so that one has a length."""
        first, last = self.from_ms >> self.bits, self.until_ms >> self.bits
        later = range(first + 1, max(last, first + 1) + 1)
        return [self.from_ms, *(slot << self.bits for slot in later)]


def bits_for(from_ms: int, until_ms: int, pieces: int) -> int:
    """Return how long pieces have to be that so many of them, or less, do for a span.

    Returns:
        It as a power of two: the number of the digit.
    """
    bits = 0
    while (until_ms >> bits) - (from_ms >> bits) >= pieces:
        bits += 1
    return bits


def add_up(steps: KnownSteps, before_ms: int) -> Sums:
    """Return the sums of a page.

    Args:
        steps: what is on it.
        before_ms: the time of the last step before it.
    """
    times = steps.times
    if not times:
        return Sums(before_ms, 0, (), (), (), steps.table)
    bits = bits_for(min(times), max(times), PIECES)
    found = Counter(zip((at_ms >> bits for at_ms in times), steps.whats, strict=True))
    order = sorted(found)
    return Sums(
        times[-1],
        bits,
        array("Q", (piece for piece, _ in order)),
        array("I", (what for _, what in order)),
        array("I", (found[each] for each in order)),
        steps.table,
    )


def sums_kind(schemas: Sequence[Schema], begun_seq: int) -> str:
    """Return the suffix of sums of the pages that some schemas have in the ledger."""
    name = f"{_VERSION} {PIECES} {ledger_kind(schemas, begun_seq)}"
    return f"{_PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def encode_sums(sums: Sums) -> dict[str, bytes]:
    """Return the sections of an attachment."""
    columns = [
        array(code, column).tobytes()
        for code, column in zip("QII", sums[2:5], strict=True)
    ]
    return {_SECTION: pack([sums.last_ms, sums.bits, columns, sums.table])}


def decode_sums(attachment: Attachment) -> Sums:
    """Return what an attachment has.

    Raises:
        DamagedPartError: it is not what was written.
    """
    data = attachment.read(_SECTION)
    if data is None:
        raise DamagedPartError("no sums")
    try:
        last_ms, bits, packed, table = unpack(data)
        pieces, whats, counts = (memoryview(each) for each in packed)
        columns = pieces.cast("Q"), whats.cast("I"), counts.cast("I")
        return Sums(last_ms, bits, *columns, [What(*each) for each in table])
    except (ValueError, TypeError) as error:
        raise DamagedPartError("no sums") from error


def summed_pages(
    index: LogIndex, schemas: Sequence[Schema], progress: Progress
) -> Iterator[SummedPage]:
    """Yield the pages of the ledger, up to the first that is missing.

    Where a page has no sums yet they are made of its steps; of much of a log the index
    is told that it is worth while to write them.

    Raises:
        CorruptLogError: the log is damaged.
        DamagedPartError: a page is not what was written; others were yielded.
    """
    begun_seq = index.bases.find_floor()
    kinds = ledger_kind(schemas, begun_seq), sums_kind(schemas, begun_seq)
    catalogue, last_ms, missing_bytes = index.catalogue, 0, 0
    pages = catalogue.find_attached(kinds[0])
    for header in catalogue.parts():
        path = pages.get(attachment_name(kinds[0], header))
        if path is None:
            return
        read = partial(_read_steps, catalogue, kinds[0], header)
        sums = _find_sums(catalogue, kinds[1], header)
        if sums is None:
            progress(header.last_seq)
            sums = add_up(read(), last_ms)
            missing_bytes += header.end - header.start
            if missing_bytes >= WORTH_IT_BYTES:
                index.followed_by = [each.source or each.name for each in schemas]
        last_ms = sums.last_ms
        yield SummedPage(header.first_seq, header.last_seq, sums, read)


def has_pages_behind(index: LogIndex, schemas: Sequence[Schema], seq: int) -> bool:
    """Say whether the ledger has a page that ends behind a record, by its name.

    Raises:
        CorruptLogError: the log is damaged.
    """
    kind = ledger_kind(schemas, index.bases.find_floor())
    headers = list(index.catalogue.parts())
    last = headers[-1] if headers else None
    if last is None or last.last_seq <= seq:
        return False
    return attachment_name(kind, last) in index.catalogue.find_attached(kind)


def _read_steps(catalogue: Catalogue, kind: str, header: PartHeader) -> KnownSteps:
    attachment = catalogue.attachment(kind, header)
    if attachment is None:
        raise DamagedPartError(f"no page {header.last_seq}")
    return Page(attachment, header.first_seq, header.last_seq).steps()


def _find_sums(catalogue: Catalogue, kind: str, header: PartHeader) -> Sums | None:
    attachment = catalogue.attachment(kind, header)
    try:
        return None if attachment is None else decode_sums(attachment)
    except DamagedPartError:
        return None


def build_sums(
    folder: Path,
    filesystem: FileSystem,
    progress: Progress,
    schemas: Sequence[Schema] = (),
) -> Callable[[Path], None]:
    """Return what writes the sums that pages lack; it comes behind the ledger.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        progress: is told the number of the last record that was counted.
        schemas: by which jobs are followed; none to find out.
    """

    def build(target: Path) -> None:
        with closing(LogIndex(folder, filesystem)) as index:
            if index.last_seq:
                chosen = list(schemas) or detect_schemas(index)
                ledger = Ledger(index, chosen)
                if ledger.kind:
                    _write_missing(index, chosen, ledger, target, progress)

    return build


def _write_missing(
    index: LogIndex,
    schemas: Sequence[Schema],
    ledger: Ledger,
    target: Path,
    progress: Progress,
) -> None:
    kind, last_ms = sums_kind(schemas, ledger.begun_seq), 0
    drop_other_kinds(target, _PREFIX, kind)
    for header, page in zip(index.catalogue.parts(), ledger.pages, strict=False):
        sums = _find_sums(index.catalogue, kind, header)
        if sums is None:
            try:
                sums = add_up(page.steps(), last_ms)
            except DamagedPartError:
                return
            data = encode_attachment(kind, header, encode_sums(sums))
            write_file(index.filesystem, target, attachment_name(kind, header), data)
            progress(header.last_seq)
        last_ms = sums.last_ms
