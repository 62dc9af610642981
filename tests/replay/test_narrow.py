"""What a few keys are asked, or undone, is what all of the past would have said."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.bisecting.bisection import Asker
from joblog.replay.bisecting.conditions import ConditionError, Shape, make_condition
from joblog.replay.bisecting.narrow import NarrowAsker
from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.past import Past
from joblog.replay.keys.slices import NoSliceError
from joblog.replay.undoing.reverting import Scope, plan_revert
from joblog.storage.filesystem import FileSystem
from tests.replay.test_bisect import write_log
from tests.replay.test_slices import LINES, NAMES, build, write_history

HISTORIES = st.lists(
    st.builds(str.format, st.sampled_from(LINES), *[st.sampled_from(NAMES)] * 3),
    min_size=1,
    max_size=60,
)
CONDITIONS = [
    "EXISTS a la sb",
    "LRANGE la 0 -1",
    "GET a",
    "DBSIZE",
    "return redis.call('LLEN', 'la') < 4",
    "return redis.call('TYPE', 'b')['ok'] ~= 'string'",
    (
        "local n = redis.call('LINDEX', 'lb', 0) or 'a'\n"
        "return redis.call('EXISTS', 's' .. n)"
    ),
    "redis.call('SELECT', 1)\nreturn redis.call('HGET', 'ha', 'f')",
    "return redis.pcall('GET', 'la')['err'] == nil",
    "return #redis.call('KEYS', 'z*') < 2",
    "return redis.call('ZSCORE', 'za', 'm') == redis.call('TIME')[1]",
    "return redis.call('PTTL', 'c') < 50000",
    "return redis.call('INCR', 'a')",
    "return #redis.call('SORT_RO', 'la', 'BY', 'b*', 'ALPHA') < 3",
]


def answer(condition, *arguments):
    try:
        return condition(*arguments)
    except ConditionError as error:
        return str(error)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(HISTORIES, st.sampled_from(CONDITIONS), st.booleans(), st.data())
def test_keys_that_are_read_answer_as_all_do(
    tmp_path_factory, lines, text, has_index, data
):
    folder = tmp_path_factory.mktemp("log")
    last_seq = write_history(folder, lines)
    if has_index:
        build(folder)
    condition = make_condition(text, Shape())
    index = LogIndex(folder, FileSystem())
    seqs = data.draw(st.lists(st.integers(0, last_seq), min_size=5, max_size=15))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.replay.bisecting.narrow._BOOKMARK_RECORDS", 1)
        with closing(Asker(index, condition, lambda _: None)) as ask:
            found = [answer(ask, seq) for seq in seqs]

    for seq, holds in zip(seqs, found, strict=True):
        with closing(Past(folder, FileSystem())) as past:
            past.go_to(seq)
            at_ms = index.get_record(seq).clock_ms if seq else 0
            assert holds == answer(condition, past.fold.keyspace, at_ms), (seq, text)
    index.close()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(HISTORIES, st.booleans(), st.data())
def test_few_records_are_undone_as_of_all(tmp_path_factory, lines, has_index, data):
    folder = tmp_path_factory.mktemp("log")
    last_seq = write_history(folder, ["SET a x", *lines])
    if has_index:
        build(folder)
    seqs = data.draw(st.lists(st.integers(1, last_seq), min_size=1, max_size=6))

    plan = plan_revert(folder, FileSystem(), seqs, last_seq, scope=Scope())

    def refuse(*_):
        raise NoSliceError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.replay.undoing.steps.Slice", refuse)
        patch.setattr("joblog.replay.index.bases.Bases.find", lambda _: [])
        assert plan == plan_revert(folder, FileSystem(), seqs, last_seq)


@pytest.mark.parametrize(
    ("text", "is_narrow"),
    [
        ("GET k", True),
        ("return redis.call('GET', 'k')", True),
        ("return redis.call('HLEN', 'wrong')", True),
        ("DBSIZE", False),
        ("return #redis.call('KEYS', '*')", False),
        ("return redis.call('SORT_RO', 'l', 'BY', 'w*')", False),
        ("negative-counter", False),
    ],
)
def test_who_reads_more_than_named_keys_is_asked_of_all(tmp_path, text, is_narrow):
    last_seq = write_log(tmp_path, "SET wrong 1", "SET k 1", "RPUSH l b a")
    index = LogIndex(tmp_path, FileSystem())
    few = NarrowAsker(index, make_condition(text, Shape()))

    assert (answer(few.ask, last_seq, 1) is not None) == is_narrow
    index.close()
