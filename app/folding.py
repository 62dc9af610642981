"""`python -m app.folding`: the child process that makes snapshots and tidies the log.

    python -m app.folding DIR --until SEQ [--tidy] [options]

It folds the newest snapshot and the log behind it up to a record, through the very fold
of a start, and writes the state as a snapshot. Then it prunes the segments that the
retention settings let go and packs sealed ones. With --tidy a snapshot is made only
where a segment could go but for the lack of one. It runs beside the server, takes
nothing from it but idle processor time, and can be killed at any moment. What it says
is a JSON object a line, whose fields add up:

    {"seq": 41000, "keys": 1000}       how far it has come
    {"alarm": "..."}                   the fold differs from what the server recorded
    {"trouble": "..."}                 pruning or packing did not go on
    {"snapshot_seq": 41000}            there is a snapshot, whole and read back
    {"first_seq": 2000}                the log begins there now
    {"packed": [2000, 51234]}          that segment has so many bytes now
    {"error": "..."}                   it failed; the exit code is then 1
    {"is_done": true}

When nobody reads these lines any more, the server is gone, and so is the child.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import clock
from app.proving import ProvenFold
from app.recovery import Recovery
from app.slowness import seconds_for, wait_for_reader
from app.snapshots import save_snapshot
from storage.errors import StorageError
from storage.filesystem import FileSystem
from storage.folder import LogFolder, read_chain
from storage.packing import pack_segment
from storage.retention import (
    Retention,
    find_prunable,
    find_snapshot_seq,
    prune,
    remove_old_snapshots,
)
from storage.snapshot import verify_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.recovery import Fold
    from storage.folder import SegmentInfo

NICENESS = 10
_REPORT_RECORDS = 50_000


class ArchiveError(Exception):
    """The archive command did not take a segment, which therefore stays."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.folding")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--databases", type=int, default=16)
    parser.add_argument("--tidy", action="store_true")
    parser.add_argument("--retention-bytes", type=int, default=0)
    parser.add_argument("--retention-seconds", type=int, default=0)
    parser.add_argument("--archive-command", default="")
    parser.add_argument("--pack", action="store_true")
    parser.add_argument("--key-delay", type=int, default=0)
    parser.add_argument("--keep", type=int, default=2)
    options = parser.parse_args(arguments)
    try:
        _Folding(options).run()
    except BrokenPipeError:
        return 1
    except (StorageError, OSError) as error:
        _say(error=str(error))
        return 1
    _say(is_done=True)
    return 0


class _Folding:
    """One run of the child."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._filesystem = FileSystem()
        self._folder = LogFolder(options.folder, self._filesystem)
        self._retention = Retention(options.retention_bytes, options.retention_seconds)

    def run(self) -> None:
        """Make a snapshot, prune, pack.

        Raises:
            StorageError: the log or the newest snapshot does not allow it, or another
                process is at it.
            OSError: the disk refused.
        """
        self._folder.make_snapshots()
        lock = self._filesystem.flock(self._folder.snapshot_lock_path)
        if lock is None:
            raise StorageError(
                f"{self._folder.snapshots_path}: another process makes a snapshot"
            )
        try:
            if not self._options.tidy or self._lacks_snapshot():
                self._make_snapshot()
            try:
                self._tidy()
            except (StorageError, OSError, ArchiveError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                _say(trouble=str(error))
        finally:
            self._filesystem.close(lock)

    def _lacks_snapshot(self) -> bool:
        """Say whether a segment could go if only there were a newer snapshot."""
        chain = read_chain(self._folder, self._filesystem)
        prunable = find_prunable(chain, self._retention, clock.now_ms())
        if not prunable:
            return False
        footer = prunable[-1].footer
        assert footer is not None
        return find_snapshot_seq(self._folder, self._filesystem) < footer.last_seq

    def _make_snapshot(self) -> None:
        """Fold up to a record, write the state, and read it back."""
        until_seq = self._options.until
        if not until_seq or until_seq in self._folder.find_snapshots():
            _say(snapshot_seq=until_seq)
            return
        fold = self._fold(until_seq)
        info = save_snapshot(
            self._folder,
            self._filesystem,
            fold.keyspace,
            until_seq,
            clock.now_ms(),
            self._wait if self._options.key_delay else None,
        )
        verify_snapshot(self._filesystem, info.path)
        _say(snapshot_seq=until_seq, keys=info.keys)

    def _wait(self, keys: int) -> None:
        seconds = seconds_for(self._options.key_delay, keys)
        wait_for_reader(seconds, sys.stdout.fileno())

    def _fold(self, until_seq: int) -> Fold:
        """Return the state after a record; say where memory was another on the way."""
        recovery = Recovery(
            self._folder.path, self._filesystem, self._options.databases, until_seq
        )
        end = recovery.begin()
        fold = recovery.fold
        _say(seq=fold.last_seq, keys=recovery.keys)
        proven = ProvenFold(fold, self._folder, self._filesystem)
        reported = 0
        for records in proven.batches(end, until_seq):
            fold.apply(records)
            if fold.records - reported >= _REPORT_RECORDS:
                reported = fold.records
                _say(seq=fold.last_seq)
        if proven.differences:
            _say(alarm=proven.differences[0], differences=len(proven.differences))
        _say(proven=proven.checked)
        if fold.last_seq != until_seq:
            raise StorageError(
                f"{self._folder.path}: the log ends with seq {fold.last_seq}, "
                f"expected {until_seq}"
            )
        return fold

    def _tidy(self) -> None:
        """Prune, pack, and remove old snapshots."""
        folder, filesystem = self._folder, self._filesystem
        for info in prune(
            folder, filesystem, self._retention, clock.now_ms(), self._archive
        ):
            assert info.footer is not None
            _say(first_seq=info.footer.last_seq + 1)
        remove_old_snapshots(folder, filesystem, self._options.keep)
        if self._options.pack:
            for info in read_chain(folder, filesystem):
                if info.is_sealed:
                    size = pack_segment(filesystem, info.path)
                    _say(packed=[info.first_seq, size])

    def _archive(self, info: SegmentInfo) -> None:
        """Let the operator's command take a segment, before it is pruned.

        Raises:
            ArchiveError: the command failed.
        """
        command = self._options.archive_command
        if not command:
            return
        for mark, text in (("%p", str(info.path.resolve())), ("%f", info.path.name)):
            command = command.replace(mark, text)
        done = subprocess.run(  # noqa: S602 - it is the operator's own command line
            command,
            shell=True,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()[-500:]
            raise ArchiveError(
                f"{info.path}: log-archive-command ended with exit code "
                f"{done.returncode}, so the segment stays: {words}"
            )


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    sys.exit(main())
