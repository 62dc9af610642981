"""A snapshot and the log's tail give what the whole log gives, to the last detail."""

import random
import shutil
from pathlib import Path

import msgpack
import pytest

from joblog.app.history.recovery import Fold, Recovery
from joblog.app.history.snapshots import encode_blocks, load_blocks, save_snapshot
from joblog.app.keyspace.digest import dataset_digest
from joblog.app.keyspace.keyspace import Keyspace
from joblog.storage.errors import (
    CorruptLogError,
    NewerFormatError,
    PrunedError,
    SnapshotAheadError,
    SnapshotError,
)
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records
from joblog.storage.snapshot import (
    NO_LINK,
    SnapshotHeader,
    SnapshotReader,
    write_snapshot,
)
from tests.replay.histories import History
from tests.support.keyspaces import WITH_FIELD_DEADLINES, state_of

DISK = FileSystem()
HEADER = SnapshotHeader(7, 1, b"l" * 16, 1, 99, b"d" * 32, NO_LINK, 2)


def make_history(folder, *lines, segment_bytes_max=1 << 20):
    history = History(folder, segment_bytes_max)
    session = history.connect()
    history.run(session, *lines)
    return history, session


def snapshot(folder, seq):
    """Fold up to a record and write the snapshot of it."""
    fold = Fold()
    fold.apply(read_records(folder, filesystem=DISK, until_seq=seq))
    return save_snapshot(LogFolder(folder, DISK), DISK, fold.keyspace, seq, 1)


def recover(folder, until_seq=None):
    recovery = Recovery(folder, DISK, until_seq=until_seq)
    for _ in recovery.steps():
        pass
    return recovery


def reload_keyspace(keyspace, folder):
    path = Path(folder) / f"{7:020d}.snap"
    write_snapshot(DISK, path, HEADER, encode_blocks(keyspace))
    reader = SnapshotReader(DISK, path)
    try:
        return Fold.from_snapshot(reader).keyspace
    finally:
        reader.close()


def test_values_of_every_type_come_back_as_they_were(tmp_path):
    history, _ = make_history(tmp_path / "data", *WITH_FIELD_DEADLINES)
    keyspace = history.engine.keyspace
    keyspace.libraries[b"lib"] = b"#!lua name=lib\n..."

    again = reload_keyspace(keyspace, tmp_path)

    assert state_of(again) == state_of(keyspace)
    assert dataset_digest(again) == dataset_digest(keyspace)
    history.close()


def test_every_cut_into_snapshot_and_tail_gives_the_same_state(tmp_path):
    folder = tmp_path / "data"
    history, _ = make_history(folder, *WITH_FIELD_DEADLINES, segment_bytes_max=700)
    history.log.sync()
    whole = Fold()
    whole.apply(read_records(folder, filesystem=DISK))
    assert len(history.log.segments) > 2

    for seq in range(1, history.log.last_seq + 1):
        info = snapshot(folder, seq)
        recovery = recover(folder)

        assert recovery.snapshot == info.path
        assert recovery.rejected == []
        assert recovery.fold.last_seq == history.log.last_seq
        assert recovery.fold.records == history.log.last_seq - seq
        assert state_of(recovery.fold.keyspace) == state_of(whole.keyspace)
        info.path.unlink()
    history.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_keyspaces_come_back_as_they_were(tmp_path, seed):
    chance = random.Random(seed)
    history, session = make_history(tmp_path / "data", "SET first 1")
    for _ in range(600):
        key, word, number = (chance.randrange(n) for n in (40, 30, 1000))
        line = chance.choice(
            [
                f"SET s{key} {word} PX {number * 1000 + 1}",
                f"SADD set{key % 5} {word}",
                f"SREM set{key % 5} {word}",
                f"ZADD z{key % 5} {number / 7} {word}",
                f"ZREM z{key % 5} {word}",
                f"HSET h{key % 5} {word} {number}",
                f"HDEL h{key % 5} {word}",
                f"RPUSH l{key % 5} {word}",
                f"LPOP l{key % 5}",
                f"XADD x{key % 3} * f{word % 2} {number}",
                f"XTRIM x{key % 3} MAXLEN 20",
                f"DEL s{key}",
                f"SELECT {key % 4}",
            ]
        )
        history.run(session, line)

    again = reload_keyspace(history.engine.keyspace, tmp_path)

    assert state_of(again) == state_of(history.engine.keyspace)
    history.close()


