"""Findings: what a receipt proves, held against digests from elsewhere and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.proofs.derivation import Derived, derive
from joblog.replay.proofs.receipts import role_of
from joblog.replay.proofs.seqs import Seqs
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.script_texts import find_script_record
from joblog.replay.records.scripts import script_sha
from joblog.storage.digests import compute_digests
from joblog.storage.disk import open_disk
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from joblog.replay.jobs.schema import Schema
    from joblog.replay.proofs.receipts import Checked, Subject
    from joblog.storage.filesystem import FileSystem


class LogView(NamedTuple):
    """What a log has of a receipt's subject.

    Attributes:
        log_id: the log's id, in hexadecimal digits.
        first_seq: the first record that it still has.
        seqs: the records that are about the subject; None where that is not asked.
        digests: (digest, record) of those to which the receipt leads, and it has.
        told: the records that tell of a client or a script of those in the receipt.
    """

    log_id: str
    first_seq: int
    seqs: list[int] | None
    digests: list[tuple[str, int]]
    told: frozenset[int] = frozenset()


class Findings(NamedTuple):
    """What came of checking a sound receipt.

    Attributes:
        derived: what its bytes say of its subject.
        proven: the records that a digest from elsewhere proves.
        damage: what contradicts it, for people.
        more: records about its subject that the log has, and the receipt does not show.
        unknown: records that the log, as it is read here, does not count as such.
        untold: records of the log that tell of its clients and scripts, and are not
            in it.
        is_compared: whether there was a log to compare with.
        is_all_proven: whether all is proven that it holds.
    """

    derived: Derived
    proven: Seqs
    damage: list[str]
    more: list[int]
    unknown: list[int]
    untold: list[int]
    is_compared: bool
    is_all_proven: bool

    @property
    def is_proven(self) -> bool:
        """Whether all that it holds is proven, and is all that there is to compare."""
        is_short = self.more or self.unknown or self.untold
        return self.is_all_proven and not (self.damage or is_short)


def find(
    checked: Checked,
    known: Iterable[tuple[str, int]],
    log: LogView | None = None,
    schemas: Sequence[Schema] = (),
) -> Findings:
    """Hold a sound receipt against what is known from elsewhere.

    Args:
        checked: the receipt.
        known: (digest, record) pairs from elsewhere.
        log: what the log has of the subject.
        schemas: what keys mean; by default what the records show.
    """
    derived = derive(checked, schemas)
    pairs = list(known)
    damage: list[str] = []
    more: list[int] = []
    unknown: list[int] = []
    untold: list[int] = []
    if checked.listed is not None and checked.is_complete:
        hidden = sorted(set(derived.seqs) - set(checked.listed))
        if hidden:
            damage.append(
                f"the receipt does not list seq {seq_words(hidden)}, which it holds, "
                f"and which {'is' if len(hidden) == 1 else 'are'} about "
                f"{checked.subject}"
            )
    if log is not None:
        damage += _compare_log(checked, log)
        pairs += log.digests
        untold = sorted(seq for seq in log.told if seq not in checked.held)
        if log.seqs is not None:
            more = sorted(set(log.seqs) - set(derived.seqs))
            unknown = [
                seq
                for seq in derived.seqs
                if seq not in log.seqs and seq >= log.first_seq
            ]
    proven, wrong = _prove(checked, pairs)
    damage += wrong
    return Findings(
        derived,
        proven,
        damage,
        more,
        unknown,
        untold,
        log is not None,
        proven.issuperset(checked.held.seqs),
    )


def _compare_log(checked: Checked, log: LogView) -> list[str]:
    """Return what a log says against a receipt, for people."""
    if checked.log_id != log.log_id:
        return [f"the receipt is of log {checked.log_id}, and this is {log.log_id}"]
    there = {seq for _, seq in log.digests}
    return [
        f"the receipt leads to seq {anchor.seq}, and the log has no such record"
        for anchor in checked.anchors
        if anchor.seq not in there and anchor.seq >= log.first_seq
    ]


def _prove(checked: Checked, known: list[tuple[str, int]]) -> tuple[Seqs, list[str]]:
    """Return the records that known digests prove, and what contradicts these."""
    proven = Seqs()
    damage: list[str] = []
    for digest, seq in dict.fromkeys(known):
        if seq not in checked.held:
            continue
        found = checked.digest_at(seq)
        if found != digest:
            damage.append(
                f"the receipt leads to {found} at seq {seq}, expected {digest}"
            )
            continue
        for anchor in checked.anchors:
            if seq in anchor.proves:
                proven |= anchor.proves.up_to(seq)
    return proven, damage


def seq_words(seqs: list[int]) -> str:
    """Return numbers as a list in words, the first few of many."""
    shown = ", ".join(map(str, seqs[:_SHOWN]))
    rest = len(seqs) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


_SHOWN = 10


# --- the log ---------------------------------------------------------------------


def look(folder: Path, checked: Checked, schemas: Sequence[Schema]) -> LogView:
    """Return what the log in a folder has of a receipt's subject.

    Raises:
        StorageError: the log is damaged.
    """
    filesystem = open_disk()
    index = LogIndex(folder, filesystem)
    try:
        seqs = [anchor.seq for anchor in checked.anchors]
        digests = compute_digests(folder, seqs, filesystem=filesystem)
        return LogView(
            _read_log_id(folder, filesystem),
            index.first_seq,
            _find_seqs(index, checked.subject, schemas),
            [(digest, seq) for seq, digest in digests.items()],
            frozenset(_find_told(index, checked)),
        )
    finally:
        index.close()


def _find_told(index: LogIndex, checked: Checked) -> Iterator[int]:
    """Yield the records that tell of clients and scripts of a receipt's records.

    A complete receipt has them where it has the records, or they are before it.
    """
    if checked.is_complete and checked.subject.kind != "record":
        return
    clients = ClientDirectory(index, from_seq=END_SEQ)
    last_seq = 0
    told: set[object] = set()
    for record in checked.held.records():
        seq, client_id = record.seq, record.origin.client_id
        if role_of(record) != "record":
            continue  # it tells of a client or a script itself
        if seq != last_seq + 1:
            # What tells of who was there before is held where it is in this run.
            told = set()
        last_seq = seq
        if client_id not in told:
            told.add(client_id)
            client_seq = clients.find_seq(client_id, seq)
            if client_seq is not None:
                yield client_seq
        sha = script_sha(record)
        if sha and sha not in told:
            told.add(sha)
            source = find_script_record(index, sha, seq)
            if source is not None:
                yield source.seq


def _read_log_id(folder: Path, filesystem: FileSystem) -> str:
    paths = LogFolder(folder, filesystem)
    segments = paths.find_segments()
    if not segments:
        raise StorageError(f"{folder}: the log has no segment")
    reader = open_segment(paths, filesystem, segments[-1])
    reader.close()
    return reader.header.log_id.hex()


def _find_seqs(
    index: LogIndex, subject: Subject, schemas: Sequence[Schema]
) -> list[int] | None:
    """Return the records of a log that are about a subject."""
    if subject.kind == "key":
        return [each.seq for each in index.key_records(subject.number, subject.name)]
    if subject.kind != "job":
        return None
    last = index.get_record(index.last_seq)
    if last is None:
        return []
    jobs = JobLog(index, schemas or detect_schemas(index))
    try:
        timelines = jobs.follow(subject.name, Point(last.seq, last.at_ms))
    except PrunedError:
        return None
    return sorted({step.record.seq for each in timelines for step in each.steps})
