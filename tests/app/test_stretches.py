"""A fold in stretches comes to what a fold of everything comes to, byte for byte."""

import random
import shutil
from collections import Counter

import pytest

from joblog.app.engine.proofs import Prover, whole_digest
from joblog.app.history.folding import main
from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import encode_blocks, save_snapshot
from joblog.app.history.stretches import Stretches, UnnamedKeysError
from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.replay.test_slices import LINES, NAMES
from tests.support.encrypted import KEYS
from tests.support.keyspaces import WITH_FIELD_DEADLINES

DISK = FileSystem()
LIBRARY = b"#!lua name=%b\nredis.register_function('f%b', function() return 1 end)"
ALONE = [line for line in LINES if not line.startswith("SORT")]
KEYS_AND_MORE = [
    "SET {} x PX 5",
    "SET {} x PX 100000",
    "PEXPIRE h{} 20",
    "HPEXPIRE h{} 5 FIELDS 1 f",
    "HPEXPIRE h{} 100000 FIELDS 1 n",
    "COPY h{} h{} REPLACE",
    "RENAME h{} {}",
    "MOVE h{} 1",
    "SWAPDB 1 2",
    "FLUSHALL",
    "MULTI",
    "EXEC",
    "EXEC",
    "XTRIM x{} MAXLEN 2",
    "SORT l{} ALPHA DESC STORE {}",
    "XDEL x{} 0-1",
    "LOAD {}",
    "FUNCTION DELETE {}",
    *["PROVE"] * 4,
    *["STEP"] * 12,
]


def random_steps(chance, many):
    """Return lines of every kind, and how long to wait before each."""
    names = [*NAMES, *"defghijk"]
    kinds = [*ALONE, *KEYS_AND_MORE, *WITH_FIELD_DEADLINES]
    rare = {"FLUSHALL", "FLUSHDB"}
    for _ in range(many):
        line = chance.choice(kinds)
        if line in rare and chance.random() < 0.8:
            continue
        words = [chance.choice(names) for _ in range(4)]
        yield line.format(*words), chance.choice([0, 0, 0, 3, 10])


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("joblog.storage.reader._AT_ONCE", 2)


def write_history(folder, steps, segment_bytes_max=3000):
    """Write a log of some steps, proofs and digests at seals included."""
    history = History(folder, segment_bytes_max=segment_bytes_max)
    engine, session = history.engine, history.connect()
    prover = Prover(engine.context, engine.outbox)
    history.log.keyspace_digest = lambda: whole_digest(engine.keyspace)
    for line, pause_ms in steps:
        history.clock.at_ms += pause_ms
        engine.context.read_clock()
        name, *words = line.split()
        if name == "PROVE":
            prover.begin()
        if name in ("PROVE", "STEP"):
            prover.step()
        elif name == "LOAD":
            word = words[0].encode()
            source = LIBRARY % (word, word)
            engine.run(session, [[b"FUNCTION", b"LOAD", b"REPLACE", source]])
        else:
            engine.run(session, [line.encode().split()])
        history.write()
    history.close()
    return history.log.last_seq


def fold(folder, until_seq, held_bytes=0):
    """Return the blocks of a fold in stretches, and the fold."""
    stretches = Stretches(
        LogFolder(folder, DISK), DISK, until_seq, held_bytes=held_bytes
    )
    try:
        return list(stretches.run()), stretches
    finally:
        stretches.close()


def whole(folder, until_seq):
    return list(encode_blocks(recover(folder, DISK, until_seq=until_seq).keyspace))


def keep_snapshot(folder, until_seq):
    keyspace = recover(folder, DISK, until_seq=until_seq).keyspace
    save_snapshot(LogFolder(folder, DISK), DISK, keyspace, until_seq, 1)


@pytest.mark.parametrize("seed", range(12))
def test_stretches_come_to_the_same(tmp_path, seed):
    chance = random.Random(seed)
    last_seq = write_history(tmp_path, random_steps(chance, 250))
    middle = chance.randint(1, last_seq - 1)
    LogFolder(tmp_path, DISK).make_snapshots()
    merged = Counter()

    for until_seq in (middle, last_seq):
        expected = whole(tmp_path, until_seq)
        for held_bytes in (0, 1500, 1 << 20):
            blocks, stretches = fold(tmp_path, until_seq, held_bytes)
            assert blocks == expected
            assert stretches.proven.differences == []
            merged[held_bytes] += stretches.merged
        keep_snapshot(tmp_path, until_seq)
        assert LogFolder(tmp_path, DISK).find_new_snapshots() == []
    assert merged[0] > merged[1500] > merged[1 << 20] == 0


def test_blocks_are_cut_where_those_of_a_whole_fold_are(tmp_path, monkeypatch):
    for module in ("merging", "snapshots"):
        monkeypatch.setattr(f"joblog.app.history.{module}.BLOCK_KEYS", 7)
        monkeypatch.setattr(f"joblog.app.history.{module}.BLOCK_BYTES", 300)
    chance = random.Random(1)
    last_seq = write_history(tmp_path, random_steps(chance, 400))
    LogFolder(tmp_path, DISK).make_snapshots()

    blocks, stretches = fold(tmp_path, last_seq)

    assert stretches.merged > 5
    assert len(blocks) > 5
    assert blocks == whole(tmp_path, last_seq)


