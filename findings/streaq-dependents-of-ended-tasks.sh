#!/usr/bin/env bash
# What a streaQ task that depends on another does, hangs on whether it came before that one's end.
#
# What:    `task.start(after=ID)` lets a task wait for another, and fail with it. That holds while the
#          other has not ended. Behind a task that has failed already it runs, as if all were well; and
#          behind one that ended longer ago than its result is kept (five minutes by default, and not
#          at all with ttl=0) it waits for ever: no worker looks at it again, it has no deadline, and it is
#          told as scheduled. So a pipeline that takes its time to enqueue the next step loses the step.
# Where:   streaQ 7.2.0 with coredis 6.9.0, redis-server 7.0 or later.
# Source:  streaq/lua/streaq.lua, publish_task: only where no key has the result of the other it is taken
#          for one to wait for; what the result says is not looked at, and whether there is such a task
#          neither. fail_dependents and update_dependents come but with the end of the other.
# Here:    the same; the keys `streaq:QUEUE:task:dependencies:ID` tell who waits for whom
#          (docs/libraries/others.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check streaq==7.2.0 coredis==6.9.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import logging
import os
import sys

import anyio
from streaq import TaskStatus, Worker

WAIT_SECONDS = 5
logging.disable(logging.CRITICAL)
worker = Worker(redis_url=f"unix://{os.getcwd()}/s", queue_name="mail")
ran = []


@worker.task(ttl=1)
async def quick():
    return "done"


@worker.task(max_tries=1)
async def broken():
    await anyio.sleep(1)
    raise ValueError("it fails")


@worker.task()
async def follow(name):
    ran.append(name)


async def look(task):
    return str(await task.status()), bool(await worker.redis.exists([worker.task_key + task.id]))


async def main():
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run_async)
        await anyio.sleep(2)
        done, failed = await quick.enqueue(), await broken.enqueue()
        tasks = {
            "before it was done": await follow.enqueue("before it was done").start(after=done.id),
            "before it failed": await follow.enqueue("before it failed").start(after=failed.id),
        }
        await anyio.sleep(WAIT_SECONDS)
        ended = [await task.status() for task in (failed, *tasks.values())]
        for name, other in (("after it failed", failed), ("after its result went", done)):
            tasks[name] = await follow.enqueue(name).start(after=other.id)
        await anyio.sleep(WAIT_SECONDS)
        waiting = await look(tasks["after its result went"])
        print("ran:", ran)
        print("after its result went: status, kept:", *waiting)
        names = ["before it was done", "after it failed"]
        is_so = ended == [TaskStatus.DONE] * 3 and ran == names and waiting == (TaskStatus.SCHEDULED, True)
        sys.stdout.flush()
        os._exit(not is_so)


anyio.run(main)
PYTHON
# Output seen:
#   ran: ['before it was done', 'after it failed']
#   after its result went: status, kept: scheduled True
