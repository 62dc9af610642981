"""`replay revert` of a part: keys, queues, and what is said of jobs that go."""

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
    return sorted(result.stdout.splitlines())


def enqueue(history, client, queue, *ids):
    for job_id in ids:
        history.run(
            client,
            "MULTI",
            f"HSET rq:job:{job_id} status queued origin {queue}",
            f"RPUSH rq:queue:{queue} {job_id}",
            f"SADD rq:queues rq:queue:{queue}",
            "EXEC",
        )


MAIL = [
    "HSET rq:job:m1 status queued origin mail",
    "HSET rq:job:m2 status queued origin mail",
    "RPUSH rq:queue:mail m1 m2",
    "SADD rq:queues rq:queue:mail",
]


@pytest.fixture
def flushed(history):
    client = history.connect(b"web")
    enqueue(history, client, "mail", "m1", "m2")
    enqueue(history, client, "web", "w1")
    history.run(client, "SET other x", "FLUSHDB")
    return history


SCOPES = [
    pytest.param(["--queue", "mail"], MAIL, id="queue"),
    pytest.param(["--queue", "mail", "--schema", "rq"], MAIL, id="named schema"),
    pytest.param(["--key", "rq:queue:mail"], [MAIL[2]], id="key"),
    pytest.param(["--key", "o*", "--key", "*:m1"], [MAIL[0], "SET other x"], id="keys"),
    pytest.param(["--queue", "mail", "--key", "*:job:*"], MAIL[:2], id="both"),
    pytest.param(["--queue", "nobody"], [], id="no such queue"),
]


@pytest.mark.parametrize(("words", "undone"), SCOPES)
def test_only_a_part_of_a_flush_is_undone(flushed, words, undone):
    result = revert(flushed.folder, f"@{flushed.log.last_seq}", *words)

    assert lines(result) == sorted(undone)
    assert result.exit_code == (0 if undone else 1)


def test_key_takes_only_that_key_of_a_transaction(history):
    client = history.connect()
    history.run(client, "MULTI", "SET a 1", "SET b 1", "EXEC")

    assert lines(revert(history.folder, "@2", "--key", "a")) == ["DEL a"]


def test_celerys_messages_of_one_queue_come_back(history):
    client = history.connect()
    message = {"headers": {"id": "c1"}, "properties": {"delivery_tag": "t1"}}
    other = {"headers": {"id": "o1"}, "properties": {"delivery_tag": "t2"}}
    history.run(client, [b"SADD", b"_kombu.binding.mail", b"mail\x06\x16\x06\x16mail"])
    history.run(client, [b"LPUSH", b"mail", json.dumps(message).encode()])
    history.run(client, [b"LPUSH", b"web", json.dumps(other).encode()])
    history.run(client, "FLUSHALL")

    result = revert(
        history.folder, f"@{history.log.last_seq}", "--queue", "mail", "--json"
    )

    argvs = [each["argv"] for each in json.loads(result.stdout)["commands"]]
    assert [argv[:2] for argv in argvs if argv[0] == "RPUSH"] == [["RPUSH", "mail"]]
    assert json.loads(argvs[-1][2])["headers"]["id"] == "c1"


def test_jobs_that_go_with_a_range_are_named(history):
    client = history.connect()
    history.run(client, "SET before 1")
    enqueue(history, client, "mail", "m1", "m2")
    last_seq = history.log.last_seq

    result = revert(history.folder, f"@2..@{last_seq}")
    facts = json.loads(revert(history.folder, f"@2..@{last_seq}", "--json").stdout)

    assert result.exit_code == 0
    assert "job m1 came with seq 3, and goes with it" in result.stderr
    assert facts["jobs"] == [{"job": "m1", "seq": 3}, {"job": "m2", "seq": 4}]


def test_move_that_is_undone_takes_no_job_away(history):
    client = history.connect()
    enqueue(history, client, "mail", "m1")
    move = "LMOVE rq:queue:mail rq:queue:mail:intermediate LEFT RIGHT"
    history.run(client, move)

    result = revert(history.folder, f"@{history.log.last_seq}")

    assert result.exit_code == 0
    assert "goes with it" not in result.stderr


def test_plain_revert_after_a_partial_one_finds_no_conflict(history):
    client = history.connect()
    history.run(client, "RPUSH l 1 2", "SADD s m", "HSET h f 1", "SET k v", "FLUSHALL")
    flush = history.log.last_seq
    for key in "lsh":
        result = revert(history.folder, f"@{flush}", "--key", key)
        history.run(client, *lines(result))
        history.run(client, "RPUSH l 9" if key == "l" else "HSET other x 1")

    rest = revert(history.folder, f"@{flush}")

    assert (rest.exit_code, lines(rest), rest.stderr) == (0, ["SET k v"], "")


def test_what_is_undone_already_is_said_to_be(history):
    client = history.connect()
    history.run(client, "SET k 1", "SET k 2", "SET k 1")

    result = revert(history.folder, "@3")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "as it was before" in result.stderr


def test_popped_job_that_was_enqueued_anew_is_not_put_back_twice(history):
    client = history.connect()
    history.run(client, "RPUSH l 1 2 3", "LPOP l", "RPUSH l 1", "RPUSH l 4")

    assert lines(revert(history.folder, "@3")) == []


def test_part_of_a_flush_is_undone_on_a_live_server():
    with start_joblog() as server:
        connection = server.connect()
        connection.ask("HSET", "rq:job:m1", "status", "queued", "origin", "mail")
        connection.ask("RPUSH", "rq:queue:mail", "m1")
        connection.ask("SET", "other", "x")
        connection.ask("FLUSHALL")
        words = ("@5", "--queue", "mail")
        url = f"unix://{server.path}"

        result = revert(server.folder, *words, "--apply", "--url", url)

        assert result.exit_code == 0, result.output
        assert connection.ask("EXISTS", "rq:job:m1", "rq:queue:mail") == b":2\r\n"
        assert connection.ask("EXISTS", "other") == b":0\r\n"
        assert "nothing to undo" in revert(server.folder, *words).stderr
