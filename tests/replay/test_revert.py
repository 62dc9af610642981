"""`replay revert`: undoing records, on paper and on a live server."""

import json

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.replay.histories import History
from tests.support.servers import start_joblog


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "joblog-data")
    yield made
    made.close()


def revert(folder, *words):
    words = ["revert", str(folder), *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def lines(result):
    return result.stdout.splitlines()


SETUP = (
    "SET s old",
    "HSET h a 1 b 2",
    "SADD set a b",
    "ZADD z 1 a 2 b",
    "RPUSH l 1 2 3 4",
    "XADD x 1-1 f v",
    "SET t v PX 100000",
)
CASES = [
    pytest.param("SET s new", ["SET s old"], id="string"),
    pytest.param("DEL s", ["SET s old"], id="string removed"),
    pytest.param("SET new 1", ["DEL new"], id="key made"),
    pytest.param("HSET h a 9 c 3", ["HSET h a 1", "HDEL h c"], id="hash"),
    pytest.param("SREM set a", ["SADD set a"], id="member removed"),
    pytest.param("SADD set c", ["SREM set c"], id="member added"),
    pytest.param("ZINCRBY z 5 a", ["ZADD z 1 a"], id="score"),
    pytest.param("ZPOPMIN z", ["ZADD z 1 a"], id="member popped"),
    pytest.param("DEL z", ["ZADD z 1 a 2 b"], id="sorted set removed"),
    pytest.param("LPOP l", ["DEL l", "RPUSH l 1 2 3 4"], id="element popped"),
    pytest.param("DEL l", ["RPUSH l 1 2 3 4"], id="list removed"),
    pytest.param("PERSIST t", ["PEXPIREAT t 1700000100006"], id="deadline lost"),
    pytest.param("PEXPIRE s 5000", ["PERSIST s"], id="deadline gained"),
    pytest.param("RENAME s other", ["SET s old", "DEL other"], id="renamed"),
]


@pytest.mark.parametrize(("command", "undone"), CASES)
def test_command_is_undone(history, command, undone):
    client = history.connect()
    history.run(client, *SETUP, command)

    result = revert(history.folder, f"@{history.log.last_seq}")

    assert result.exit_code == 0, result.output
    assert sorted(lines(result)) == sorted(undone)


UNTIL = "HPEXPIREAT h 9999999999999 FIELDS 1"


@pytest.mark.parametrize(
    ("command", "undone"),
    [
        pytest.param("HPERSIST h FIELDS 1 a", [f"{UNTIL} a"], id="deadline lost"),
        pytest.param("HSET h a 9", ["HSET h a 1", f"{UNTIL} a"], id="set anew"),
        pytest.param(f"{UNTIL} b", ["HPERSIST h FIELDS 1 b"], id="deadline gained"),
        pytest.param("DEL h", ["HSET h a 1 b 2", f"{UNTIL} a"], id="hash removed"),
    ],
)
def test_deadlines_of_fields_come_back(history, command, undone):
    client = history.connect()
    history.run(client, "HSET h a 1 b 2", f"{UNTIL} a", command)

    result = revert(history.folder, f"@{history.log.last_seq}")

    assert result.exit_code == 0, result.output
    assert sorted(lines(result)) == sorted(undone)


def test_deadlines_of_fields_stay_where_something_else_changed_since(history):
    client = history.connect()
    history.run(client, "HSET h a 1 b 2 c 3", f"{UNTIL} a", f"{UNTIL} c")
    history.run(client, "HSET h b 9 c 9", "HSET h d 4")

    result = revert(history.folder, f"@{history.log.last_seq - 1}")

    assert sorted(lines(result)) == [f"{UNTIL} c", "HSET h b 2 c 3"]


def test_what_expired_comes_back_to_stay(history):
    client = history.connect()
    history.run(client, *SETUP, "PEXPIRE l 5000", "PEXPIRE x 5000", "PEXPIRE s 5000")
    history.run(client, "HPEXPIRE h 5000 FIELDS 1 a")
    before = history.log.last_seq
    history.clock.at_ms += 6000
    history.run(client, "EXISTS l", "EXISTS x", "EXISTS s", "HGETALL h")

    result = revert(history.folder, f"@{before}..@{history.log.last_seq}")

    back = sorted(lines(result))
    assert back[0] == "HSET h a 1"
    assert back[1].startswith("RESTORE x 0 ")
    assert back[2:] == ["RPUSH l 1 2 3 4", "SET s old"]


def test_expiry_is_undone_together_with_what_gave_the_deadline(history):
    client = history.connect()
    history.run(client, *SETUP, "PEXPIRE l 5000")
    given = history.log.last_seq
    history.clock.at_ms += 6000
    history.run(client, "EXISTS l")

    result = revert(history.folder, f"@{given - 1}..@{history.log.last_seq}")

    assert lines(result) == ["RPUSH l 1 2 3 4"]


def test_stream_comes_back_whole(history):
    client = history.connect()
    history.run(client, *SETUP, "XDEL x 1-1")

    [line] = lines(revert(history.folder, f"@{history.log.last_seq}"))

    assert line.startswith("RESTORE x 0 ")
    assert line.endswith(" REPLACE")


def test_flushall_is_undone_key_by_key(history):
    client = history.connect()
    history.run(client, *SETUP, "SELECT 1", "SET elsewhere 1", "FLUSHALL")

    result = revert(history.folder, f"@{history.log.last_seq}", "--json")

    plan = json.loads(result.stdout)
    assert plan["conflicts"] == []
    assert len({command["argv"][1] for command in plan["commands"]}) == 8
    assert {command["db"] for command in plan["commands"]} == {0, 1}


def test_what_others_did_since_stays(history):
    client = history.connect()
    history.run(client, *SETUP, "RPUSH l mine", "RPUSH l theirs", "HSET h mine 1")
    history.run(client, "HSET h theirs 2")
    seq = history.log.last_seq

    pushed = lines(revert(history.folder, f"@{seq - 3}"))
    set_field = lines(revert(history.folder, f"@{seq - 1}"))

    assert pushed == ["DEL l", "RPUSH l 1 2 3 4 theirs"]
    assert set_field == ["HDEL h mine"]


def test_conflict_is_told_and_left_alone(history):
    client = history.connect()
    history.run(client, *SETUP, "HSET h a 5 b 5", "HSET h a 6")

    result = revert(history.folder, f"@{history.log.last_seq - 1}")

    assert lines(result) == ["HSET h b 2"]
    assert "h: a was changed again, and stays" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("commands", "at", "told", "undone"),
    [
        (["RPUSH l job", "RPOPLPUSH l active"], 1, "l: job was put there, and has", []),
        (["RPUSH m job", "LPOP m"], 1, "m: job was put there, and has left since", []),
        (["RPUSH l job new", "RPOP l"], 1, "l: new was put there, and has left", ["l"]),
        (["HSET h a 5", "HDEL h a"], 1, "h: a was removed since, and stays so", []),
        (["ZADD z 5 a", "ZREM z a"], 1, "z: a was removed since, and stays so", []),
    ],
)
def test_what_was_put_somewhere_and_is_gone_since_is_told(
    history, commands, at, told, undone
):
    client = history.connect()
    history.run(client, *SETUP, *commands)
    words = revert(history.folder, f"@{history.log.last_seq - at}", "--json")

    result = revert(history.folder, f"@{history.log.last_seq - at}")

    assert told in result.stderr
    assert {line.split()[1] for line in lines(result)} == set(undone)
    assert json.loads(words.stdout)["conflicts"][0]["fate"] in {"gone", "left"}
    assert result.exit_code == 1


