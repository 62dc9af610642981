"""`replay whatif` and `replay test`: a history run once more, changed."""

import hashlib
import json
import random

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.shown.rehearsals import report_lines
from joblog.replay.whatif.rehearsal import Outcome, Report
from joblog.storage.record import Origin, Record
from tests.replay.histories import History
from tests.replay.test_serve import COMMANDS

ENQUEUE = b"""-- name: enqueue
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('HINCRBY', 'counters', 'enqueued', 1)
return redis.call('TIME')[1]
"""
NEW = ENQUEUE.replace(b"'LPUSH'", b"'RPUSH'")
LIBRARY = b"""#!lua name=lib
redis.register_function('bump', function(keys) return redis.call('INCR', keys[1]) end)
"""


@pytest.fixture
def history(tmp_path):
    """Return a queue's history: scripts, a transaction, an expiry, functions."""
    made = History(tmp_path / "joblog-data")
    client = made.connect(b"web")
    made.run(client, [b"EVAL", ENQUEUE, b"1", b"queue", b"job:1"], "SET a 1 PX 3")
    made.clock.at_ms += 10
    sha = hashlib.sha1(ENQUEUE).hexdigest()
    made.run(
        client,
        "GET a",
        f"EVALSHA {sha} 1 queue job:2",
        "MULTI",
        "SET lock x NX PX 500",
        f"EVALSHA {sha} 1 queue job:3",
        "EXEC",
        "RPOP queue",
        [b"FUNCTION", b"LOAD", LIBRARY],
        "FCALL bump 1 n",
        "SADD set a b c",
        "SPOP set",
        "EXPIRE lock 100",
        "XADD s * f v",
    )
    yield made
    made.close()


@pytest.fixture
def run(history, tmp_path):
    """Return a function that runs a verb, with its scripts written to files."""

    def run_verb(verb, *words, scripts=()):
        for number, (name, text) in enumerate(scripts):
            path = tmp_path / f"new{number}.lua"
            path.write_bytes(text)
            words = (*words, "--script", f"{name}={path}")
        return CliRunner().invoke(
            main, [verb, str(history.folder), *words], catch_exceptions=False
        )

    return run_verb


def test_history_run_again_unchanged_goes_as_it_had(run):
    result = run("test", "@0..now")

    assert result.exit_code == 0, result.output
    assert result.output.endswith("at the end nothing is different\n")


def test_stretch_in_the_middle_finds_scripts_that_were_recorded_before(run):
    assert run("test", "@6..now").exit_code == 0


def test_changed_script_shows_the_first_record_and_the_end(run):
    result = run("whatif", "@0..now", scripts=[("enqueue", NEW)])

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[1:5] == [
        "  - LPUSH queue job:1",
        "  - HINCRBY counters enqueued 1",
        "  + RPUSH queue job:1",
        "  + HINCRBY counters enqueued 1",
    ]
    assert "at the end  queue (list)" in lines


def test_changed_script_by_the_digits_of_its_sha(run, history):
    digits = hashlib.sha1(ENQUEUE).hexdigest()[:6]

    result = run("test", "@0..now", "--json", scripts=[(digits, NEW)])

    assert result.exit_code == 1
    assert json.loads(result.stdout)["differing"] == 3


def test_changed_library_of_functions(run):
    new = LIBRARY.replace(b"'INCR', keys[1]", b"'INCRBY', keys[1], 10")

    result = run("whatif", "@0..now", "--json", scripts=[("lib", new)])

    report = json.loads(result.stdout)
    assert report["outcomes"][0]["now"] == []  # its FUNCTION LOAD
    assert [change["rehearsed"]["value"] for change in report["at_end"]] == ["10"]


def test_record_left_out(run):
    result = run("whatif", "@0..now", "--drop", "10", "-n", "0")

    assert "at the end" in result.output


def test_value_set_before_the_first_record(run):
    result = run("whatif", "@0..now", "--set", "n=41", "--json")

    [change] = json.loads(result.stdout)["at_end"]
    assert (change["recorded"]["value"], change["rehearsed"]["value"]) == ("1", "42")


