"""`python -m app.folding`: the child process that makes a snapshot.

    python -m app.folding DIR --until SEQ --databases N

It folds the newest snapshot and the log behind it up to a record, through the very fold
of a start, and writes the state as a snapshot. It runs beside the server, takes nothing
from it but idle processor time, and never writes to the log. What it says is a JSON
object a line:

    {"seq": 41000, "keys": 1000}       how far it has come
    {"alarm": "..."}                   the fold differs from what the server recorded
    {"error": "..."}                   it failed; the exit code is then 1
    {"seq": ..., "keys": ..., "size_bytes": ..., "path": ..., "is_done": true}

When nobody reads these lines any more, the server is gone, and so is the child.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import clock
from app.recovery import Recovery
from app.snapshots import save_snapshot
from storage.errors import StorageError
from storage.filesystem import FileSystem
from storage.folder import LogFolder
from storage.snapshot import verify_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

NICENESS = 10
_REPORT_RECORDS = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one snapshot and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.folding")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--databases", type=int, required=True)
    options = parser.parse_args(arguments)
    try:
        make_snapshot(options.folder, options.until, options.databases)
    except (StorageError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            return 1
        _say(error=str(error))
        return 1
    return 0


def make_snapshot(folder: Path, until_seq: int, databases: int) -> None:
    """Fold up to a record, and write and verify the snapshot.

    Raises:
        StorageError: the log or the newest snapshot does not allow it, or another
            process makes one.
        OSError: the disk refused.
    """
    filesystem = FileSystem()
    paths = LogFolder(folder, filesystem)
    paths.make_snapshots()
    lock = filesystem.flock(paths.snapshot_lock_path)
    if lock is None:
        raise StorageError(f"{paths.snapshots_path}: another process makes a snapshot")
    try:
        recovery = Recovery(folder, filesystem, databases, until_seq)
        reported = 0
        for progress in recovery.steps():
            if not progress.records or progress.records - reported >= _REPORT_RECORDS:
                reported = progress.records
                _say(seq=progress.seq, keys=recovery.keys)
        fold = recovery.fold
        if fold.last_seq != until_seq:
            raise StorageError(
                f"{folder}: the log ends with seq {fold.last_seq}, expected {until_seq}"
            )
        info = save_snapshot(
            paths, filesystem, fold.keyspace, until_seq, clock.now_ms()
        )
        verify_snapshot(filesystem, info.path)
        _say(
            seq=until_seq,
            keys=info.keys,
            size_bytes=info.size_bytes,
            path=str(info.path),
            is_done=True,
        )
    finally:
        filesystem.close(lock)


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    sys.exit(main())
