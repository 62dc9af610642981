#!/usr/bin/env bash
# SAQ's sweep runs a job again that has completed, or makes it aborted.
#
# What:    a job goes on for longer than its heartbeat, as one does that keeps its worker's loop busy
#          without awaiting. Another worker's sweep finds it, asks for its end, and gives it five seconds
#          to end by itself. It completes in that time: its result is stored, and who waits for it is
#          told that it is complete. The sweep then goes on as if it had not: where the job has retries
#          left it is enqueued and runs once more, and where it has none (the default) its state
#          becomes "aborted", its error "swept".
# Where:   SAQ 0.26.4 with redis-py 7.0.1, redis-server 7.0 or later.
# Source:  saq/queue/redis.py: RedisQueue.sweep waits by job.refresh(abort), which reads what became of
#          the job, and looks at job.retryable alone then: it calls retry, or finish with ABORTED.
# Here:    `replay job` says "delivered twice: ... enqueued anew after it was done" of the first, and
#          "cancelled: it was done before" of the second, with the clients of both (docs/libraries/saq.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/worker" ] && kill "$(cat "$work/worker")"; [ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  'saq[redis]==0.26.4' redis==7.0.1 typing_extensions==4.16.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >app.py <<'PYTHON'
"""A worker with one job, which keeps its loop busy for four seconds."""
import time

from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

queue = RedisQueue(Redis(unix_socket_path="s"), name="mail")


async def report(context):
    until = time.monotonic() + 4
    while time.monotonic() < until:
        pass
    return "sent"


settings = {"queue": queue, "functions": [report], "timers": {"sweep": 3600}, "concurrency": 1}
PYTHON
"$work/venv/bin/saq" app.settings >"$work/worker.log" 2>&1 &
echo $! >"$work/worker"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import logging
import sys

from app import queue

logging.disable(logging.CRITICAL)
STATES = ("complete", "aborted", "failed")


async def follow(key, **options):
    """Run a job beside another worker's sweep; return its states, in order."""
    states = []
    listener = queue.redis.pubsub()
    job_id = queue.job_id(key)
    await listener.subscribe(job_id)
    await queue.enqueue("report", key=key, timeout=0, heartbeat=1, **options)

    async def listen():
        async for message in listener.listen():
            if message["type"] == "message":
                states.append(message["data"].decode())

    listening = asyncio.create_task(listen())
    while "active" not in states:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2.5)
    await queue.redis.delete(queue.namespace("sweep"))  # Another sweep is not that long ago.
    await queue.sweep()  # It is what a worker does on its timer.
    await asyncio.sleep(6)
    listening.cancel()
    job = await queue.job(key)
    return [state for state in states if state in STATES], job.status.value, job.error


async def main():
    await queue.connect()
    return await follow("tried twice", retries=2), await follow("tried once")


found = asyncio.run(main())
print("states, and what is kept at last:", *found, sep="\n")
sys.exit(found != ((["complete", "complete"], "complete", None), (["complete", "aborted"], "aborted", "swept")))
PYTHON
# Output seen:
#   states, and what is kept at last:
#   (['complete', 'complete'], 'complete', None)
#   (['complete', 'aborted'], 'aborted', 'swept')
