"""What a server does, once it goes on, for clients who did not wait for it.

findings/stalled-server-runs-jobs-twice.sh has what redis-py 8 makes of that, and
findings/asynq-conflicts-with-its-own-task.sh what go-redis does.
"""

import contextlib
import signal
import threading

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import load_schemas
from joblog.storage.filesystem import FileSystem
from tests.replay.jobs.reading import kinds_of, steps_of
from tests.support.servers import start_redis, start_valkey

PATIENCE_SECONDS = 1.0
STALL_SECONDS = 1.5


ENQUEUE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('HSET', KEYS[1], 'state', 'pending')
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""


@contextlib.contextmanager
def impatient_client(server):
    """Give a client, while the server stands still for longer than it waits."""
    retry = Retry(NoBackoff(), 3)
    client = redis.Redis(
        unix_socket_path=server.path, socket_timeout=PATIENCE_SECONDS, retry=retry
    )
    client.ping()
    server.process.send_signal(signal.SIGSTOP)
    wake = (signal.SIGCONT,)
    timer = threading.Timer(STALL_SECONDS, server.process.send_signal, wake)
    timer.start()
    yield client
    timer.join()


def push_twice(server):
    """Push a job as RQ does while the server stands still; return its queue."""
    with impatient_client(server) as client:
        pipeline = client.pipeline()
        pipeline.hset("rq:job:7", mapping={"status": "queued", "origin": "mail"})
        pipeline.rpush("rq:queue:mail", "7")
        pipeline.execute()
    return client.lrange("rq:queue:mail", 0, -1)


def enqueue_twice(server):
    """Enqueue a task as asynq does; return the reply, and what is pending then."""
    keys = ["asynq:{mail}:t:7", "asynq:{mail}:pending"]
    with impatient_client(server) as client:
        reply = client.eval(ENQUEUE, 2, *keys, "7")
    return reply, client.lrange(keys[1], 0, -1)


def follow(folder, schema):
    """Return the timeline of job 7."""
    index = LogIndex(folder, FileSystem())
    log = JobLog(index, load_schemas([schema]))
    (timeline,) = log.follow(b"7", Point(2**63, 2**63))
    return timeline


@pytest.mark.parametrize("start_real", [start_redis, start_valkey])
def test_real_server_does_what_those_have_sent_who_have_left(start_real):
    with start_real() as real:
        assert push_twice(real) == [b"7", b"7"]
        assert enqueue_twice(real) == (0, [b"7"])


def test_job_pushed_twice_is_there_twice_and_its_story_says_by_whom(server):
    assert push_twice(server) == [b"7", b"7"]

    timeline = follow(server.folder, "rq")

    assert kinds_of(timeline) == ["enqueued", "enqueued again"]
    (_, first), (_, second) = steps_of(timeline)
    assert first != second
    assert timeline.verdict.reason == "enqueued while it was waiting"


def test_task_that_was_told_as_a_conflict_was_enqueued_once(server):
    assert enqueue_twice(server) == (0, [b"7"])

    timeline = follow(server.folder, "asynq")

    assert kinds_of(timeline) == ["enqueued"]
    assert timeline.verdict.word == "waiting"
