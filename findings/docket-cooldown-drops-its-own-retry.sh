#!/usr/bin/env bash
# Docket drops a task's retry, and its redelivery, as a duplicate of the task itself.
#
# What:    a task has Retry and Cooldown: it is to be tried again when it fails, and no other is to
#          start within a minute of it. The cooldown is a key with a deadline, which the first try sets
#          and every try looks for: so the second finds the key of the first, counts as its duplicate
#          and is dropped. The execution ends as cancelled, without the error of the try that failed.
#          The same becomes of a task whose worker died in the middle of it: another worker takes it
#          over once the redelivery timeout has passed, and drops it. So what runs at least once
#          without a cooldown is lost with one that lasts longer than retries or redelivery take.
# Where:   pydocket 0.27.0 with redis-py 8.1.0, redis-server 7.0 or later.
# Source:  docket/dependencies/_cooldown.py, Cooldown.__aenter__: SET NX of a key with the function's
#          or the argument's name, and nothing of the execution; AdmissionBlocked with reschedule=False.
#          Docket's Debounce keeps the execution's key in its own, and knows it again.
# Here:    the same; the `cooldown` key and its deadline are in the log (docs/libraries/others.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydocket==0.27.0 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >tasks.py <<'PYTHON'
import asyncio
import os
import sys
from datetime import timedelta

import redis
from docket import Cooldown, Docket, Retry, Worker

RETRY = Retry(attempts=3, delay=timedelta(seconds=1))
MINUTE = Cooldown(timedelta(minutes=1))
TAKEN_OVER = timedelta(seconds=2)
server = redis.Redis(unix_socket_path="s", decode_responses=True)


def tell(name):
    """Note down that a task was begun, and return how often it was."""
    return server.incr(f"begun:{name}")


async def broken(retry: Retry = RETRY):
    if tell("broken") == 1:
        raise ValueError("it fails")


async def broken_and_cool(retry: Retry = RETRY, cooldown: Cooldown = MINUTE):
    if tell("broken_and_cool") == 1:
        raise ValueError("it fails")


async def killed():
    if tell("killed") == 1:
        await asyncio.sleep(60)


async def killed_and_cool(cooldown: Cooldown = MINUTE):
    if tell("killed_and_cool") == 1:
        await asyncio.sleep(60)


TASKS = [broken, broken_and_cool, killed, killed_and_cool]


def make_docket():
    docket = Docket(name="mail", url=f"unix://{os.getcwd()}/s")
    for task in TASKS:
        docket.register(task)
    return docket


async def work():
    async with make_docket() as docket, Worker(docket, redelivery_timeout=TAKEN_OVER) as worker:
        await worker.run_forever()


if sys.argv[1:] == ["work"]:
    asyncio.run(work())
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import subprocess
import sys

import tasks

WORKER = [sys.executable, "tasks.py", "work"]


def start():
    return subprocess.Popen(WORKER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def main():
    names = [task.__name__ for task in tasks.TASKS]
    async with tasks.make_docket() as docket:
        for task in tasks.TASKS:
            await docket.add(task, key=task.__name__)()
        worker = start()
        for _ in range(200):
            if all(tasks.server.get(f"begun:{name}") for name in names):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        worker.kill()
        worker.wait()
        worker = start()
        await asyncio.sleep(12)
        worker.kill()
        worker.wait()
        found = {}
        for name in names:
            execution = await docket.get_execution(name)
            state = execution.state.value if execution else None
            error = execution.error if execution else None
            found[name] = int(tasks.server.get(f"begun:{name}")), state, error
        return found


found = asyncio.run(main())
for name, (begun, state, error) in found.items():
    print(f"{name}: begun {begun} times, {state}, error {error}")
sys.exit(
    found
    != {
        "broken": (2, "completed", None),
        "broken_and_cool": (1, "cancelled", None),
        "killed": (2, "completed", None),
        "killed_and_cool": (1, "cancelled", None),
    }
)
PYTHON
# Output seen:
#   broken: begun 2 times, completed, error None
#   broken_and_cool: begun 1 times, cancelled, error None
#   killed: begun 2 times, completed, error None
#   killed_and_cool: begun 1 times, cancelled, error None
