import shlex
import sys
from contextlib import closing

import pytest

from joblog.replay.bisecting import bisection as bisecting
from joblog.replay.bisecting.bisection import Asker
from joblog.replay.bisecting.conditions import ConditionError, Shape, make_condition
from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.past import Past
from joblog.replay.serving import ServeError, program_condition
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History

ANY = Shape()


def write_log(folder, *lines):
    history = History(folder)
    history.run(history.connect(), *lines)
    history.close()
    return history.log.last_seq


def bisect(folder, text, shape=ANY, from_seq=0, until_seq=None):
    index = LogIndex(folder, FileSystem())
    condition = make_condition(text, shape)
    with closing(Asker(index, condition, lambda _: None)) as ask:
        found = bisecting.bisect(ask, from_seq, until_seq or index.last_seq)
    index.close()
    return found


@pytest.fixture
def counted(tmp_path):
    """A counter that goes up to 40 and down to -20, one record at a time."""
    lines = ["INCR n"] * 40 + ["DECR n"] * 60
    write_log(tmp_path, *lines)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "return tonumber(redis.call('GET', 'n') or 0) > -1",
        "local n = redis.call('GET', 'n')\nreturn not n or tonumber(n) >= 0",
        "negative-counter",
    ],
    ids=["expression", "lines", "built in"],
)
@pytest.mark.parametrize("kept", [0, 1_000_000], ids=["kept", "folded anew"])
def test_first_record_after_which_it_fails_is_found(counted, text, kept, monkeypatch):
    monkeypatch.setattr("joblog.replay.bisecting.bisection._KEPT_RECORDS", kept)

    found = bisect(counted, text)

    past = Past(counted, FileSystem())
    past.go_to(found.holds_seq)
    assert past.version(0, b"n").data == b"0"
    past.go_to(found.fails_seq)
    assert past.version(0, b"n").data == b"-1"
    assert found.fails_seq == found.holds_seq + 1
    assert found.asked <= 9
    past.close()


def test_condition_that_fails_at_once_or_never_is_told(counted):
    assert bisect(counted, "EXISTS nope").holds_seq is None
    assert bisect(counted, "PING").fails_seq is None


CASES = [
    pytest.param(
        "job-in-two-places",
        Shape(),
        ["RPUSH q1 a b", "RPUSH q2 c", "LMOVE q1 q2 LEFT LEFT", "RPUSH q2 b"],
        id="two places",
    ),
    pytest.param(
        "job-in-two-places",
        Shape(places=(b"q:*", b"active")),
        ["RPUSH q:1 a", "SADD all a", "ZADD active 1 b", "ZADD active 1 a"],
        id="two places of several types",
    ),
    pytest.param(
        "job-in-none",
        Shape(job=b"job:*", done=(b"state", b"done")),
        [
            *("MULTI", "HSET job:1 state new", "RPUSH q 1", "EXEC"),
            *("MULTI", "RPOP q", "HSET job:1 state done", "EXEC"),
            *("MULTI", "HSET job:2 state new", "RPUSH q 2", "EXEC"),
            "LPOP q",
        ],
        id="none",
    ),
    pytest.param(
        "job-in-none",
        Shape(job=b"job:*"),
        ["RPUSH q job:1", "HSET job:1 state new", "LPOP q"],
        id="none, by its key",
    ),
    pytest.param(
        "lease-without-job",
        Shape(job=b"job:*", lease=b"lease:*"),
        ["HSET job:1 a 1", "SET lease:1 w PX 100000", "DEL job:1"],
        id="lease",
    ),
]


@pytest.mark.parametrize(("text", "shape", "lines"), CASES)
def test_built_in_condition_fails_after_the_last_record(tmp_path, text, shape, lines):
    last_seq = write_log(tmp_path, *lines)

    found = bisect(tmp_path, text, shape)

    assert (found.holds_seq, found.fails_seq) == (last_seq - 1, last_seq)


def test_asking_changes_nothing(tmp_path):
    last_seq = write_log(tmp_path, "SET k v PX 5", "SET other 1")
    past = Past(tmp_path, FileSystem())
    past.go_to(last_seq)
    condition = make_condition("EXISTS k", Shape())

    assert not condition(past.fold.keyspace, 1_700_000_000_100)
    assert condition(past.fold.keyspace, 1_700_000_000_001)

    assert past.version(0, b"k").data == b"v"
    past.close()


@pytest.mark.parametrize(
    ("text", "shape"),
    [("", Shape()), ("job-in-none", Shape()), ("lease-without-job", Shape(lease=b"l"))],
)
def test_what_is_no_condition_is_refused(text, shape):
    with pytest.raises(ConditionError):
        make_condition(text, shape)


PROGRAM = """
import os, redis
client = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])
raise SystemExit(not int(client.get("n") or 0) < 3)
"""


@pytest.mark.slow
def test_program_is_asked_over_a_server_of_each_moment(tmp_path):
    write_log(tmp_path / "log", *["INCR n"] * 5)
    program = tmp_path / "ask.py"
    program.write_text(PROGRAM)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(program))}"

    found = bisecting.bisect(program_condition(tmp_path / "log", command), 2, 6)

    past = Past(tmp_path / "log", FileSystem())
    past.go_to(found.fails_seq)
    assert past.version(0, b"n").data == b"3"
    past.close()


def test_server_that_does_not_start_is_told(tmp_path):
    with pytest.raises(ServeError, match="not a data folder"):
        program_condition(tmp_path, "true")(1)


@pytest.mark.parametrize("text", ["NOPE x", "SET a 1", "return redis.call('GET')"])
def test_condition_that_ends_in_an_error_says_so(counted, text):
    with pytest.raises(ConditionError):
        bisect(counted, text)
