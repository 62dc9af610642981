"""A Celery application and its client; its worker is Celery's own command."""

import celery
import jobs
import sentinel
from conversation import answer

VISIBILITY_SECONDS = 5
RETRIES = 3

URL = f"redis+socket://{jobs.SOCKET}"
OPTIONS = {}
if sentinel.PLACE:
    URL = f"sentinel://{sentinel.PLACE}"
    OPTIONS = {
        "master_name": sentinel.MASTER,
        "socket_timeout": sentinel.PATIENCE_SECONDS,
    }

app = celery.Celery("runner", broker=URL, backend=URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_backend_transport_options=OPTIONS,
    broker_transport_options={
        **OPTIONS,
        "visibility_timeout": VISIBILITY_SECONDS,
        # Look each second whether it has passed, not every hundred seconds.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
    },
    task_acks_late=True,
    task_track_started=True,
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
)
STATES = {"SUCCESS": "done", "FAILURE": "failed", "REVOKED": "cancelled"}

add = app.task(name="add")(jobs.add)
fail = app.task(name="fail")(jobs.fail)
hold = app.task(name="hold")(jobs.hold)
flaky = app.task(
    name="flaky", autoretry_for=(ValueError,), max_retries=RETRIES, retry_backoff=False
)(jobs.flaky)
flaky.default_retry_delay = 0


@app.task(name="total")
def total(numbers):
    """Return the sum of what a chord's header returned."""
    return sum(numbers)


def enqueue(job, arguments, delay=None, retries=RETRIES, priority=0):
    """Send one of the tasks; 0 is the highest priority."""
    assert retries == RETRIES
    task = app.tasks[job]
    return task.apply_async(arguments, countdown=delay, priority=priority).id


def look(job_id):
    """Return state, result and error."""
    result = app.AsyncResult(job_id)
    found = {"state": STATES.get(result.state, "pending")}
    if found["state"] == "done":
        found["result"] = result.result
    if found["state"] == "failed":
        found["error"] = repr(result.result)
    return found


def cancel(job_id):
    """Tell all workers that are there to leave a task alone."""
    app.control.revoke(job_id)


def chord(token, numbers):
    """Send a chord, whose body gets what all of its header returned."""
    header = [add.s(f"{token}:{number}", number, number) for number in numbers]
    return celery.chord(header)(total.s()).id


def length():
    """Return how many messages wait in the queue, as Celery counts them."""
    with app.connection_or_acquire() as connection:
        try:
            queue = connection.default_channel.queue_declare("celery", passive=True)
        except connection.channel_errors:  # Redis keeps no empty queue
            return 0
    return queue.message_count


def ping():
    """Return how many workers answer."""
    return len(app.control.ping(timeout=1))


if __name__ == "__main__":
    answer(
        enqueue=enqueue, look=look, cancel=cancel, chord=chord, length=length, ping=ping
    )
