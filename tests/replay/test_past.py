import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.differences import compare_moments
from joblog.replay.keys.past import Past, trace_key
from joblog.replay.keys.values import FieldDeadline, find_differences, take_version
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    version_facts,
)
from joblog.storage.errors import PrunedError
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History

KEYS = ["a", "b", "c"]
LINES = [
    "SET {} x",
    "SETEX {} 100 y",
    "DEL {}",
    "LPUSH l{} 1 2",
    "RPOP l{}",
    "SADD s{} m n o",
    "SPOP s{}",
    "ZADD z{} 1 m 2.5 n",
    "ZPOPMIN z{}",
    "HSET h{} f v",
    "HDEL h{} f",
    "RENAME {} a",
    "XADD x{} * f v",
    "FLUSHDB",
    "MOVE {} 1",
    "SWAPDB 0 1",
]


def live_versions(history):
    return {
        (database.index, key): take_version(database, key)
        for database in history.engine.keyspace.databases
        for key in database.values
    }


def run_leniently(history, session, line):
    history.engine.context.read_clock()
    history.engine.run(session, [line.encode().split()])
    history.clock.at_ms += 1
    history.write()


@settings(max_examples=20)
@given(
    st.lists(
        st.builds(str.format, st.sampled_from(LINES), st.sampled_from(KEYS)),
        max_size=30,
    )
)
def test_past_is_what_the_live_keyspace_was(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("log")
    history = History(folder)
    session = history.connect()
    moments = {0: {}}
    for line in lines:
        run_leniently(history, session, line)
        moments[history.log.last_seq] = live_versions(history)
    past = Past(folder, FileSystem())

    for seq, live in sorted(moments.items()):
        past.go_to(seq)
        assert past.seq == seq
        assert {
            (database.index, key): take_version(database, key)
            for database in past.databases
            for key in database.values
        } == live

    past.close()
    history.close()


def test_trace_has_each_value_that_a_key_had(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(
        session, "SET a 1", "SET b 1", "SET a 2", "RENAME a b", "SET a 3", "FLUSHALL"
    )
    past = Past(tmp_path, FileSystem())

    steps = list(trace_key(past, 0, b"a", history.log.last_seq))

    values = [step.after and step.after.data for step in steps]
    assert values == [b"1", b"2", None, b"3", None]
    assert [step.before and step.before.data for step in steps] == [
        None,
        *values[:-1],
    ]
    past.close()
    history.close()


def changed_keys(folder, from_seq, until_seq):
    past = Past(folder, FileSystem())
    try:
        return [
            (change.key, change.before is None, change.after is None)
            for change in compare_moments(
                past,
                from_seq,
                until_seq,
                lambda _: True,
                LogIndex(folder, FileSystem()),
            )
        ]
    finally:
        past.close()


def test_comparison_has_only_what_differs_at_the_ends(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "SET a 1", "SET b 1")
    first = history.log.last_seq
    history.run(session, "SET a 2", "SET c 1", "DEL b", "SET d 1", "DEL d", "SET a 1")
    history.close()

    assert changed_keys(tmp_path, first, history.log.last_seq) == [
        (b"b", False, True),
        (b"c", True, False),
    ]


def test_comparison_sees_a_flush_and_a_swap(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "SET a 1", "SET b 1")
    first = history.log.last_seq
    history.run(session, "SWAPDB 0 1", "SET b 1", "FLUSHALL", "SET a 1")
    history.close()

    assert changed_keys(tmp_path, first, history.log.last_seq) == [(b"b", False, True)]


def test_differences_turn_one_version_into_the_other(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "RPUSH l a b c d")
    past = Past(tmp_path, FileSystem())
    past.go_to(history.log.last_seq)
    before = past.version(0, b"l")
    history.run(session, "LPOP l", "RPUSH l e", "LSET l 1 C", "EXPIRE l 100")
    past.go_to(history.log.last_seq)
    after = past.version(0, b"l")

    found = [
        (place, old, new)
        for place, old, new in find_differences(before, after)
        if place != "deadline"
    ]

    assert found == [
        (0, b"a", None),
        (2, b"c", None),
        (1, None, b"C"),
        (3, None, b"e"),
    ]
    assert before.data == [b"a", b"b", b"c", b"d"]
    past.close()
    history.close()


def test_deadlines_of_fields_are_differences_too(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "HSET h a 1 b 2 c 3", "HPEXPIREAT h 9999999999999 FIELDS 1 c")
    past = Past(tmp_path, FileSystem())
    past.go_to(history.log.last_seq)
    before = past.version(0, b"h")
    history.run(session, "HPEXPIREAT h 9999999999998 FIELDS 1 a", "HDEL h c")
    past.go_to(history.log.last_seq)
    after = past.version(0, b"h")

    found = list(find_differences(before, after))

    assert found == [
        (b"c", b"3", None),
        (FieldDeadline(b"a"), None, b"9999999999998"),
    ]
    assert difference_lines("hash", found) == [
        ("-", "c: 3"),
        ("+", "a expires: 2286-11-20T17:46:39.998+00:00"),
    ]
    assert difference_facts(found)[1] == {"deadline_of": "a", "after": "9999999999998"}
    assert version_facts(after)["fields_expire_at_ms"] == {"a": 9999999999998}
    past.close()
    history.close()


def test_past_of_a_pruned_log_is_refused(tmp_path):
    history = History(tmp_path, segment_bytes_max=300)
    session = history.connect()
    for number in range(20):
        history.run(session, f"SET key {number}")
    history.close()
    min((tmp_path / "log").glob("*.log")).unlink()

    past = Past(tmp_path, FileSystem())

    with pytest.raises(PrunedError):
        past.go_to(20)
