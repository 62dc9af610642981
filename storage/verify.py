"""Proof that a log is whole and unedited: all of it is read, every digest recomputed.

Unlike recovery this goes on behind damage, so that one run names all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import CorruptLogError, MissingSegmentError, StorageError
from joblog.storage.folder import LogFolder, require_first, require_link, require_named
from joblog.storage.frame import split_frames
from joblog.storage.lock import read_log_id, require_same_log
from joblog.storage.record import RecordDecoder
from joblog.storage.recorded_redactions import RecordedRedactions
from joblog.storage.segment import SegmentReader, corrupt
from joblog.storage.segment_files import open_segment, require_kept
from joblog.storage.tail import (
    find_readable,
    require_footer,
    require_sequence,
    require_torn,
)

if TYPE_CHECKING:
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.redaction import Redaction
    from joblog.storage.segment import SegmentFooter, SegmentHash, SegmentHeader


class SegmentReport(NamedTuple):
    """What verifying one segment found.

    Attributes:
        path: the file.
        first_seq: the number that it starts with, as it is named.
        last_seq: the number of the last sound record; first_seq - 1 for none.
        size_bytes: how long the file is.
        created_at_ms: when it was begun; 0 where the header is damaged.
        is_sealed: whether it ends in a sound footer.
        digest_hex: SHA-256 of its bytes up to the end of record `last_seq`.
        keyspace_digest_hex: the server's digest of its state after `last_seq`, or "".
        torn_bytes: how many bytes of an unfinished write end the open segment.
        torn_records: how many sound records are in them, behind what is not.
        damage: what is wrong, for the operator; None where it is sound.
        is_misplaced: its bytes are sound, and what is wrong is where it stands.
        redactions: who made records of it unreadable, and which.
        table_digest: SHA-256 of the table that says so; b"" where none were.
    """

    path: Path
    first_seq: int
    last_seq: int
    size_bytes: int = 0
    created_at_ms: int = 0
    is_sealed: bool = False
    digest_hex: str = ""
    keyspace_digest_hex: str = ""
    torn_bytes: int = 0
    torn_records: int = 0
    damage: str | None = None
    is_misplaced: bool = False
    redactions: tuple[Redaction, ...] = ()
    table_digest: bytes = b""


class Gap(NamedTuple):
    """Segments that are missing between two sound ones.

    Attributes:
        first_seq: the first record in them.
        until_seq: the first number of the segment behind them.
        why: what is wrong, for the operator.
    """

    first_seq: int
    until_seq: int
    why: str


class VerifyReport(NamedTuple):
    """What verifying a log found.

    Attributes:
        segments: one report for each segment, in order.
        damage: all that is wrong, for the operator; empty where the log is sound.
        missing_end: that of it which says that the newest segment is gone, or "".
        gaps: what is missing between segments.
        log_id: the log's id, in hexadecimal digits; "" where nothing tells.
        undone: of redactions that the log names and that are not done, or that it does
            not reach, a line for each segment.
    """

    segments: list[SegmentReport]
    damage: list[str]
    missing_end: str = ""
    gaps: list[Gap] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    log_id: str = ""
    undone: list[str] = []  # noqa: RUF012 - the same

    @property
    def is_sound(self) -> bool:
        """Whether no damage was found; a torn tail is none."""
        return not self.damage

    @property
    def last_seq(self) -> int:
        """The number of the last sound record; 0 for none."""
        return self.segments[-1].last_seq if self.segments else 0

    @property
    def digest_hex(self) -> str:
        """The digest at `last_seq`, which stands for all of the log; "" for none."""
        for report in reversed(self.segments):
            if report.last_seq >= report.first_seq:
                return report.digest_hex
        return ""


def verify_log(folder: Path | str, *, filesystem: FileSystem) -> VerifyReport:
    """Read a whole log and check everything that can be checked; takes no lock.

    Raises:
        StorageError: this is not a data folder.
        OSError: a file cannot be read.
    """
    paths = LogFolder(folder, filesystem)
    while True:
        try:
            return _verify(paths, filesystem)
        except FileNotFoundError as error:
            # Beside a server the oldest segment may be pruned before it is read.
            segments = paths.find_segments()
            path = Path(error.filename or "")
            if not segments or path >= paths.segment_path(segments[0]):
                raise


def _verify(paths: LogFolder, filesystem: FileSystem) -> VerifyReport:
    # In this order, because who is named had segments.
    log_id = read_log_id(paths, filesystem)
    segments = paths.find_segments()
    verifier = _Verifier(filesystem)
    reports = [
        verifier.verify(
            paths.segment_path(first_seq), is_last=first_seq == segments[-1]
        )
        for first_seq in segments
    ]
    damage = [gap.why for gap in verifier.gaps]
    damage += [report.damage for report in reports if report.damage is not None]
    try:
        if not damage:
            require_same_log(log_id, paths, verifier.log_id)
    except CorruptLogError as error:
        damage.append(str(error))
    footer = verifier.footer
    missing = ""
    if footer is not None and _is_missing(paths, segments[-1], footer.last_seq + 1):
        path = paths.segment_path(footer.last_seq + 1)
        missing = str(
            corrupt(path, 0, "no such file", "the next segment, or .log.next")
        )
        damage.append(missing)
    if not log_id and verifier.log_id is not None:
        log_id = verifier.log_id.hex()
    undone: list[str] = []
    if not damage:
        damage, undone = verifier.compare_redactions(reports)
    return VerifyReport(reports, damage, missing, verifier.gaps, log_id, undone)


def _is_missing(paths: LogFolder, elder_seq: int, following_seq: int) -> bool:
    """Say whether the segment behind the last one that was verified is gone."""
    # A new segment loses the one name when it gets the other: ask in that order.
    if paths.is_sealing(elder_seq, following_seq):
        return False
    segments = paths.find_segments()
    is_pruned = bool(segments) and following_seq < segments[0]
    return following_seq not in segments and not is_pruned


class _Verifier:
    """Verifies segments one by one, and the links between them."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._header: SegmentHeader | None = None
        self._is_first = True
        self._last_at_ms = 0
        self.log_id: bytes | None = None
        self.footer: SegmentFooter | None = None
        self.gaps: list[Gap] = []
        self._redactions = RecordedRedactions()

    def verify(self, path: Path, *, is_last: bool) -> SegmentReport:
        """Verify one segment; the next call gets the next one."""
        first_seq = int(path.name[:20])
        report = SegmentReport(path, first_seq, first_seq - 1)
        elder, elder_footer = self._header, self.footer
        self._header = self.footer = None
        try:
            reader = SegmentReader(self._filesystem, path, with_digest=True)
        except CorruptLogError as error:
            return report._replace(damage=str(error))
        self.log_id = reader.header.log_id
        try:
            require_named(reader)
            report = self._read(reader, report, is_last=is_last)
            if report.damage is None:
                self._check_link(reader, elder, elder_footer)
        except MissingSegmentError as error:
            # Neither of the neighbours is damaged.
            assert elder_footer is not None
            self.gaps.append(Gap(elder_footer.last_seq + 1, first_seq, str(error)))
        except CorruptLogError as error:
            report = report._replace(damage=str(error), is_misplaced=True)
            # What does not belong here says nothing of the one that follows.
            self._header = self.footer = None
        finally:
            reader.close()
            self._is_first = False
        return report

    def compare_redactions(
        self, reports: list[SegmentReport]
    ) -> tuple[list[str], list[str]]:
        """Hold redacted segments against the records: damage, and what is to tell."""
        log_id = (self.log_id or b"").hex()
        return self._redactions.compare(reports, log_id, self._last_at_ms)

    def _read(
        self, reader: SegmentReader, report: SegmentReport, *, is_last: bool
    ) -> SegmentReport:
        """Read a segment's frames and footer up to its end or the first damage."""
        header = reader.header
        damage = None
        last_seq = report.last_seq
        footer = None
        try:
            while payloads := reader.read_payloads():
                require_sequence(reader, payloads, last_seq)
                self._check_records(reader, payloads)
                last_seq += len(payloads)
            footer = reader.read_footer()
            self._check_end(reader, footer, last_seq, is_last=is_last)
            self._header, self.footer = header, footer
        except CorruptLogError as error:
            damage = str(error)
        assert reader.digest is not None
        table = reader.table()
        is_torn = damage is None and footer is None
        rest = reader.read_rest() if is_torn else b""
        return report._replace(
            last_seq=last_seq,
            size_bytes=reader.size(),
            created_at_ms=header.created_at_ms,
            is_sealed=footer is not None,
            digest_hex=_digest_hex(reader.digest),
            keyspace_digest_hex=footer.keyspace_digest.hex() if footer else "",
            torn_bytes=len(rest),
            torn_records=_count_readable(rest, last_seq, reader),
            damage=damage,
            redactions=() if table is None else table.redactions,
            table_digest=reader.table_digest(),
        )

    def _check_records(self, reader: SegmentReader, payloads: list[bytes]) -> None:
        """Check that payloads are records whose times never go back."""
        try:
            records = RecordDecoder().decode_all(payloads)
        except ValueError as error:
            raise corrupt(
                reader.path,
                reader.offset,
                f"before it, a sound frame: {error}",
                "a record",
            ) from error
        self._last_at_ms = max(self._last_at_ms, reader.header.created_at_ms)
        for record in records:
            if record.at_ms < self._last_at_ms:
                raise corrupt(
                    reader.path,
                    reader.offset,
                    f"before it, seq {record.seq} at {record.at_ms} ms",
                    f"no time before {self._last_at_ms}",
                )
            self._last_at_ms = record.at_ms
            if record.origin.note is not None:
                self._redactions.look(record)

    def _check_end(
        self,
        reader: SegmentReader,
        footer: SegmentFooter | None,
        last_seq: int,
        *,
        is_last: bool,
    ) -> None:
        """Check what follows a segment's last sound frame."""
        if footer is not None:
            require_footer(reader, footer, last_seq)
        elif is_last:
            require_torn(reader, reader.read_rest(), last_seq + 1)
        else:
            raise corrupt(
                reader.path,
                reader.offset,
                "a damaged frame",
                f"a sound one with seq {last_seq + 1}, or the footer",
            )

    def _check_link(
        self,
        reader: SegmentReader,
        elder: SegmentHeader | None,
        elder_footer: SegmentFooter | None,
    ) -> None:
        """Check that a segment follows the one before, where that one was sound."""
        if self._is_first:
            require_first(reader.header, reader.path)
        elif elder is not None and elder_footer is not None:
            require_link(elder, elder_footer, reader.header, reader.path)


