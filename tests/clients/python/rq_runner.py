"""RQ's client; its worker is RQ's own command."""

import contextlib
import time
from datetime import timedelta

import jobs
import redis
import rq
import sentinel
from conversation import answer
from rq.cli.helpers import get_redis_from_config

if sentinel.PLACE:
    connection = get_redis_from_config({"SENTINEL": sentinel.SENTINEL})
else:
    connection = redis.Redis(unix_socket_path=jobs.SOCKET)
queue = rq.Queue(connection=connection)

STATES = {"finished": "done", "failed": "failed", "canceled": "cancelled"}


def enqueue(job, arguments, delay=0, retries=0):
    """Enqueue one of the jobs; those to come are with RQ's scheduler."""
    retry = rq.Retry(max=retries) if retries else None
    words = {"args": arguments, "retry": retry}
    if delay:
        made = queue.enqueue_in(timedelta(seconds=delay), f"jobs.{job}", **words)
    else:
        made = queue.enqueue(f"jobs.{job}", **words)
    return made.id


def look(job_id):
    """Return state, result and error."""
    job = rq.job.Job.fetch(job_id, connection=connection)
    found = {"state": STATES.get(job.get_status(), "pending")}
    latest = job.latest_result()
    if found["state"] == "done":
        found["result"] = latest.return_value
    if found["state"] == "failed":
        found["error"] = latest.exc_string
    return found


def cancel(job_id):
    """Cancel a job that has not begun."""
    rq.job.Job.fetch(job_id, connection=connection).cancel()


def delete(job_id):
    """Delete a job, as a person does who tidies up."""
    rq.job.Job.fetch(job_id, connection=connection).delete()


def maintain(ahead=0):
    """Do at once what workers do every ten minutes, as if it were so much later.

    A scheduler that loses its connection ends; the next maintenance starts it anew.
    """
    queue.started_job_registry.cleanup(timestamp=time.time() + ahead)
    scheduler = rq.scheduler.RQScheduler([queue.name], connection)
    scheduler.prepare_registries([queue.name])
    scheduler.enqueue_scheduled_jobs()


def registries():
    """Return the IDs of the jobs in each registry, and in the queue itself."""
    return {"queued": queue.get_job_ids()} | {
        name: getattr(queue, f"{name}_job_registry").get_job_ids(cleanup=False)
        for name in ("started", "finished", "failed", "scheduled", "canceled")
    }


if __name__ == "__main__":
    with contextlib.closing(connection):
        answer(
            enqueue=enqueue,
            look=look,
            cancel=cancel,
            delete=delete,
            maintain=maintain,
            registries=registries,
        )
