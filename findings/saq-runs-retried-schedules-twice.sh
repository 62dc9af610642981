#!/usr/bin/env bash
# SAQ runs a scheduled job twice, side by side, once it was retried.
#
# What:    a job with a time to run at, as each run of a cron job is, is retried: it failed and has
#          retries left, its worker was stopped for a deployment, or a sweep took it back from one that
#          died. It is pushed to its queue, and its old time goes back into the sorted set of what is
#          scheduled. That time has passed, so within a second the schedule pushes it once more. Two
#          tasks, of two workers or of one, run the job at the same time, and both complete. Jobs that
#          were enqueued to run at once, and those with a retry_delay, are not concerned.
# Where:   SAQ 0.26.4 with redis-py 7.0.1, redis-server 7.0 or later.
# Source:  saq/queue/redis.py: RedisQueue._retry does ZADD incomplete with job.scheduled, and RPUSH;
#          the script of RedisQueue.schedule takes all from a score of 1 to now, and pushes them.
#          Worker.process does not look at what became of a job before it starts it.
# Here:    `replay job` says "delivered twice: taken while another had it", and by which two clients
#          (docs/libraries/saq.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  'saq[redis]==0.26.4' redis==7.0.1 typing_extensions==4.16.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import logging
import os
import sys
import time

from redis.asyncio import Redis
from saq import Worker
from saq.queue.redis import RedisQueue

RUN_SECONDS = 4
logging.disable(logging.CRITICAL)
told = []
tasks = []


def tell(job, word):
    told.append((job.key, word))


def count(key, word):
    return told.count((key, word))


async def once_broken(context):
    """Fail the first time, and take its time after that."""
    job = context["job"]
    tell(job, "begun")
    if count(job.key, "begun") == 1:
        raise ValueError("it fails")
    await asyncio.sleep(RUN_SECONDS)
    tell(job, "ended")


async def long(context):
    tell(context["job"], "begun")
    await asyncio.sleep(RUN_SECONDS)
    tell(context["job"], "ended")


async def connect():
    queue = RedisQueue(Redis(unix_socket_path="s"), name="mail")
    await queue.connect()
    return queue


async def start(queue):
    worker = Worker(queue, functions=[once_broken, long], concurrency=4)
    tasks.append(asyncio.create_task(worker.start()))
    return worker


async def main():
    queue = await connect()
    worker = await start(queue)
    await asyncio.sleep(2)  # The sweep that it begins with is over.
    soon = int(time.time()) + 2
    await queue.enqueue("once_broken", key="plain", retries=3)
    await queue.enqueue("once_broken", key="scheduled", retries=3, scheduled=soon)
    await queue.enqueue("long", key="deployed", scheduled=soon + RUN_SECONDS + 4)
    while not count("deployed", "begun"):
        await asyncio.sleep(0.1)
    await worker.stop()
    await start(await connect())
    await asyncio.sleep(RUN_SECONDS + 4)
    keys = dict.fromkeys(key for key, _ in told)
    return {key: (count(key, "begun"), count(key, "ended")) for key in keys}


found = asyncio.run(main())
print("begun and ended:", found)
sys.stdout.flush()
os._exit(found != {"plain": (2, 1), "scheduled": (3, 2), "deployed": (3, 2)})
PYTHON
# Output seen:
#   begun and ended: {'plain': (2, 1), 'scheduled': (3, 2), 'deployed': (3, 2)}