def _digest_hex(digest: SegmentHash) -> str:
    """Return a digest; "" where damage ended within what is redacted."""
    try:
        return digest.hexdigest()
    except StorageError:
        return ""


def _count_readable(rest: bytes, last_seq: int, reader: SegmentReader) -> int:
    """Count the sound records behind a torn one; what came meanwhile is none."""
    if split_frames(rest, reader.heads)[0]:
        return 0
    return sum(1 for _ in find_readable(rest, last_seq, reader.heads))


def compute_digest(folder: Path | str, seq: int, *, filesystem: FileSystem) -> str:
    """Return the digest at a record: SHA-256 of its segment up to the record's end.

    Who kept the digest of a moment can prove with this that nothing before it was
    changed since: the segment's header carries the digests of all segments before,
    which `verify_log` recomputes.

    Raises:
        PrunedError: the record is no longer in the log.
        CorruptLogError: the log is damaged before the record.
        StorageError: the record is not there yet, or this is no data folder.
    """
    paths = LogFolder(folder, filesystem)
    segments = paths.find_segments()
    first_seq = max((number for number in segments if number <= seq), default=0)
    if not first_seq:
        if seq > 0:
            require_kept(paths, seq, segments)
        raise StorageError(f"{paths.path}: there is no seq {seq}")
    reader = open_segment(paths, filesystem, first_seq)
    try:
        return reader.digest_after(seq - first_seq + 1)
    finally:
        reader.close()
