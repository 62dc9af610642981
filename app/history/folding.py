"""`python -m joblog.app.history.folding`: the child that snapshots and tidies a log.

    python -m joblog.app.history.folding DIR --until SEQ [--tidy] [options]

It folds the newest snapshot and the log behind it up to a record, through the very fold
of a start, and writes the state as a snapshot. Then it prunes the segments that the
retention settings let go and packs sealed ones; with --only-archived none that the
archive has yet to take. With --tidy a snapshot is made only where a segment could go
but for the lack of one. What it writes leaves --reserve bytes of the disk free; only
what lets segments go takes from those, and not the last. It runs beside the server,
takes nothing from it but idle processor time, and can be killed at any moment. What it
says is a JSON object a line, whose fields add up:

    {"seq": 41000, "keys": 1000}       how far it has come
    {"alarm": "..."}                   the fold differs from what the server recorded
    {"trouble": "..."}                 pruning or packing did not go on
    {"snapshot_seq": 41000}            there is a snapshot, whole and read back
    {"rdb_bytes": 12345}               Redis's own file is written too (rdb-compat)
    {"was_there": true}                it was there before, and was only read back
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
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.app import clock
from joblog.app.collector import paused
from joblog.app.history.proving import ProvenFold
from joblog.app.history.rdb_files import save_rdb
from joblog.app.history.recovery import Recovery
from joblog.app.history.snapshots import encode_blocks, save_blocks
from joblog.app.history.stretches import Stretches, UnnamedKeysError
from joblog.app.slowness import seconds_for, wait_for_reader
from joblog.storage.archiving import find_archived
from joblog.storage.disk import open_disk
from joblog.storage.errors import SnapshotError, StorageError
from joblog.storage.folder import LogFolder, read_chain
from joblog.storage.packing import is_packed, pack_segment
from joblog.storage.retention import (
    Retention,
    find_prunable,
    find_snapshot_seq,
    prune,
    remove_old_snapshots,
    remove_unfinished,
)
from joblog.storage.room import last_bytes, require_room
from joblog.storage.snapshot import verify_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.app.history.recovery import Fold
    from joblog.storage.folder import SegmentInfo

NICENESS = 10
_REPORT_RECORDS = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m joblog.app.history.folding")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--databases", type=int, default=16)
    parser.add_argument("--tidy", action="store_true")
    parser.add_argument("--retention-bytes", type=int, default=0)
    parser.add_argument("--retention-seconds", type=int, default=0)
    parser.add_argument("--only-archived", action="store_true")
    parser.add_argument("--urgent", action="store_true")
    parser.add_argument("--reserve", type=int, default=0)
    parser.add_argument("--pack", action="store_true")
    parser.add_argument("--rdb", type=Path)
    parser.add_argument("--no-checksum", action="store_true")
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
        self._filesystem = open_disk()
        self._folder = LogFolder(options.folder, self._filesystem)
        self._retention = Retention(
            options.retention_bytes, options.retention_seconds, options.urgent
        )

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
            remove_unfinished(self._folder, self._filesystem)
            self._make_room()
            if not self._options.tidy or self._lacks_snapshot():
                fold = self._make_snapshot()
                if self._options.rdb is not None:
                    self._write_rdb(fold or self._fold(self._options.until))
            try:
                self._tidy()
            except BrokenPipeError:
                raise
            except (StorageError, OSError) as error:
                _say(trouble=str(error))
        finally:
            self._filesystem.close(lock)

    def _make_room(self) -> None:
        """Where another snapshot would not fit, let go what does not need one."""
        folder, filesystem = self._folder, self._filesystem
        needed = self._expected_bytes() + self._options.reserve
        if filesystem.room(folder.path).free_bytes >= needed:
            return
        self._prune()
        if filesystem.room(folder.path).free_bytes < needed:
            sound = find_snapshot_seq(folder, filesystem)
            kept = sum(seq >= sound for seq in folder.find_snapshots())
            if kept:  # else there is none
                remove_old_snapshots(folder, filesystem, kept)

    def _expected_bytes(self) -> int:
        """Return how long a snapshot may get: as long as the last one."""
        for seq in self._folder.find_snapshots()[-1:]:
            file = self._filesystem.open_to_read(self._folder.snapshot_path(seq))
            try:
                return self._filesystem.size(file)
            finally:
                self._filesystem.close(file)
        return 0

    def _lacks_snapshot(self) -> bool:
        """Say whether a segment could go if only there were a newer snapshot."""
        chain = read_chain(self._folder, self._filesystem)
        prunable = find_prunable(chain, self._retention, clock.now_ms())
        if self._options.only_archived:
            archived = find_archived(self._folder, self._filesystem)
            prunable = [info for info in prunable if info.first_seq <= archived]
        if not prunable:
            return False
        footer = prunable[-1].footer
        assert footer is not None
        return find_snapshot_seq(self._folder, self._filesystem) < footer.last_seq

    def _make_snapshot(self) -> Fold | None:
        """Fold up to a record, write the state, and read it back.

        Returns:
            The fold; None where the snapshot is there already.
        """
        until_seq = self._options.until
        if not until_seq or self._has_snapshot(until_seq):
            _say(snapshot_seq=until_seq, was_there=True)
            return None
        folder, filesystem = self._folder, self._filesystem
        floor = self._options.reserve
        if self._lacks_snapshot():
            floor = last_bytes(floor)  # it makes more room than it takes
        expected = self._expected_bytes()
        require_room(filesystem, folder.snapshots_path, expected, floor, "a snapshot")
        if self._options.rdb is None and self._fold_in_stretches(until_seq, floor):
            return None
        fold = self._fold(until_seq)
        self._save(encode_blocks(fold.keyspace), until_seq, floor)
        return fold

    def _fold_in_stretches(self, until_seq: int, floor: int) -> bool:
        """Make a snapshot with few keys in memory; say whether that could be."""
        stretches = Stretches(
            self._folder,
            self._filesystem,
            until_seq,
            databases=self._options.databases,
            floor=floor,
            tell=_Told(),
        )
        try:
            blocks = stretches.run()
            self._tell_of_proofs(stretches.proven)
            self._save(blocks, until_seq, floor)
        except BrokenPipeError:
            raise
        except (UnnamedKeysError, SnapshotError, OSError):
            return False  # with all keys in memory it takes less room, or says why not
        finally:
            stretches.close()
        return True

    def _save(
        self, blocks: Iterator[tuple[bytes, int]], until_seq: int, floor: int
    ) -> None:
        info = save_blocks(
            self._folder,
            self._filesystem,
            blocks,
            until_seq,
            clock.now_ms(),
            wait=self._wait if self._options.key_delay else None,
            floor=floor,
        )
        verify_snapshot(self._filesystem, info.path)
        _say(snapshot_seq=until_seq, keys=info.keys)

    def _write_rdb(self, fold: Fold) -> None:
        """Write Redis's file too, for whoever copies it."""
        filesystem, path = self._filesystem, self._options.rdb
        expected = path.stat().st_size if path.exists() else 0
        floor = self._options.reserve
        require_room(filesystem, path.parent, expected, floor, path.name)
        save_rdb(
            filesystem,
            path,
            fold.keyspace,
            has_checksum=not self._options.no_checksum,
            look=lambda: _say(seq=fold.last_seq),
        )
        _say(rdb_bytes=path.stat().st_size)

    def _wait(self, keys: int) -> None:
        seconds = seconds_for(self._options.key_delay, keys)
        wait_for_reader(seconds, sys.stdout.fileno())

    def _has_snapshot(self, seq: int) -> bool:
        """Say whether there is a snapshot of a record, and it is sound."""
        if seq not in self._folder.find_snapshots():
            return False
        try:
            verify_snapshot(self._filesystem, self._folder.snapshot_path(seq))
        except SnapshotError:
            return False  # it is made anew
        return True

    def _fold(self, until_seq: int) -> Fold:
        """Return the state after a record; say where memory was another on the way."""
        recovery = Recovery(
            self._folder.path,
            self._filesystem,
            self._options.databases,
            until_seq,
            packs_hashes=True,
        )
        end = recovery.begin()
        fold = recovery.fold
        _say(seq=fold.last_seq, keys=recovery.keys)
        proven = ProvenFold(fold, self._folder, self._filesystem)
        tell = _Told()
        with paused():
            for records in proven.batches(end, until_seq):
                fold.apply(records)
                tell(fold.last_seq)
        self._tell_of_proofs(proven)
        if fold.last_seq != until_seq:
            raise StorageError(
                f"{self._folder.path}: the log ends with seq {fold.last_seq}, "
                f"expected {until_seq}"
            )
        return fold

    def _tell_of_proofs(self, proven: ProvenFold) -> None:
        if proven.differences:
            _say(alarm=proven.differences[0], differences=len(proven.differences))
        _say(proven=proven.checked)

    def _tidy(self) -> None:
        """Prune, pack, and remove old snapshots."""
        folder, filesystem = self._folder, self._filesystem
        self._prune()
        remove_old_snapshots(folder, filesystem, self._options.keep)
        if not self._options.pack:
            return
        floor = last_bytes(self._options.reserve)
        for info in self._find_packable():
            if not is_packed(filesystem, info.path):
                needed = info.size_bytes
                require_room(filesystem, folder.log_path, needed, floor, "packing")
            size = pack_segment(filesystem, info.path)
            _say(packed=[info.first_seq, size])

    def _find_packable(self) -> list[SegmentInfo]:
        """Return the sealed segments that nobody else has to see as they are."""
        chain = read_chain(self._folder, self._filesystem)
        if self._options.only_archived:
            archived = find_archived(self._folder, self._filesystem)
            chain = [info for info in chain if info.first_seq <= archived]
        return [info for info in chain if info.is_sealed]

    def _prune(self) -> None:
        for info in prune(
            self._folder,
            self._filesystem,
            self._retention,
            clock.now_ms(),
            only_archived=self._options.only_archived,
        ):
            assert info.footer is not None
            _say(first_seq=info.footer.last_seq + 1)


class _Told:
    """Says how far a fold has come, now and then."""

    def __init__(self) -> None:
        self._seq = 0

    def __call__(self, seq: int) -> None:
        if seq - self._seq >= _REPORT_RECORDS:
            self._seq = seq
            _say(seq=seq)


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    sys.exit(main())
