"""Checkpoints: snapshots in the sidecar, written while a log is folded once.

Each is of the state after the last record of a part of the index (see `bases`). All of
them together are at most a quarter as long as the log: where the state is large, they
are few. The newest alone may come sooner, and goes when the next one is there: most
questions are about the last hour.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from joblog.app import clock
from joblog.app.history.snapshots import encode_blocks
from joblog.replay.index.bases import SUFFIX, Bases
from joblog.replay.keys.past import Past
from joblog.storage.snapshot import NO_LINK, SnapshotHeader, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.replay.index.catalogue import Catalogue
    from joblog.replay.index.parts import PartHeader

_LOG_BYTES_A_BYTE = 4


def build_checkpoints(
    catalogue: Catalogue, target: Path, progress: Callable[[int], None]
) -> int:
    """Fold a log as far as it is indexed, and write the checkpoints that are missing.

    Args:
        catalogue: the log, and its index.
        target: the sidecar's folder, which nobody else writes to.
        progress: is told the number of the last record that was folded.

    Returns:
        How many were written.

    Raises:
        CorruptLogError: the log is damaged, or a record cannot be applied.
        PrunedError: the log has lost its beginning, and no snapshot stands for it.
        OSError: a file cannot be written.
    """
    bases = Bases(catalogue)
    # The server's snapshots do not count: one at the end would leave all before it
    # without any.
    checkpoints = (base.seq for base in bases.find() if base.is_checkpoint)
    newest, floor = max(checkpoints, default=0), bases.find_floor()
    folder, filesystem = catalogue.folder.path, catalogue.filesystem
    log_bytes = size = written = 0
    last: tuple[PartHeader, int] | None = None
    with closing(Past(folder, filesystem, progress, bases)) as past:
        for first_seq in catalogue.folder.find_segments():
            for part in catalogue.cover(first_seq).parts:
                if part.header.last_seq <= newest or part.header.last_seq < floor:
                    continue
                past.go_to(part.header.last_seq)
                log_bytes += part.header.end - part.header.start
                if log_bytes >= _LOG_BYTES_A_BYTE * size:
                    size = _write(catalogue, target, past, part.header, first_seq)
                    log_bytes = 0
                    written += 1
                last = part.header, first_seq
        if last is not None and log_bytes > size:
            _write(catalogue, target, past, *last)
            written += 1
    if written:
        _thin_out(catalogue, target)
    return written


def _thin_out(catalogue: Catalogue, target: Path) -> None:
    """Remove the checkpoints that came sooner than their length allows, but the last.

    Who has one open reads on; who finds one gone begins with another.
    """
    kept = log_bytes = 0
    found: list[tuple[Path, int]] = []
    for first_seq in catalogue.folder.find_segments():
        for part in catalogue.cover(first_seq).parts:
            log_bytes += part.header.end - part.header.start
            path = target / f"{part.header.last_seq:020d}{SUFFIX}"
            if path.exists():
                found.append((path, log_bytes))
    for path, at_bytes in found[:-1]:
        if at_bytes - kept >= _LOG_BYTES_A_BYTE * path.stat().st_size or not kept:
            kept = at_bytes
        else:
            path.unlink(missing_ok=True)


def _write(
    catalogue: Catalogue, target: Path, past: Past, part: PartHeader, first_seq: int
) -> int:
    """Write a checkpoint; return how long it is, in bytes."""
    header = SnapshotHeader(
        part.last_seq,
        part.last_at_ms,
        catalogue.reader(first_seq).header.log_id,
        first_seq,
        part.end,
        part.end_digest,
        NO_LINK,
        clock.now_ms(),
    )
    path = target / f"{part.last_seq:020d}{SUFFIX}"
    blocks = encode_blocks(past.fold.keyspace)
    return write_snapshot(catalogue.filesystem, path, header, blocks).size_bytes
