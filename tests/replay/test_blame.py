import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.blame import find_blame
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
