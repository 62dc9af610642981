"""Bindings: all that says which digest the log had at a record, held against the log.

    beside the log    its snapshots: who edits the log has to edit them too
    from elsewhere    digests that were kept (--expect), files of anchors, receipts,
                      backups and archives

One that fits proves all records up to its own, since every digest is of all bytes
before. What lies behind the last one from elsewhere may have been edited by whoever
can write to the log's folder, with every checksum computed anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.proofs.anchors import AnchorError, read_anchors
from joblog.replay.proofs.receipt_text import ReceiptError
from joblog.replay.proofs.receipts import check_receipt
from joblog.storage.archives import Archive, is_archive
from joblog.storage.digests import compute_digests
from joblog.storage.disk import open_disk
from joblog.storage.errors import SnapshotError, SnapshotForeignError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.snapshot import SnapshotReader
from joblog.storage.snapshots import require_of_log
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.verify import VerifyReport


class Binding(NamedTuple):
    """One digest from somewhere.

    Attributes:
        source: where it is from, for people.
        log_id: the log that it says it is of, in hexadecimal digits; "" for any.
        seq: the record.
        digest_hex: the digest at it.
    """

    source: str
    log_id: str
    seq: int
    digest_hex: str


class Bound(NamedTuple):
    """What all bindings say of a log.

    Attributes:
        elsewhere: the last record that fits, by each source from elsewhere.
        beside: the same of what lies beside the log.
        strange: how many from elsewhere are of other logs, by source.
        pruned: how many are of records that are pruned.
        damage: what contradicts the log, for the operator.
    """

    elsewhere: dict[str, int]
    beside: dict[str, int]
    strange: dict[str, int]
    pruned: int
    damage: list[str]

    @property
    def anchored_seq(self) -> int:
        """The last record that something from elsewhere proves; 0 for none."""
        return max(self.elsewhere.values(), default=0)

    @property
    def bound_seq(self) -> int:
        """The last record that anything proves; 0 for none."""
        return max(self.anchored_seq, *self.beside.values(), 0)


def bind(
    folder: Path,
    filesystem: FileSystem,
    report: VerifyReport,
    bindings: Iterable[Binding],
) -> Bound:
    """Hold digests from elsewhere, and what lies beside a log, against it.

    Args:
        folder: the data folder; its log is sound in itself.
        filesystem: the door to the disk.
        report: what verifying it found.
        bindings: the digests from elsewhere.
    """
    bound = Bound({}, {}, {}, 0, [])
    first_seq = report.segments[0].first_seq if report.segments else 1
    known: list[Binding] = []
    pruned = 0
    for binding in bindings:
        if binding.log_id not in {"", report.log_id}:
            bound.strange[binding.source] = bound.strange.get(binding.source, 0) + 1
        elif binding.seq < first_seq:
            pruned += 1
        else:
            known.append(binding)
    seqs = [binding.seq for binding in known]
    found = compute_digests(folder, seqs, filesystem=filesystem)
    for source in dict.fromkeys(binding.source for binding in known):
        own = sorted(
            (binding for binding in known if binding.source == source),
            key=lambda binding: binding.seq,
        )
        _compare(own, found, report.last_seq, bound)
    _bind_snapshots(LogFolder(folder, filesystem), filesystem, bound)
    return bound._replace(pruned=pruned)


def _compare(
    own: list[Binding], found: dict[int, str], last_seq: int, bound: Bound
) -> None:
    """Hold the digests of one source, in order, against the log's."""
    source = own[0].source
    wrong = [each for each in own if found.get(each.seq) != each.digest_hex]
    fitting = [each.seq for each in own if found.get(each.seq) == each.digest_hex]
    if fitting:
        bound.elsewhere[source] = fitting[-1]
    if not wrong:
        return
    first = wrong[0]
    more = f"; {len(wrong) - 1} later ones do not fit either" if wrong[1:] else ""
    if first.seq not in found:
        bound.damage.append(
            f"{source}: it has a digest at seq {first.seq}, and the log ends with seq "
            f"{last_seq}: records that were there are gone{more}"
        )
        return
    since = max((seq for seq in fitting if seq < first.seq), default=0)
    bound.damage.append(
        f"{source}: the digest at seq {first.seq} is {found[first.seq]}, expected "
        f"{first.digest_hex}: a record from seq {since + 1} to {first.seq} was "
        f"changed, or it is another log{more}"
    )


def _bind_snapshots(folder: LogFolder, filesystem: FileSystem, bound: Bound) -> None:
    """Hold a log's snapshots against it; a damaged one says nothing."""
    for seq in folder.find_snapshots():
        path = folder.snapshot_path(seq)
        try:
            reader = SnapshotReader(filesystem, path)
        except (StorageError, OSError):
            continue
        reader.close()
        try:
            require_of_log(folder, filesystem, path, reader.header)
        except SnapshotForeignError as error:
            bound.damage.append(str(error))
        except SnapshotError:
            continue
        else:
            bound.beside[f"snapshot {path.name}"] = seq


# --- where digests come from -----------------------------------------------------


def from_anchors(path: Path, signer: str) -> Iterator[Binding]:
    """Yield what a file of anchors says.

    Raises:
        AnchorError: a line is none, or is not signed as it should be.
    """
    try:
        for anchor in read_anchors(path, signer):
            yield Binding(str(path), anchor.log_id, anchor.seq, anchor.digest_hex)
    except OSError as error:
        raise AnchorError(f"{path}: {error.strerror}") from error


def from_receipt(path: Path) -> Iterator[Binding]:
    """Yield the digests to which a receipt leads.

    Raises:
        AnchorError: the receipt is not sound.
    """
    try:
        with path.open("rb") as file:
            checked = check_receipt(file)
    except (ReceiptError, OSError) as error:
        raise AnchorError(f"{path}: {error}") from error
    for anchor in checked.anchors:
        yield Binding(str(path), checked.log_id, anchor.seq, anchor.digest_hex)


def from_backup(path: Path) -> Iterator[Binding]:
    """Yield the digests at the ends of the segments of a backup, or an archive.

    Raises:
        AnchorError: it is none.
    """
    filesystem = open_disk()
    try:
        if is_archive(path, filesystem):
            filesystem = open_disk(beneath=Archive(path))
        report = verify_log(path, filesystem=filesystem)
    except (StorageError, OSError) as error:
        raise AnchorError(f"{path}: {error}") from error
    for segment in report.segments:
        if segment.damage is None and segment.last_seq >= segment.first_seq:
            yield Binding(
                str(path), report.log_id, segment.last_seq, segment.digest_hex
            )
