"""TaskTiger's client, and its worker, which an application starts by a script.

python -m tasktiger_runner worker
"""

import contextlib
import datetime as dt
import sys

import jobs
import redis
import tasktiger
from conversation import answer

ACTIVE_SECONDS = 5

connection = redis.Redis(unix_socket_path=jobs.SOCKET, decode_responses=True)
tiger = tasktiger.TaskTiger(
    connection=connection,
    config={
        # After that a task whose worker tells nothing is queued again.
        "ACTIVE_TASK_UPDATE_TIMER": 1,
        "ACTIVE_TASK_UPDATE_TIMEOUT": ACTIVE_SECONDS,
        "REQUEUE_EXPIRED_TASKS_INTERVAL": 1,
    },
    setup_structlog=True,
)
QUEUE = "default"


def enqueue(job, arguments, delay=0, retries=0):
    """Delay one of the jobs."""
    # Unless a task may be retried after a timeout, it fails when its worker dies.
    retry_on = [tasktiger.JobTimeoutException] if job == "hold" else [ValueError]
    task = tasktiger.Task(
        tiger,
        jobs.JOBS[job],
        args=arguments,
        retry=bool(retries) or job == "hold",
        retry_on=retry_on,
        retry_method=tasktiger.fixed(0, retries),
    )
    task.delay(when=dt.timedelta(seconds=delay) if delay else None)
    return task.id


def look(job_id):
    """Return state and error; TaskTiger keeps no results."""
    for state in ("queued", "active", "scheduled"):
        with contextlib.suppress(tasktiger.TaskNotFound):
            tasktiger.Task.from_id(tiger, QUEUE, state, job_id)
            return {"state": "pending"}
    with contextlib.suppress(tasktiger.TaskNotFound):
        task = tasktiger.Task.from_id(tiger, QUEUE, "error", job_id, load_executions=1)
        if task.executions:
            return {"state": "failed", "error": task.executions[-1]["traceback"]}
    return {"state": "done"}


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        tiger.run_worker(queues=QUEUE)
    else:
        answer(enqueue=enqueue, look=look)
