import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.blame import find_blame
from joblog.replay.keys.slices import NoSliceError
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History


def blames(folder, key, until_seq=None):
    index = LogIndex(folder, FileSystem())
    owners = find_blame(
        index, lambda _: None, (0, key), (0, until_seq or index.last_seq)
    )
    index.close()
    return owners


def written(tmp_path, *lines):
    """Run commands; return the number of each one's record."""
    history = History(tmp_path)
    session = history.connect()
    seqs = []
    for line in lines:
        history.run(session, line)
        seqs.append(history.log.last_seq)
    history.close()
    return seqs


def owners(tmp_path, key):
    return {
        (blame.place, blame.content): blame.record and blame.record.seq
        for blame in blames(tmp_path, key).blames()
    }


def test_each_field_has_the_record_that_set_it_last(tmp_path):
    first, second, _, third = written(
        tmp_path, "HSET h a 1 b 1", "HSET h b 2 c 3", "HDEL h c", "HINCRBY h a 4"
    )

    assert owners(tmp_path, b"h") == {(b"a", b"5"): third, (b"b", b"2"): second}
    assert first < second


def test_each_member_has_the_record_that_added_it(tmp_path):
    first, second, _, third = written(
        tmp_path, "SADD s a b", "SADD s b c", "SREM s a", "SADD s a"
    )

    found = owners(tmp_path, b"s")

    assert found == {(b"a", None): third, (b"b", None): first, (b"c", None): second}


def test_elements_of_a_list_keep_their_records_as_they_move(tmp_path):
    first, second, third, _, fourth = written(
        tmp_path, "RPUSH l b", "LPUSH l a", "RPUSH l b c", "LPOP l", "LSET l 1 B"
    )

    assert owners(tmp_path, b"l") == {
        (0, b"b"): first,
        (1, b"B"): fourth,
        (2, b"c"): third,
    }
    assert first < second


def test_deadline_has_the_record_that_set_it(tmp_path):
    _, second, _ = written(tmp_path, "SET k 1", "PEXPIRE k 100000", "APPEND k 2")

    assert blames(tmp_path, b"k").deadline.seq == second
    assert list(owners(tmp_path, b"k").values()) == [second + 1]


def test_missing_key_has_nobody_to_blame(tmp_path):
    written(tmp_path, "SET k 1", "DEL k")

    assert blames(tmp_path, b"k").version is None
    assert blames(tmp_path, b"other").version is None


def test_key_that_nothing_changed_is_told_and_blames_nobody(tmp_path):
    seqs = written(tmp_path, "HSET h a 1", "SET other 1", "SET other 2")

    def blame(*words):
        asked = ["blame", str(tmp_path), *words]
        return CliRunner().invoke(main, asked, catch_exceptions=False)

    # It was there before the range, and nothing in the range changed it.
    before = blame("h", "--since", f"@{seqs[0]}")
    assert (before.exit_code, before.stdout) == (0, "a\t1\t-\t-\t-\t-\n")
    [facts] = map(
        json.loads, blame("h", f"@{seqs[0]}..", "--json").stdout.split("\n")[:-1]
    )
    assert facts == {"place": "a", "value": "1", "record": None}
    # Nothing ever changed it: it is not there.
    never = blame("nothing")
    assert (never.exit_code, never.stdout) == (1, "")
    assert "nothing is missing at seq" in never.stderr


def test_long_history_is_followed_back_as_far_as_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.replay.keys.blame._FIRST_RECORDS", 3)
    seqs = written(tmp_path, "HSET h old 1", *[f"HSET h new {n}" for n in range(60)])

    assert owners(tmp_path, b"h") == {
        (b"old", b"1"): seqs[0],
        (b"new", b"59"): seqs[-1],
    }


LINES = ["RPUSH l {}", "LPUSH l {}", "LPOP l", "RPOP l", "LREM l 1 {}", "LSET l 0 {}"]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.builds(str.format, st.sampled_from(LINES), st.sampled_from("abc")),
        max_size=25,
    )
)
def test_elements_of_a_list_are_those_that_its_record_brought(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("log")
    history = History(folder)
    session = history.connect()
    for line in lines:
        history.engine.run(session, [line.encode().split()])
        history.write()
    history.close()

    found = blames(folder, b"l", history.log.last_seq or 1)

    for blame in found.blames():
        assert any(blame.content in argv for argv in blame.record.effects)


ON_ONE_KEY = [
    *("LPUSH {k} {e} {f}", "RPUSH {k} {e}", "LPOP {k}", "RPOP {k}", "LPOP {k} 2"),
    *("RPOP {k} 2", "RPOPLPUSH {k} {o}", "RPOPLPUSH {o} {k}", "RPOPLPUSH {k} {k}"),
    *("LMOVE {o} {k} LEFT LEFT", "LMOVE {k} {o} RIGHT LEFT", "LREM {k} 0 {e}"),
    *("LPUSHX {k} {e}", "LSET {k} 0 {e}", "DEL {k}", "LINSERT {k} BEFORE {e} {f}"),
    *("HSET h{k} {e} 1 {f} {e}", "HDEL h{k} {e}", "HINCRBY h{k} n 1", "DEL h{k}"),
    *("SADD s{k} {e} {f}", "SREM s{k} {e} {f}", "SMOVE s{o} s{k} {e}"),
    *("ZADD z{k} 1 {e} 2 {f}", "ZADD z{k} -0 {e} 0 {f}", "ZINCRBY z{k} 1 {e}"),
    *("ZREM z{k} {e}", "ZPOPMIN z{k}", "ZADD z{k} 0 {e} -0 {f}"),
    *("EXPIRE {k} 100", "PERSIST h{k}", "EXPIRE h{k} 90", "RENAME {o} {k}"),
    *("HPEXPIRE h{k} 5000 FIELDS 1 {e}", "COPY {o} {k} REPLACE", "SET {k} {e}"),
    *("MULTI", "EXEC"),
]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda line, k, o, e, f: line.format(k=k, o=o, e=e, f=f),
            st.sampled_from(ON_ONE_KEY),
            *[st.sampled_from("kko")] * 2,
            *[st.sampled_from("aab")] * 2,
        ),
        min_size=5,
        max_size=60,
    )
)
def test_glance_sees_what_whole_values_tell(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("log")
    history = History(folder)
    session = history.connect()
    for line in lines:
        history.engine.run(session, [line.encode().split()])
        history.write()
    history.close()

    def told():
        found = [blames(folder, name + b"k") for name in (b"", b"h", b"s", b"z")]
        return [(each.version, each.deadline, each.blames()) for each in found]

    quick = told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.replay.keys.blame.glance", lambda *_: None)
        assert quick == told()
        patch.setattr("joblog.replay.keys.blame.Slice", refuse_slices)
        assert quick == told()


def refuse_slices(*_):
    raise NoSliceError
