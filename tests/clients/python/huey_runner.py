"""Huey's tasks and client; its worker is Huey's own consumer."""

import huey
import jobs
from conversation import answer
from huey.exceptions import TaskException

app = huey.RedisHuey(
    "runner", url=f"unix://{jobs.SOCKET}", store_intermediate_errors=False
)
TASKS = {name: app.task(name=name)(job) for name, job in jobs.JOBS.items()}


def enqueue(job, arguments, delay=None, retries=0):
    """Enqueue one of the tasks."""
    task = TASKS[job].s(*arguments, retries=retries)
    if delay:
        task.eta = huey.utils.normalize_time(delay=delay, utc=app.utc)
    return app.enqueue(task).id


def look(job_id):
    """Return state, result and error."""
    try:
        result = app.result(job_id, preserve=True)
    except TaskException as failure:
        return {"state": "failed", "error": failure.metadata["error"]}
    if result is not None:
        return {"state": "done", "result": result}
    state = "cancelled" if app.is_revoked(job_id) else "pending"
    return {"state": state}


def cancel(job_id):
    """Revoke a task; a worker that comes to it leaves it alone."""
    app.revoke_by_id(job_id)


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look, cancel=cancel)
