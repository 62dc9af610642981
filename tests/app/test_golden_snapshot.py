"""The golden snapshot of format version 1: today's reader reads it, for ever.

tests/data/snapshot-v1 is never changed: a log, and a snapshot of its state after record
22, written by `write_golden`. A new format version adds a golden folder beside it.
"""

import shutil
from contextlib import closing
from pathlib import Path

import msgpack

from joblog.app.history.recovery import Fold, Recovery
from joblog.app.history.snapshots import save_snapshot
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records
from joblog.storage.snapshot import SnapshotReader, verify_snapshot
from tests.replay.histories import START_MS, History
from tests.support.keyspaces import EVERY_TYPE, state_of

GOLDEN = Path(__file__).parents[1] / "data" / "snapshot-v1"
SEQ = 22
SET_KIND = 2
DISK = FileSystem()
LIBRARY = "#!lua name=golden\nredis.register_function('f', function() return 1 end)"


def write_golden(folder):
    history = History(folder)
    history.run(
        history.connect(),
        [b"FUNCTION", b"LOAD", LIBRARY.encode()],
        *EVERY_TYPE,
        "DEL s",
    )
    history.close()
    return save_golden(folder)


def save_golden(folder):
    fold = Fold()
    fold.apply(read_records(folder, filesystem=DISK, until_seq=SEQ))
    return save_snapshot(
        LogFolder(folder, DISK), DISK, fold.keyspace, SEQ, START_MS + 1000
    )


def test_the_golden_snapshot_gives_what_its_log_gives():
    whole = Fold()
    whole.apply(read_records(GOLDEN, filesystem=DISK))

    recovery = Recovery(GOLDEN, DISK)
    for _ in recovery.steps():
        pass

    assert recovery.snapshot == GOLDEN / "snapshots" / f"{SEQ:020d}.snap"
    assert recovery.rejected == []
    assert recovery.fold.records > 0
    assert state_of(recovery.fold.keyspace) == state_of(whole.keyspace)
    assert recovery.fold.keyspace.libraries == {b"golden": LIBRARY.encode()}


def test_the_golden_snapshot_is_sound():
    info = verify_snapshot(DISK, GOLDEN / "snapshots" / f"{SEQ:020d}.snap")

    assert info.keys == 11
    assert info.header.made_at_ms == START_MS + 1000


def blocks_in(path):
    with closing(SnapshotReader(DISK, path)) as reader:
        return [msgpack.unpackb(payload) for payload in reader.blocks()]


def test_the_same_state_is_written_as_the_same_blocks(tmp_path):
    shutil.copytree(GOLDEN / "log", tmp_path / "log")

    info = save_golden(tmp_path)

    golden = blocks_in(GOLDEN / "snapshots" / f"{SEQ:020d}.snap")
    for block in golden:
        for kind, value in zip(block[3], block[4], strict=True) if block[2:] else ():
            if kind == SET_KIND:
                value[1] = None  # the places of members, which sets had once
    assert blocks_in(info.path) == golden


def test_the_same_state_is_written_as_the_same_bytes_each_time(tmp_path):
    shutil.copytree(GOLDEN / "log", tmp_path / "log")
    first = save_golden(tmp_path).path.read_bytes()

    assert save_golden(tmp_path).path.read_bytes() == first