def test_large_values_do_not_make_large_blocks(tmp_path):
    keyspace = Keyspace()
    values = keyspace.databases[0].values
    for number in range(20):
        values[b"%d" % number] = b"x" * 1_000_000
    for number in range(9000):
        values[b"small:%d" % number] = b""

    blocks = list(encode_blocks(keyspace))

    assert max(len(payload) for payload, _ in blocks) < 6_000_000
    assert sum(keys for _, keys in blocks) == 9020
    assert state_of(reload_keyspace(keyspace, tmp_path)) == state_of(keyspace)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param(msgpack.packb([9, 1]), "no kind of block", id="unknown block"),
        pytest.param(b"\xc1", "no keys", id="no msgpack"),
        pytest.param(
            msgpack.packb([1, 0, [b"k"], b"\x09", [[]], [], []]), "9", id="unknown kind"
        ),
        pytest.param(
            msgpack.packb([1, 0, [b"k", b"j"], b"", [b"v"], [], []]),
            "shorter",
            id="a value is missing",
        ),
        pytest.param(
            msgpack.packb([1, 99, [b"k"], b"", [b"v"], [], []]),
            "'databases' setting",
            id="no such database",
        ),
        pytest.param(
            msgpack.packb([1, 0, [b"k", b"k"], b"", [b"v", b"w"], [], []]),
            "1 keys, expected 2",
            id="a key comes twice",
        ),
    ],
)
def test_a_sound_file_that_holds_nonsense_is_refused(tmp_path, payload, text):
    path = tmp_path / f"{7:020d}.snap"
    write_snapshot(DISK, path, HEADER, [(payload, 2)])
    reader = SnapshotReader(DISK, path)

    with pytest.raises(SnapshotError, match=text):
        list(load_blocks(Keyspace(), reader))
    reader.close()


# --- which snapshot a start begins with -----------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Return a data folder of three segments and more."""
    folder = tmp_path / "data"
    history, _ = make_history(folder, *WITH_FIELD_DEADLINES, segment_bytes_max=700)
    history.close()
    return folder


def segment_starts(folder):
    return LogFolder(folder, DISK).find_segments()


def state_at(folder, until_seq=None):
    fold = Fold()
    fold.apply(read_records(folder, filesystem=DISK, until_seq=until_seq))
    return state_of(fold.keyspace)


def damage(path, offset=200):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_damaged_snapshot_is_passed_over_for_an_older_one(folder):
    older, newer = snapshot(folder, 5), snapshot(folder, 9)
    damage(newer.path)

    recovery = recover(folder)

    assert recovery.snapshot == older.path
    assert "damaged snapshot" in recovery.rejected[0]
    assert newer.path.name in recovery.rejected[0]
    assert state_of(recovery.fold.keyspace) == state_at(folder)


def test_damage_at_a_snapshots_end_leaves_nothing_of_it(folder):
    newer = snapshot(folder, 9)
    damage(newer.path, newer.size_bytes - 1)

    recovery = recover(folder)

    assert recovery.snapshot is None
    assert recovery.fold.records == recovery.fold.last_seq
    assert state_of(recovery.fold.keyspace) == state_at(folder)


def test_the_past_begins_with_a_snapshot_before_it(folder):
    snapshot(folder, 5)
    snapshot(folder, 9)

    recovery = recover(folder, until_seq=8)

    assert recovery.fold.last_seq == 8
    assert recovery.fold.records == 3
    assert state_of(recovery.fold.keyspace) == state_at(folder, 8)


def test_a_pruned_log_is_folded_from_a_snapshot(folder):
    starts = segment_starts(folder)
    whole = state_at(folder)
    for place, seq in ((1, starts[1] - 1), (2, starts[2] - 1), (2, starts[2])):
        info = snapshot(folder, seq) if place == 1 else None
        for first in segment_starts(folder):
            if first < starts[place]:
                (folder / "log" / f"{first:020d}.log").unlink()
        if info is not None:
            assert state_of(recover(folder).fold.keyspace) == whole
            fold = recover(folder, until_seq=starts[2]).fold
            save_snapshot(LogFolder(folder, DISK), DISK, fold.keyspace, starts[2], 1)
        assert state_of(recover(folder).fold.keyspace) == whole