def test_range_of_one_client_is_undone_and_that_of_others_is_not(history):
    bad, good = history.connect(b"bad"), history.connect(b"good")
    history.run(good, *SETUP)
    seq = history.log.last_seq
    history.run(bad, "HSET h a 7", "SADD set x")
    history.run(good, "HSET h b 7")
    history.run(bad, "HSET h a 8", "DEL s")

    result = revert(history.folder, f"@{seq}..now", "--client", "bad")

    assert sorted(lines(result)) == ["HSET h a 1", "SET s old", "SREM set x"]


def test_what_was_done_to_one_job_is_undone_and_nothing_else(history):
    web, worker = history.connect(b"web"), history.connect(b"worker")
    for job in ("j1", "j2"):
        history.run(web, f"HSET rq:job:{job} status queued", f"RPUSH rq:queue:q {job}")
    seq = history.log.last_seq
    history.run(worker, "HSET rq:job:j1 note mine", "LPOP rq:queue:q")
    history.run(worker, "MULTI", "RPOP rq:queue:q", "DEL rq:job:j1 rq:job:j2", "EXEC")

    since = revert(history.folder, f"@{seq}..now", "--job", "j1")
    deleted = revert(history.folder, f"@{history.log.last_seq - 1}..now", "--job", "j1")
    ever = revert(history.folder, "--job", "j1")

    assert sorted(lines(since)) == [
        "HSET rq:job:j1 status queued",
        "RPUSH rq:queue:q j1",
    ]
    assert sorted(lines(deleted)) == ["HSET rq:job:j1 status queued note mine"]
    assert lines(ever) == []
    assert ever.exit_code == 1


