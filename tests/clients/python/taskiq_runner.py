"""taskiq's tasks and client over a stream; worker and scheduler are its own commands.

python -m taskiq_runner worker              run both, as a deployment does
python -m taskiq_runner worker scheduler    run the scheduler alone
"""

import contextlib
import datetime as dt
import os
import subprocess
import sys
import time
import uuid

import jobs
import taskiq
from conversation import answer
from taskiq_redis import (
    ListRedisScheduleSource,
    RedisAsyncResultBackend,
    RedisStreamBroker,
)

IDLE_MS = 5000
STIR_SECONDS = 1.0
URL = f"unix://{jobs.SOCKET}"
COMMAND = [sys.executable, "-m", "taskiq"]
EVERY_SECOND = ["--update-interval", "1"]
SCHEDULER = [*COMMAND, "scheduler", "taskiq_runner:scheduler", *EVERY_SECOND]

broker = (
    RedisStreamBroker(
        URL,
        consumer_id="0",  # what was sent before the first worker came, too
        idle_timeout=IDLE_MS,
        unacknowledged_lock_timeout=1,
        xread_block=500,
    )
    .with_result_backend(RedisAsyncResultBackend(URL))
    .with_middlewares(taskiq.SimpleRetryMiddleware())
)
source = ListRedisScheduleSource(URL)
scheduler = taskiq.TaskiqScheduler(broker, [source])
TASKS = {name: broker.task(task_name=name)(job) for name, job in jobs.JOBS.items()}
ready = []
stirred = [0.0]


async def enqueue(job, arguments, delay=0, retries=0):
    """Send one of the tasks; those to come are with the scheduler."""
    if not ready:
        await broker.startup()
        await source.startup()
        ready.append(True)
    kicker = TASKS[job].kicker()
    if retries:
        kicker = kicker.with_labels(retry_on_error=True, max_retries=retries + 1)
    if not delay:
        return (await kicker.kiq(*arguments)).task_id
    when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay)
    job_id = uuid.uuid4().hex
    await kicker.with_task_id(job_id).schedule_by_time(source, when, *arguments)
    return job_id


@broker.task
def nothing():
    """Do nothing."""


async def stir():
    """Send what does nothing: only behind a new message a worker looks for old ones."""
    if time.monotonic() - stirred[0] > STIR_SECONDS:
        stirred[0] = time.monotonic()
        # The connection is to a server that was killed: the next one is new.
        with contextlib.suppress(taskiq.SendTaskError):
            await nothing.kiq()


async def look(job_id):
    """Return state, result and error."""
    if not await broker.result_backend.is_result_ready(job_id):
        return {"state": "pending"}
    found = await broker.result_backend.get_result(job_id)
    if found.is_err:
        return {"state": "failed", "error": repr(found.error)}
    return {"state": "done", "result": found.return_value}


def work():
    """Become the worker; the scheduler is its child.

    A scheduler that finds no server ends: another is started, as a supervisor would.
    """
    supervise = f"import subprocess\nwhile True: subprocess.run({SCHEDULER!r})"
    subprocess.Popen([sys.executable, "-c", supervise])
    one = ["--workers", "1", "--max-async-tasks", "1"]
    os.execv(sys.executable, [*COMMAND, "worker", "taskiq_runner:broker", *one])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker"]:
            work()
        case ["worker", "scheduler"]:
            os.execv(sys.executable, SCHEDULER)
    answer(enqueue=enqueue, look=look, stir=stir)
