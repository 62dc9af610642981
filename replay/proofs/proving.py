"""Which records a receipt needs: what happened, who did it, and by which script."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.proofs.receipts import write_receipt
from joblog.replay.proofs.stretches import read_stretches
from joblog.replay.records.script_texts import find_script_record
from joblog.replay.records.scripts import script_sha
from joblog.storage.folder import LogFolder
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.proofs.receipts import Subject
    from joblog.replay.proofs.stretches import Stretch
    from joblog.replay.records.clients import ClientDirectory
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

_WHOLE_BYTES_MAX = 4 << 20
"""Up to so long a log makes a receipt that people still mail, and check in seconds."""


class Receipt(NamedTuple):
    """A receipt that was made.

    Attributes:
        text: what is to be written, in pieces, once.
        digests: (digest, record) of those to which it leads.
        first_seq: the first record in it.
        last_seq: the last one.
        is_complete: whether it holds all between.
    """

    text: Iterator[str]
    digests: list[tuple[bytes, int]]
    first_seq: int
    last_seq: int
    is_complete: bool


def is_short(index: LogIndex) -> bool:
    """Tell whether a log, unpacked, is whole, and short, for a complete receipt."""
    paths = LogFolder(index.folder, index.filesystem)
    size = 0
    for first_seq in paths.find_segments():
        reader = open_segment(paths, index.filesystem, first_seq)
        size += reader.size()
        is_redacted = bool(reader.table_digest())
        reader.close()
        if is_redacted:
            return False
    return size <= _WHOLE_BYTES_MAX


def make_receipt(
    index: LogIndex,
    clients: ClientDirectory,
    records: Iterable[Record],
    subject: Subject,
    until_seq: int | None = None,
) -> Receipt:
    """Return a receipt that holds some records.

    Args:
        index: the log's index.
        clients: who the clients were.
        records: what happened.
        subject: what the receipt is about.
        until_seq: where given, the receipt leads to the digest at this record alone,
            and holds all bytes up to it.

    Raises:
        StorageError: the log lacks one of the records, or is damaged before it.
    """
    seqs: set[int] = set()
    for record in records:
        seqs.add(record.seq)
        client_seq = clients.find_seq(record.origin.client_id, record.seq)
        if client_seq is not None:
            seqs.add(client_seq)
        sha = script_sha(record)
        if sha:
            source = find_script_record(index, sha, record.seq)
            if source is not None:
                seqs.add(source.seq)
    if until_seq is not None:
        until_seq = max(until_seq, *seqs)
    stretches = list(read_stretches(index, seqs, until_seq))
    return _write(index, subject, stretches)


def make_complete_receipt(index: LogIndex, subject: Subject, until_seq: int) -> Receipt:
    """Return a receipt that holds all that the log has up to a record.

    Raises:
        StorageError: the log is damaged before it.
    """
    stretches = read_stretches(index, [index.first_seq], until_seq)
    return _write(index, subject, list(stretches))


def _write(index: LogIndex, subject: Subject, stretches: list[Stretch]) -> Receipt:
    log_id = _log_id(index.folder, index.filesystem, stretches[0].segment)
    # One that follows another proves all that this proves.
    ends = [
        stretch
        for stretch, later in pairwise([*stretches, None])
        if stretch is not None and not (later and later.follows(stretch))
    ]
    return Receipt(
        write_receipt(subject, log_id, stretches),
        [(stretch.digest, stretch.last_seq) for stretch in ends],
        stretches[0].first_seq,
        stretches[-1].last_seq,
        len(ends) == 1,
    )


def _log_id(folder: Path, filesystem: FileSystem, segment: int) -> str:
    reader = open_segment(LogFolder(folder, filesystem), filesystem, segment)
    reader.close()
    return reader.header.log_id.hex()
