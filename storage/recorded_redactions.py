"""Redactions as the log records them, held against the segments.

A redaction is a record without effects, whose note has

    kind        "redaction"
    id          16 random bytes, as in the tables
    log         the log's id, since a record may be copied into another log
    by, why     who, and in their words why
    subjects    how many keys, jobs and texts it was about, a map
    records     how many records were made unreadable
    length      how many bytes their payloads have
    segments    [[first seq, SHA-256 of its table, of the table before or b"", records]]

The last record that names a segment says which table it has. Another table is damage:
somebody made records unreadable, or changed what is said of that, without a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from joblog.storage.redaction import REDACTION_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from joblog.storage.record import Note, Record
    from joblog.storage.redacting import RedactedSegment
    from joblog.storage.redaction import Redaction


def redaction_note(
    redaction: Redaction,
    log_id: str,
    subjects: dict[str, int],
    segments: Iterable[RedactedSegment],
) -> Note:
    """Return the note of a redaction's record."""
    found = list(segments)
    return {
        "kind": REDACTION_KIND,
        "id": redaction.id,
        "log": log_id,
        "by": redaction.by,
        "why": redaction.why,
        "subjects": subjects,
        "records": sum(each.records for each in found),
        "length": sum(each.changed_bytes for each in found),
        "segments": [
            [each.first_seq, each.table_digest, each.elder_digest, each.records]
            for each in found
        ],
    }


class Reported(Protocol):
    """What is to be known of a segment; see `verify.SegmentReport`."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def first_seq(self) -> int:
        """The number of its first record."""

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        """Who redacted records of it."""

    @property
    def table_digest(self) -> bytes:
        """SHA-256 of its table, b"" for none."""


class _Named(NamedTuple):
    seq: int
    table_digest: bytes
    records: int
    log_id: str


class RecordedRedactions:
    """The redactions that the records of a log tell of."""

    def __init__(self) -> None:
        """Begin with none."""
        self._named: dict[int, list[_Named]] = {}
        self._last_at_ms = 0

    def look(self, record: Record) -> None:
        """Take note of a record with a note, if it is a redaction's."""
        note = record.origin.note
        if note is None or note.get("kind") != REDACTION_KIND:
            return
        for first_seq, table_digest, _, records in _segments_of(note):
            named = _Named(record.seq, table_digest, records, note.get("log", ""))
            self._named.setdefault(first_seq, []).append(named)

    def compare(
        self, reports: Sequence[Reported], log_id: str, last_at_ms: int
    ) -> tuple[list[str], list[str]]:
        """Hold segments against what was recorded.

        Args:
            reports: what verifying each one found.
            log_id: the log's id.
            last_at_ms: the time of the log's last record.

        Returns:
            What is damage, and what only is to be told.
        """
        damage: list[str] = []
        undone: list[str] = []
        for report in reports:
            named = [
                each
                for each in self._named.get(report.first_seq, [])
                if each.log_id == log_id
            ]
            digest = report.table_digest
            if digest == (named[-1].table_digest if named else b""):
                continue
            if digest in (b"", *(each.table_digest for each in named)):
                undone.append(_not_done(report.path, named[-1]))
                continue
            newest = max(report.redactions, key=lambda each: each.at_ms)
            if newest.at_ms > last_at_ms:
                undone.append(
                    f"{report.path}: the redaction of {len(newest.seqs)} records by "
                    f"{newest.by} is recorded behind the end of this log, which bears "
                    f"no witness of it"
                )
                continue
            damage.append(
                f"{report.path}: records are redacted, by {newest.by} as it says "
                f"there, and no record of the log says so: what stands for them may "
                f"be anything; run 'replay repair {report.path.parent.parent}'"
            )
        return damage, undone


def _segments_of(note: dict[str, Any]) -> list[list[Any]]:
    segments: list[list[Any]] = note.get("segments", [])
    return segments


def _not_done(path: Path, named: _Named) -> str:
    return (
        f"{path}: seq {named.seq} says that {named.records} of its records are "
        f"redacted, and they are not: a redaction was interrupted, or an older copy "
        f"was brought back; run 'replay redact {path.parent.parent} --resume', or "
        f"redact anew"
    )
