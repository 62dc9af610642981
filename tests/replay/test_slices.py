"""A slice of the past is what the whole past has of its keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.past import Past, trace_key
from joblog.replay.keys.slices import NoSliceError, Slice, trace_slice
from joblog.storage.errors import PrunedError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History

NAMES = ["a", "b", "c"]
LINES = [
    "SET {} x",
    "SETEX {} 100 y",
    "APPEND {} z",
    "DEL {} {}",
    "UNLINK {}",
    "MSET {} 1 {} 2",
    "MSETNX {} 1 d 2",
    "RENAME {} {}",
    "RENAMENX {} {}",
    "COPY {} {}",
    "COPY {} {} DB 1 REPLACE",
    "MOVE {} 1",
    "BITOP OR {} {} {}",
    "PERSIST {}",
    "LPUSH l{} 1 2",
    "RPOP l{}",
    "RPOPLPUSH l{} l{}",
    "LMOVE l{} l{} LEFT RIGHT",
    "SORT l{} BY nosort STORE l{}",
    "SADD s{} m n o",
    "SREM s{} m",
    "SMOVE s{} s{} n",
    "SUNIONSTORE s{} s{} s{}",
    "SINTERSTORE s{} s{} s{}",
    "ZADD z{} 1 m 2.5 n",
    "ZPOPMIN z{}",
    "ZUNIONSTORE z{} 2 z{} s{}",
    "HSET h{} f v",
    "HINCRBY h{} n 1",
    "HDEL h{} f",
    "XADD x{} * f v",
    "XGROUP CREATE x{} g 0 MKSTREAM",
    "XREADGROUP GROUP g me STREAMS x{} >",
    "PFADD p{} 1 2",
    "PFMERGE p{} p{}",
    "FLUSHDB",
    "SWAPDB 0 1",
    "SELECT 1",
    "SELECT 0",
]
KEYS = [
    (db, (prefix + name).encode())
    for db in (0, 1)
    for prefix in ("", "l", "s", "z", "h", "x", "p")
    for name in NAMES
]


def write_history(folder, lines, segment_bytes_max=3000):
    history = History(folder, segment_bytes_max=segment_bytes_max)
    session = history.connect()
    for line in lines:
        history.engine.context.read_clock()
        history.engine.run(session, [line.encode().split()])
        history.clock.at_ms += 1
        history.write()
    history.close()
    return history.log.last_seq


def build(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.storage.segment.CHUNK_BYTES", 400)
        patch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
        patch.setattr("joblog.replay.index.checkpoints._LOG_BYTES_A_BYTE", 0)
        build_index(folder, FileSystem(), *[lambda _: None] * 2, 500)


def pasts(folder, last_seq):
    """Return what each key was after each record, by folding all of it."""
    past = Past(folder, FileSystem())
    versions = {}
    for seq in range(last_seq + 1):
        past.go_to(seq)
        versions[seq] = {key: past.version(*key) for key in KEYS}
    past.close()
    return versions


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    lines=st.lists(
        st.builds(str.format, st.sampled_from(LINES), *[st.sampled_from(NAMES)] * 3),
        min_size=1,
        max_size=60,
    ),
    has_index=st.booleans(),
    data=st.data(),
)
def test_slice_is_what_the_whole_past_has(tmp_path_factory, lines, has_index, data):
    folder = tmp_path_factory.mktemp("log")
    last_seq = write_history(folder, lines)
    expected = pasts(folder, last_seq)
    if has_index:
        build(folder)
    index = LogIndex(folder, FileSystem())

    for _ in range(20):
        db, key = data.draw(st.sampled_from(KEYS))
        low = data.draw(st.integers(0, last_seq))
        high = data.draw(st.integers(low, last_seq))
        try:
            few = Slice(index, [key], low, high)
            for seq in range(low, high + 1):
                few.go_to(seq)
                assert few.version(db, key) == expected[seq][db, key], seq
            steps = trace_slice(index, db, key, low, high)
        except NoSliceError:
            continue
        changed = [
            seq
            for seq in range(low + 1, high + 1)
            if expected[seq][db, key] != expected[seq - 1][db, key]
        ]
        assert [step.record.seq for step in steps] == changed
    index.close()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    lines=st.lists(
        st.builds(str.format, st.sampled_from(LINES), *[st.sampled_from(NAMES)] * 3),
        min_size=10,
        max_size=60,
    )
)
def test_past_that_begins_with_a_checkpoint_is_the_same(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("log")
    last_seq = write_history(folder, lines)
    expected = pasts(folder, last_seq)
    build(folder)
    index = LogIndex(folder, FileSystem())

    for seq in range(last_seq + 1):
        past = Past(folder, FileSystem(), bases=index.bases)
        past.go_to(seq)
        assert past.seq == seq
        assert {key: past.version(*key) for key in KEYS} == expected[seq]
        past.close()
    index.close()


def test_slice_of_a_job_needs_its_own_records_only(tmp_path):
    lines = [f"HSET job:{n} state queued" for n in range(50)]
    lines += ["HSET job:7 state done", "DEL job:7 job:8"]
    last_seq = write_history(tmp_path, lines)
    index = LogIndex(tmp_path, FileSystem())

    few = Slice(index, [b"job:7"], 0, last_seq)

    assert few.keys == {b"job:7"}
    assert len(list(few.steps(last_seq))) == 3


def test_slice_has_the_keys_that_its_keys_were_made_from(tmp_path):
    lines = ["RPUSH l1 a b", "RPUSH l0 x", "LMOVE l1 l2 LEFT LEFT", "RENAME l2 l3"]
    last_seq = write_history(tmp_path, lines)
    index = LogIndex(tmp_path, FileSystem())

    few = Slice(index, [b"l3"], 0, last_seq)
    few.go_to(last_seq)

    assert few.keys == {b"l1", b"l2", b"l3"}
    assert few.version(0, b"l3").data == [b"a"]


def test_there_is_no_slice_where_an_effect_reads_what_it_does_not_name(tmp_path):
    last_seq = write_history(
        tmp_path, ["RPUSH l 2 1", "MSET w1 5 w2 6", "SORT l BY w* STORE out"]
    )
    index = LogIndex(tmp_path, FileSystem())
    past = Past(tmp_path, FileSystem())

    steps = list(trace_key(past, 0, b"out", last_seq))

    assert steps[-1].after.data == [b"1", b"2"]
    past.close()
    with pytest.raises(NoSliceError):
        Slice(index, [b"out"], 0, last_seq)


def test_snapshot_at_the_end_leaves_nothing_before_it_without_checkpoints(tmp_path):
    last_seq = write_history(tmp_path, [f"SET key{n} {n}" for n in range(60)])
    keyspace = recover(tmp_path, FileSystem()).keyspace
    log = LogFolder(tmp_path, FileSystem())
    save_snapshot(log, FileSystem(), keyspace, last_seq, 1)

    build(tmp_path)

    found = LogIndex(tmp_path, FileSystem()).bases.find()
    checkpoints = [base.seq for base in found if base.is_checkpoint]
    assert min(checkpoints) < last_seq // 2 < max(checkpoints) <= last_seq


def test_checkpoint_of_another_history_is_not_used(tmp_path):
    last_seq = write_history(tmp_path / "one", ["SET a 1"] * 40)
    write_history(tmp_path / "two", ["SET a 2"] * 40)
    build(tmp_path / "one")
    (tmp_path / "one" / "index").rename(tmp_path / "two" / "index")
    index = LogIndex(tmp_path / "two", FileSystem())

    assert index.bases.find()
    assert index.bases.open(last_seq) is None


def test_damaged_checkpoint_is_passed_over(tmp_path):
    last_seq = write_history(tmp_path, [f"SET key{n} {n}" for n in range(60)])
    build(tmp_path)
    paths = sorted((tmp_path / "index").glob("*.snap"))
    for path in paths[1:]:
        data = bytearray(path.read_bytes())
        data[-80] ^= 1
        path.write_bytes(data)
    index = LogIndex(tmp_path, FileSystem())
    past = Past(tmp_path, FileSystem(), bases=index.bases)

    past.go_to(last_seq)

    assert past.version(0, b"key59").data == b"59"
    assert past.version(0, b"key0").data == b"0"
    past.close()


def test_pruned_log_without_a_snapshot_says_where_it_begins(tmp_path):
    write_history(tmp_path, ["SET a 1"] * 60, segment_bytes_max=500)
    min((tmp_path / "log").glob("*.log")).unlink()
    index = LogIndex(tmp_path, FileSystem())

    with pytest.raises(PrunedError, match="the log starts at seq"):
        index.bases.floor_seq(index.first_seq - 1)
    with pytest.raises(NoSliceError):
        Slice(index, [b"a"], index.last_seq, index.last_seq)
