"""Moments at which the clock was behind the time of the log, since it was set back.

Keys that live by the clock as it was then must be there, whatever time the log has.
"""

import json

import pytest
from click.testing import CliRunner

from joblog.app.history.moments import Moment
from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.records.points import find_point
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.replay.histories import History

HOUR_MS = 3_600_000
SCRIPT = b"return redis.call('SET', KEYS[1], 'v', 'EX', 20)"
KEYS = ["plain", "given", "queued", "script"]


@pytest.fixture
def history(tmp_path):
    """Return a log whose clock ran an hour ahead, and was set back.

    Then keys are set that are to live for 20 s, in each form of a record; one more, and
    a field, expires before the end.
    """
    made = History(tmp_path / "joblog-data")
    client = made.connect(b"web")
    made.clock.at_ms += HOUR_MS
    made.run(client, "SET ahead v")
    made.clock.at_ms -= HOUR_MS
    made.run(
        client,
        f"SET plain v PXAT {made.clock.at_ms + 20_000}",
        "SET given v EX 20",
        "MULTI",
        "SET queued v EX 20",
        "GET queued",
        "EXEC",
        [b"EVAL", SCRIPT, b"1", b"script"],
        "SET short v PX 5",
        "HSET h f v g v",
        "HPEXPIRE h 5 FIELDS 1 f",
    )
    made.clock.at_ms += 10
    made.run(client, "GET short", "HLEN h", "SADD done x")
    made.log.sync()
    yield made
    made.close()


@pytest.fixture
def run(history):
    """Return a function that runs a verb over the folder."""
    return lambda verb, *words: CliRunner().invoke(
        main, [verb, str(history.folder), *words], catch_exceptions=False
    )


def records(history):
    return list(read_records(history.folder, filesystem=FileSystem()))


def test_a_record_tells_what_the_clock_said_where_its_time_does_not(history):
    found = records(history)
    times = [record.at_ms for record in found]

    assert times == sorted(times)
    behind = [record for record in found if record.clock_ms != record.at_ms]
    assert len(behind) == 11
    assert all(HOUR_MS - 100 < each.at_ms - each.clock_ms <= HOUR_MS for each in behind)


def test_a_record_behind_the_clock_is_told_as_others_are(run):
    result = run("log", "--json")

    told = [json.loads(line) for line in result.stdout.splitlines()]
    commands = [each["command"] and each["command"][0] for each in told]
    notes = [each.get("note", {}).get("kind") for each in told]
    assert [word for word in commands if word] == [
        *("SET", "SET", "SET", "EXEC", "EVALSHA", "SET", "HSET", "HPEXPIRE", "SADD")
    ]
    assert notes.count("exec") == notes.count("script") == 1
    assert notes.count("expired") == 2
    assert "behind" not in run("log").output


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("moment", ["@{last_seq}", "end"])
def test_keys_that_lived_then_are_there(history, run, key, moment):
    note = {"kind": "tag", "name": b"end"}
    history.write((history.clock.at_ms, 0, [], [1, None, note]))
    history.log.sync()
    moment = moment.format(last_seq=history.log.last_seq)

    assert run("get", key, "--at", moment).exit_code == 0
    assert run("get", "short", "--at", moment).exit_code == 1
    assert key in run("keys", "--at", moment).output


def test_the_end_is_now_and_not_an_hour_later(history):
    now_ms = history.clock.at_ms + 1000
    index = LogIndex(history.folder, FileSystem())

    point = find_point(Moment("now", at_ms=now_ms), index)

    assert point == (history.log.last_seq, now_ms)


def test_the_history_runs_once_more_as_it_had(run):
    result = run("test", "@0..now")

    assert result.exit_code == 0, result.output
    assert result.output.endswith("at the end nothing is different\n")