def test_job_that_nobody_knows_has_nothing_to_undo(history):
    history.run(history.connect(), *SETUP)

    result = revert(history.folder, "--job", "nobody")

    assert (result.exit_code, result.stdout) == (1, "")


def test_something_to_undo_has_to_be_named(history):
    history.run(history.connect(), *SETUP)

    assert revert(history.folder).exit_code == 2


def test_flush_is_undone_for_one_job_alone(history):
    client = history.connect()
    history.run(
        client,
        *("SET other 1", "HSET rq:job:j1 status queued", "RPUSH rq:queue:q j0 j1 j2"),
        *("ZADD rq:wip:q 5 j3 6 j4", "FLUSHALL"),
    )

    result = revert(history.folder, f"@{history.log.last_seq}", "--job", "j1")

    assert sorted(lines(result)) == [
        "HSET rq:job:j1 status queued",
        "RPUSH rq:queue:q j1",
    ]


def test_revert_of_a_revert_is_where_it_began(history):
    client = history.connect()
    history.run(client, *SETUP, "ZADD z 9 a 9 c")
    first = lines(revert(history.folder, f"@{history.log.last_seq}"))
    history.run(client, *first)

    again = lines(revert(history.folder, f"@{history.log.last_seq - 2}..now"))

    assert again == ["ZADD z 9 a 9 c"]


@pytest.mark.slow
def test_apply_runs_on_the_live_server_and_is_recorded():
    with start_joblog() as server:
        connection = server.connect()
        connection.ask("RPUSH", "queue", "job:1", "job:2")
        connection.ask("SET", "k", "1")
        connection.ask("DEL", "queue")
        url = f"unix://{server.path}"

        result = revert(server.folder, "@4", "--apply", "--url", url)

        assert result.exit_code == 0, result.output
        assert connection.ask("LRANGE", "queue", "0", "-1").count(b"job:") == 2
        log = CliRunner().invoke(main, ["log", str(server.folder)]).stdout
        assert "replay-revert" in log


@pytest.mark.slow
def test_apply_refuses_another_server(history):
    history.run(history.connect(), "SET a 1")
    with start_joblog() as server:
        url = f"unix://{server.path}"

        result = revert(history.folder, "@2", "--apply", "--url", url)

        assert result.exit_code == 1
        assert "another log" in result.stderr
        assert server.connect().ask("EXISTS", "a") == b":0\r\n"


def test_server_that_is_not_there_is_one_line(history, tmp_path):
    history.run(history.connect(), "SET a 1")

    result = revert(
        history.folder, "@2", "--apply", "--url", f"unix://{tmp_path}/nobody"
    )

    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_nothing_to_undo_is_exit_code_1(history):
    history.run(history.connect(), "SET a 1")

    assert revert(history.folder, "@0..@1").exit_code == 1


def test_time_alone_names_no_record(history):
    result = revert(history.folder, "5m ago")

    assert result.exit_code == 2
