"""The broker's scripts from Python: each operation, and the server killed between."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time

import pytest
import redis

from tests.delancie.broker import Broker, encode_job, script, script_names
from tests.delancie.conftest import STARTERS
from tests.delancie.workers import Worker, count_succeeded, require_nothing_lost
from tests.support.servers import ROOT

EVERY_BYTE = b"\r\n$-1\r\n\x00" + bytes(range(256))
PAYLOAD = encode_job(b"1", EVERY_BYTE, priority=300)
MINUTE_MS = 60_000
WORKERS = 3
ROUNDS = 3


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def broker(request, connect):
    broker = Broker(connect(request.param))
    yield broker
    broker.take_census()


@pytest.mark.slow
def test_job_goes_from_producer_to_worker_and_is_done(broker):
    assert broker.enqueue("1", PAYLOAD, dedupe="d") == [b"enqueued", b"1"]
    assert broker.enqueue("2", PAYLOAD, dedupe="d") == [b"duplicate", b"1"]

    token, job_id, payload, attempt, deadline_ms = broker.dequeue()

    assert (job_id, payload, attempt) == (b"1", PAYLOAD, 1)
    assert deadline_ms == broker.now_ms + MINUTE_MS
    assert broker.dequeue() is None
    assert broker.dequeue(token) == (token, b"1", PAYLOAD, 1, deadline_ms)
    broker.now_ms += 10
    assert broker.heartbeat("1", token) == deadline_ms + 10
    assert broker.succeed("1", token, EVERY_BYTE) in (b"OK", "OK", True)
    broker.succeed("1", token, EVERY_BYTE)
    assert broker.client.hget(broker.key("job:1"), "result") == EVERY_BYTE
    with pytest.raises(redis.ResponseError, match=r"^STALE the lease of job 1"):
        broker.heartbeat("1", token)
    assert broker.enqueue("2", PAYLOAD, dedupe="d") == [b"enqueued", b"2"]
    assert broker.run("delete", "2") == 1
    assert broker.run("delete", "2") == 0
    assert broker.take_census() == {b"1": b"done"}


@pytest.mark.slow
def test_job_that_fails_is_retried_then_dead_then_redriven(broker):
    broker.enqueue("1", PAYLOAD, attempts_max=2)
    token, *_ = broker.dequeue()

    ready_ms = broker.now_ms + 1000
    assert broker.fail("1", token, b"\xff\x00") == [b"scheduled", ready_ms]
    assert broker.fail("1", token) == [b"scheduled", ready_ms]
    assert broker.promote() == 0
    assert broker.run("reschedule", "1", ready_ms + 5, "earlier") == 0
    assert broker.run("reschedule", "1", ready_ms - 5, "later") == 0
    assert broker.run("reschedule", "1", ready_ms - 5, "earlier") == 1
    broker.now_ms += 995
    assert broker.promote() == 1
    token, *_ = broker.dequeue()
    assert broker.fail("1", token, b"\xff\x00") == [b"dead", None]
    assert broker.client.hget(broker.key("job:1"), "error") == b"\xff\x00"

    moved = broker.client.rpoplpush(broker.key("dead"), broker.key("redriving"))

    assert moved == b"1"
    assert broker.take_census() == {b"1": b"dead"}
    assert broker.run("redrive", "1") == 1
    assert broker.run("redrive", "1") == 0
    assert broker.dequeue()[3] == 1


@pytest.mark.slow
def test_lease_that_expires_goes_back_or_to_the_dead(broker):
    broker.enqueue("1", PAYLOAD, attempts_max=2)
    token, *_ = broker.dequeue()

    assert broker.requeue() == []
    broker.now_ms += MINUTE_MS
    assert broker.requeue() == [[b"1", b"pending"]]
    with pytest.raises(redis.ResponseError, match=r"^STALE"):
        broker.succeed("1", token)
    broker.dequeue()
    broker.now_ms += MINUTE_MS

    assert broker.requeue() == [[b"1", b"dead"]]
    assert broker.take_census() == {b"1": b"dead"}
    counters = broker.counters()
    assert (counters["expired"], counters["buried"]) == (2, 1)


@pytest.mark.slow
def test_group_waits_for_room_and_priorities_hold(broker):
    broker.run("limit", "g", 1)
    for number in range(4):
        broker.enqueue(str(number), PAYLOAD, group="g", priority=number % 2)
    token, first, *_ = broker.dequeue()

    assert first == b"1"
    assert broker.dequeue() is None
    assert list(broker.take_census().values()).count(b"waiting") == 3
    assert broker.run("reprioritize", "2", 4095) == 1
    broker.succeed("1", token)
    assert broker.dequeue()[1] == b"2"
    assert broker.run("limit", "g", 0) == 2
    assert [broker.dequeue()[1] for _ in range(2)] == [b"3", b"0"]
    with pytest.raises(redis.ResponseError, match=r"^NOJOB there is no job 9"):
        broker.run("reprioritize", "9", 1)
    with pytest.raises(redis.ResponseError, match=r"^LEASED job 0 is with a worker"):
        broker.run("delete", "0")


@pytest.mark.slow
def test_settings_hold_jobs_back(broker):
    broker.enqueue("1", PAYLOAD)
    settings = broker.key("settings")
    with broker.client.pipeline() as pipe:
        pipe.watch(settings)
        broker.client.hset(settings, "paused", 0)
        pipe.multi()
        pipe.hset(settings, "paused", 1)
        with pytest.raises(redis.WatchError):
            pipe.execute()

    broker.client.hset(settings, mapping={"paused": 1, "limit": 1})
    assert broker.dequeue() is None
    broker.client.hset(settings, "paused", 0)
    assert broker.dequeue()[1] == b"1"
    broker.enqueue("2", PAYLOAD)
    assert broker.dequeue() is None


@pytest.mark.slow
def test_submitted_job_is_accepted_and_old_ones_are_forgotten(broker):
    intake, accepting = broker.key("intake"), broker.key("accepting")
    broker.client.lpush(intake, PAYLOAD)
    assert broker.client.lmove(intake, accepting, "RIGHT", "LEFT") == PAYLOAD

    arguments = broker.enqueue_arguments("1", PAYLOAD)
    assert broker.run("accept", *arguments) == [b"enqueued", b"1"]
    assert broker.client.llen(accepting) == 0
    token, *_ = broker.dequeue()
    broker.succeed("1", token, keep=0)

    assert broker.take_census() == {}
    assert broker.counters()["forgotten"] == 1


@pytest.mark.slow
def test_lock_is_given_back_by_its_holder_only(broker):
    client, lock = broker.client, broker.key("lock:l")
    unlock, extend = script("unlock")[0], script("extend")[0]

    assert client.set(lock, b"\xff", nx=True, px=MINUTE_MS)
    assert not client.set(lock, b"\xfe", nx=True, px=MINUTE_MS)
    assert client.eval(extend, 1, lock, b"\xfe", 5 * MINUTE_MS) == 0
    assert client.eval(extend, 1, lock, b"\xff", 5 * MINUTE_MS) == 1
    assert 4 * MINUTE_MS < client.pttl(lock) <= 5 * MINUTE_MS
    assert client.eval(unlock, 1, lock, b"\xfe") == 0
    assert client.eval(unlock, 1, lock, b"\xff") == 1


@pytest.mark.slow
def test_script_is_sent_again_when_the_server_forgot_it(broker):
    broker.enqueue("1", PAYLOAD)
    broker.enqueue("2", PAYLOAD)
    broker.client.script_flush()

    broker.enqueue("3", PAYLOAD)

    assert broker.evals == 2
    assert broker.client.script_exists(script("enqueue")[1]) == [True]


@pytest.mark.slow
def test_kill_of_the_server_loses_and_doubles_no_job(server, connect):
    chance = random.Random("delancie")
    workers = [Worker(connect(), n, random.Random(n)) for n in range(WORKERS)]

    for _ in range(ROUNDS):
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        before = count_succeeded(workers)
        time.sleep(chance.uniform(0.1, 0.3))
        while count_succeeded(workers) == before and threads[0].is_alive():
            time.sleep(0.01)
        server.kill()
        for thread in threads:
            thread.join()
        server.start()
        broker = Broker(connect())
        require_nothing_lost(workers, broker)


@pytest.fixture
def logged():
    """Return our server and a broker on it."""
    with (
        STARTERS["joblog"]() as server,
        contextlib.closing(redis.Redis(unix_socket_path=server.path)) as client,
    ):
        yield server, Broker(client)


@pytest.mark.slow
def test_replay_shows_each_operation_as_one_line(logged):
    server, broker = logged
    for number in range(3):
        broker.enqueue(str(number), PAYLOAD)
    for _ in range(2):
        token, job_id, *_ = broker.dequeue()
        broker.succeed(job_id, token)
    with broker.client.pipeline(transaction=True) as pipe:
        for number in range(3, 5):
            arguments = broker.enqueue_arguments(str(number), PAYLOAD)
            pipe.evalsha(script("enqueue")[1], 1, broker.prefix, *arguments)
        pipe.execute()

    # The two enqueues of the transaction are in its one record.
    for name, count in {"enqueue": 4, "dequeue": 2, "succeed": 2, "fail": 0}.items():
        lines = replay_log(server.folder, "--script", script(name)[1])
        assert len(lines) == count, name
        assert all(len(line["effects"]) > 1 for line in lines)
    (transaction,) = replay_log(server.folder, "--command", "EXEC")
    made = [argv for argv in transaction["effects"] if argv[:1] == ["ZADD"]]
    assert len(made) == 2


@pytest.mark.slow
def test_replay_finds_an_operation_by_its_name(logged):
    server, broker = logged
    broker.enqueue("1", PAYLOAD)

    assert len(replay_log(server.folder, "--script", "enqueue")) == 1


def replay_log(folder, *options):
    command = [
        sys.executable,
        "-m",
        "joblog.replay",
        "log",
        str(folder),
        "--json",
        *options,
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_script_names_itself():
    for name in script_names():
        text, sha = script(name)

        assert text.splitlines()[0] == f"-- name: {name}"
        assert "-- include:" not in text
        assert len(sha) == 40