def test_a_pruned_log_without_a_sound_snapshot_is_refused(folder):
    starts = segment_starts(folder)
    info = snapshot(folder, starts[1] - 1)
    (folder / "log" / f"{1:020d}.log").unlink()
    damage(info.path)

    with pytest.raises(PrunedError, match=r"damaged snapshot.*bring a snapshot back"):
        recover(folder)
    info.path.unlink()
    with pytest.raises(PrunedError, match="there is no snapshot"):
        recover(folder)


def test_a_gap_between_snapshot_and_log_is_refused(folder):
    starts = segment_starts(folder)
    snapshot(folder, starts[1] - 1)
    for first in starts[:2]:
        (folder / "log" / f"{first:020d}.log").unlink()

    with pytest.raises(PrunedError, match="the records between are pruned"):
        recover(folder)


@pytest.mark.parametrize("where", ["an earlier segment", "the last segment"])
def test_a_snapshot_newer_than_the_log_stops_the_start(folder, tmp_path, where):
    starts = segment_starts(folder)
    last = max(r.seq for r in read_records(folder, filesystem=DISK))
    snapshot(folder, last)
    path = folder / "log" / f"{starts[-1]:020d}.log"
    if where == "the last segment":
        path.write_bytes(path.read_bytes()[:-60])
    else:
        path.unlink()

    with pytest.raises(
        SnapshotAheadError, match=r"newer than the log.*bring them back"
    ):
        recover(folder)


def test_a_snapshot_of_another_log_is_passed_over(folder, tmp_path):
    other, _ = make_history(tmp_path / "other", *WITH_FIELD_DEADLINES)
    other.close()
    foreign = snapshot(tmp_path / "other", 9)
    (folder / "snapshots").mkdir()
    shutil.copy(foreign.path, folder / "snapshots")

    recovery = recover(folder)

    assert "of another log" in recovery.rejected[0]
    assert state_of(recovery.fold.keyspace) == state_at(folder)


def test_a_snapshot_of_another_history_of_the_same_log_is_passed_over(folder):
    info = snapshot(folder, 9)
    reader = SnapshotReader(DISK, info.path)
    blocks = [(payload, 0) for payload in reader.blocks()]
    reader.close()
    header = info.header._replace(digest=b"\1" * 32)
    write_snapshot(DISK, info.path, header, blocks)

    recovery = recover(folder)

    assert "is not the one that the snapshot was folded from" in recovery.rejected[0]
    assert recovery.snapshot is None


def test_a_snapshot_of_a_newer_format_stops_the_start(folder):
    info = snapshot(folder, 9)
    data = bytearray(info.path.read_bytes())
    data[8] = 7
    info.path.write_bytes(data)

    with pytest.raises(NewerFormatError, match="format version 7"):
        recover(folder)


def test_half_a_snapshot_is_no_snapshot(folder):
    info = snapshot(folder, 9)
    info.path.rename(info.path.with_name(f"{info.path.name}.new"))

    assert recover(folder).snapshot is None


def test_damage_in_the_log_is_damage_with_a_snapshot_too(folder):
    starts = segment_starts(folder)
    snapshot(folder, starts[1] - 1)
    damage(folder / "log" / f"{starts[1]:020d}.log", 120)

    with pytest.raises(CorruptLogError, match="damaged frame"):
        recover(folder)


def test_a_record_that_cannot_be_applied_stops_the_fold_and_is_named(tmp_path):
    history, _ = make_history(tmp_path / "data", "SET k v")
    history.write(
        (1, 0, [[b"LPUSH", b"k", b"x"]], 7), (2, 0, [[b"SET", b"a", b"b"]], 7)
    )
    seq = history.log.last_seq - 1
    history.close()
    fold = Fold()

    with pytest.raises(CorruptLogError, match=f"record {seq} cannot be applied"):
        fold.apply(read_records(tmp_path / "data", filesystem=DISK))

    assert b"a" not in fold.keyspace.databases[0].values
    with pytest.raises(CorruptLogError, match=f"record {seq} cannot be applied"):
        recover(tmp_path / "data")
