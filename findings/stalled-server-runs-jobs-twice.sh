#!/usr/bin/env bash
# A server that stands still for six seconds is given what is pushed meanwhile twice.
#
# What:    redis-py 8 waits five seconds for a reply, where earlier versions waited for ever, and a
#          client made by `Redis(...)` then connects again and sends the command once more, up to ten
#          times. No network need fail for that: a server that stands still for longer (a virtual
#          machine that is moved, a disk that hangs) does, once it goes on, all that it was sent, for
#          those who have left as well. So RPUSH pushes twice and tells of no error; a transaction
#          is repeated as a whole, and a job of RQ is in its queue twice and runs twice.
#          A client made by `Redis.from_url(...)` or with a pool sends once, and raises TimeoutError
#          for a push that is carried out all the same.
# Where:   redis-py 8.1.0 with RQ 3.0.0, redis-server 7.0 or later.
# Source:  redis/client.py: Redis.__init__ has a Retry of ten by default, from_url and a given pool
#          have none; Redis._execute_command and Pipeline.execute send under it. The time is from
#          redis-py's pull request 4082. Its issue 1140 calls such a retry, which versions before 3.1
#          had, a bug and never intended.
# Here:    the same; `replay job` says that it was "enqueued while it was waiting", and by which two
#          connections (docs/queues.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill -CONT "$(cat "$work/pid")" && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rq==3.0.0 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >jobs.py <<'PYTHON'
import redis


def pay():
    redis.Redis(unix_socket_path="s").incr("paid")
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
import os
import pathlib
import signal
import sys
import threading
import time

import redis
import rq

import jobs

STALL_S = 6
server = redis.Redis(unix_socket_path="s")
for _ in range(100):
    try:
        server.ping()
        break
    except (redis.ConnectionError, FileNotFoundError):
        time.sleep(0.1)
pid = int(pathlib.Path("pid").read_text())


def stalled(ask):
    """Ask while the server stands still; return the reply, or the error's name."""
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(STALL_S, os.kill, (pid, signal.SIGCONT)).start()
    try:
        return ask()
    except redis.RedisError as error:
        return type(error).__name__
    finally:
        time.sleep(2)


pushed = stalled(lambda: server.rpush("plain", "m1")), server.lrange("plain", 0, -1)
print("Redis():", *pushed)

by_url = redis.Redis.from_url(f"unix://{os.getcwd()}/s")
by_url.ping()
raised = stalled(lambda: by_url.rpush("by-url", "m1")), server.lrange("by-url", 0, -1)
print("Redis.from_url():", *raised)

queue = rq.Queue("mail", connection=server)
pipeline = server.pipeline()
job = queue.enqueue(jobs.pay, pipeline=pipeline)
executed = stalled(pipeline.execute)
places = server.lrange(queue.key, 0, -1).count(job.id.encode())
rq.SimpleWorker([queue], connection=server).work(burst=True, logging_level="WARNING")
paid = int(server.get("paid"))
print(f"RQ: the job lies {places} times in its queue, and ran {paid} times")
is_so = pushed == (2, [b"m1"] * 2) and raised == ("TimeoutError", [b"m1"])
sys.exit(not (is_so and isinstance(executed, list) and places == paid == 2))
PYTHON
# Output seen:
#   Redis(): 2 [b'm1', b'm1']
#   Redis.from_url(): TimeoutError [b'm1']
#   RQ: the job lies 2 times in its queue, and ran 2 times