def proven_steps():
    """Return steps with a round of proofs that begins where there are many keys."""
    sets = [(f"SET key:{n} {n}", 0) for n in range(600)]
    changes = [(f"APPEND key:{n} x", 0) for n in range(0, 600, 50)]
    return [*sets, ("PROVE", 0), *changes, *[("STEP", 0)] * 2, *changes, ("STEP", 0)]


def test_proofs_are_compared_where_few_keys_are_in_memory(tmp_path):
    last_seq = write_history(tmp_path, proven_steps(), 1 << 20)
    LogFolder(tmp_path, DISK).make_snapshots()

    blocks, stretches = fold(tmp_path, last_seq)

    assert blocks == whole(tmp_path, last_seq)
    assert stretches.proven.checked == 3
    assert stretches.proven.differences == []


def test_memory_that_was_other_than_the_log_is_found(tmp_path):
    history = History(tmp_path)
    engine, session = history.engine, history.connect()
    prover = Prover(engine.context, engine.outbox)
    history.run(session, *(f"SET key:{n} {n}" for n in range(600)))
    engine.keyspace.databases[0].values[b"key:250"] = b"flipped"
    prover.begin()
    for _ in range(4):
        prover.step()
        history.write()
    history.close()
    LogFolder(tmp_path, DISK).make_snapshots()

    _, stretches = fold(tmp_path, history.log.last_seq)

    assert stretches.proven.checked == 3
    assert len(stretches.proven.differences) == 1
    assert "key:250" not in stretches.proven.differences[0]
    assert "key:200" in stretches.proven.differences[0]


def test_digest_at_a_seal_is_compared_where_few_keys_are_in_memory(tmp_path):
    steps = [(f"SET key:{n % 20} {n}", 0) for n in range(200)]
    last_seq = write_history(tmp_path, steps, 1500)
    LogFolder(tmp_path, DISK).make_snapshots()

    for held_bytes in (0, 1000):
        _, stretches = fold(tmp_path, last_seq, held_bytes)
        assert len(stretches.proven.seals) > 3
        assert stretches.proven.differences == []


def test_effect_that_reads_what_it_does_not_name_needs_all_keys(tmp_path):
    steps = ["MSET w1 2 w2 1", "RPUSH l 1 2", "SORT l BY w* STORE m", "SET a 1"]
    last_seq = write_history(tmp_path, [(line, 0) for line in steps])
    LogFolder(tmp_path, DISK).make_snapshots()
    with pytest.raises(UnnamedKeysError):
        fold(tmp_path, last_seq)

    assert main([str(tmp_path), "--until", str(last_seq)]) == 0

    assert recover(tmp_path, DISK).keyspace.databases[0].values.keys() >= {b"m"}
    assert LogFolder(tmp_path, DISK).find_snapshots() == [last_seq]


def test_log_that_ends_before_the_record_is_no_snapshot(tmp_path):
    last_seq = write_history(tmp_path, [(f"SET key:{n} {n}", 0) for n in range(30)])
    LogFolder(tmp_path, DISK).make_snapshots()

    for held_bytes in (0, 1 << 20):
        with pytest.raises(StorageError, match=f"the log ends with seq {last_seq}"):
            fold(tmp_path, last_seq + 1, held_bytes)
    assert LogFolder(tmp_path, DISK).find_new_snapshots() == []


def test_snapshot_of_the_child_is_that_of_a_whole_fold(tmp_path, monkeypatch):
    last_seq = write_history(tmp_path, random_steps(random.Random(5), 250))
    expected = tmp_path / "whole"
    shutil.copytree(tmp_path, expected, ignore=lambda *_: {"whole", "joblog.lock"})
    (expected / "snapshots").mkdir()
    keep_snapshot(expected, last_seq)
    monkeypatch.setattr("joblog.app.clock.now_ms", lambda: 1)
    monkeypatch.setattr("joblog.app.history.stretches.HELD_BYTES", 0)

    assert main([str(tmp_path), "--until", str(last_seq)]) == 0

    name = f"snapshots/{last_seq:020d}.snap"
    assert (tmp_path / name).read_bytes() == (expected / name).read_bytes()


def test_scratch_files_are_encrypted_where_all_is(tmp_path):
    disk = EncryptedDisk(DISK, KEYS)
    history = History(tmp_path, filesystem=disk)
    session = history.connect()
    history.run(session, *(f"SET key:{n} in-the-clear-{n}" for n in range(50)))
    history.close()
    folder = LogFolder(tmp_path, disk)
    folder.make_snapshots()

    stretches = Stretches(folder, disk, history.log.last_seq, held_bytes=0)
    keys = sum(many for _, many in stretches.run())
    [scratch] = tmp_path.glob("snapshots/*.new")

    assert keys == 50
    assert b"in-the-clear" not in scratch.read_bytes()
    stretches.close()
    assert not scratch.exists()
