"""What a server does, once it goes on, for clients who did not wait for it.

findings/stalled-server-runs-jobs-twice.sh has what redis-py 8 makes of that.
"""

import signal
import threading

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.moments import Point
from replay.index.finder import LogIndex
from replay.jobs.reading import JobLog
from replay.jobs.shipped import load_schemas
from storage.filesystem import FileSystem
from tests.replay.jobs.reading import kinds_of, steps_of
from tests.servers import start_joblog, start_redis, start_valkey

PATIENCE_SECONDS = 1.0
STALL_SECONDS = 1.5


def push_twice(server):
    """Push a job of RQ's while the server stands still; return its queue."""
    retry = Retry(NoBackoff(), 3)
    client = redis.Redis(
        unix_socket_path=server.path, socket_timeout=PATIENCE_SECONDS, retry=retry
    )
    client.ping()
    server.process.send_signal(signal.SIGSTOP)
    wake = (signal.SIGCONT,)
    timer = threading.Timer(STALL_SECONDS, server.process.send_signal, wake)
    timer.start()
    pipeline = client.pipeline()
    pipeline.hset("rq:job:7", mapping={"status": "queued", "origin": "mail"})
    pipeline.rpush("rq:queue:mail", "7")
    pipeline.execute()
    timer.join()
    return client.lrange("rq:queue:mail", 0, -1)


@pytest.mark.parametrize("start_real", [start_redis, start_valkey])
def test_real_server_does_what_those_have_sent_who_have_left(start_real):
    with start_real() as real:
        assert push_twice(real) == [b"7", b"7"]


def test_job_pushed_twice_is_there_twice_and_its_story_says_by_whom(fold_equals_live):
    with start_joblog() as server:
        assert push_twice(server) == [b"7", b"7"]
        fold_equals_live(server)
        server.stop()

        index = LogIndex(server.folder, FileSystem())
        (timeline,) = JobLog(index, load_schemas(["rq"])).follow(
            b"7", Point(2**63, 2**63)
        )

    assert kinds_of(timeline) == ["enqueued", "enqueued again"]
    (_, first), (_, second) = steps_of(timeline)
    assert first != second
    assert timeline.verdict.reason == "enqueued while it was waiting"