def test_script_that_fails_shows_its_error(run):
    result = run("whatif", "@0..now", scripts=[("enqueue", b"return nosuch")])

    assert "  ! ERR " in result.output


def test_records_that_fail_are_counted(run):
    result = run("whatif", "@0..now", "--json", scripts=[("enqueue", b"return nosuch")])
    told = run("whatif", "@0..now", scripts=[("enqueue", b"return nosuch")])

    failing = json.loads(result.stdout)["failing"]
    assert failing > 0
    assert f"{failing} of the others end with an error" in told.stdout


@pytest.mark.parametrize("verb", ["whatif", "test"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("enqueue", b"return redis.call('SET' KEYS[1])"),
        ("lib", b"#!lua name=lib\nredis.register_function('f'"),
        ("lib", b"#!lua name=lib\nreturn 1"),
    ],
    ids=["script", "library", "library without a function"],
)
def test_text_that_is_no_script_is_a_wrong_command_line(run, verb, name, text):
    result = run(verb, "@0..now", scripts=[(name, text)])

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{name}: the new text is no script: ERR" in result.stderr


def test_name_of_no_script_is_refused(run):
    result = run("whatif", "@0..now", scripts=[("nosuch", NEW)])

    assert result.exit_code == 2
    assert "'nosuch'" in result.output


def test_rehearsal_leaves_the_log_as_it_is(run, history):
    path = next((history.folder / "log").iterdir())
    before = path.read_bytes()

    run("whatif", "@0..now", "--drop", "4", scripts=[("enqueue", NEW)])

    assert path.read_bytes() == before


def test_pytest_plugin_offers_the_same(history, joblog_history):
    recorded = joblog_history(history.folder)

    same = recorded.rehearse()
    other = recorded.rehearse("@0..now", {"enqueue": NEW})

    assert same.is_same
    assert not other.is_same
    assert "+ RPUSH queue job:1" in recorded.explain(other)


@pytest.mark.parametrize("seed", range(3))
def test_any_history_goes_again_as_it_went(tmp_path, seed):
    chance = random.Random(seed)
    made = History(tmp_path / "joblog-data")
    session = made.connect()
    for _ in range(300):
        line = chance.choice(COMMANDS)
        words = line.format(n=chance.randrange(3), v=chance.randrange(9)).split()
        made.engine.context.read_clock()
        made.engine.run(session, [[word.encode() for word in words]])
        made.clock.at_ms += chance.choice([1, 1, 1000])
        made.write()

    result = CliRunner().invoke(main, ["test", str(made.folder), "@0..now"])

    assert result.exit_code == 0, result.output
    made.close()


@pytest.mark.parametrize("flush", ["FLUSHDB", "FLUSHALL", "SWAPDB 1 2"])
def test_flush_that_is_left_out_is_told_with_all_that_it_removed(tmp_path, flush):
    made = History(tmp_path / "data")
    client = made.connect(b"ops")
    made.run(client, "SELECT 1", "SET kept 1", "RPUSH queue a b", flush)
    made.close()
    last = made.log.last_seq

    words = ["whatif", str(made.folder), "..", "--drop", str(last)]
    told = CliRunner().invoke(main, words, catch_exceptions=False).stdout

    assert "at the end  queue (list)" in told or "at the end  queue in db1" in told
    assert "kept" in told
    assert "nothing is different" not in told


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param(
            b"other", ["  - SET key xxxxxxxxx…", "  + SET key other"], id="cut"
        ),
        pytest.param(
            b"x" * 98 + b"yy",
            [f"  - SET key {'x' * 100}", f"  + SET key {'x' * 98}yy"],
            id="different behind the cut",
        ),
    ],
)
def test_what_a_record_did_is_cut_where_that_hides_no_difference(now, told):
    record = Record(7, 0, 0, 0, [], Origin(1, [b"EVALSHA", b"sha"], {}))
    then, after = ([(0, [b"SET", b"key", each])] for each in (b"x" * 100, now))
    report = Report(1, 1, 0, [Outcome(record, then, after)], [])

    assert report_lines(report, 10)[1:3] == told
