"""RQ's tour; its workers are RQ's own command."""

import time
from datetime import timedelta

import jobs
import redis
import rq
from rq.command import send_stop_job_command
from touring import Worker, say, wait_until

connection = redis.Redis(unix_socket_path=jobs.SOCKET, client_name="tour")
queue = rq.Queue("default", connection=connection)
STATUSES = ("finished", "failed", "canceled", "scheduled", "deferred", "started")


def worker(*names, options=("--with-scheduler",)):
    """Start a worker."""
    url = ("--url", f"unix://{jobs.SOCKET}")
    return Worker("rq.cli", "worker", *url, *options, *names)


def status(job):
    """Return a job's status, "gone" where it has none."""
    try:
        return str(job.get_status(refresh=True).value)
    except rq.exceptions.InvalidJobOperation:
        return "gone"


def send():
    """Enqueue a job of each kind."""
    add, limit = "jobs.add", rq.RateLimit("mail", 1)
    sent = {
        "plain": queue.enqueue(add, "plain", 1, 1),
        "retried": queue.enqueue("jobs.flaky", "retried", 2, retry=rq.Retry(max=3)),
        "retried later": queue.enqueue(
            *("jobs.flaky", "retried-later", 1), retry=rq.Retry(max=2, interval=1)
        ),
        "failed": queue.enqueue("jobs.fail", "failed"),
        "unkept": queue.enqueue(add, "unkept", 1, 1, result_ttl=0),
        "expired": queue.enqueue(add, "expired", 1, 1, result_ttl=1),
        "failure unkept": queue.enqueue("jobs.fail", "failure", failure_ttl=1),
        "repeated": queue.enqueue(add, "repeated", 1, 1, repeat=rq.Repeat(times=2)),
        "repeated later": queue.enqueue(
            add, "repeated-later", 1, 1, repeat=rq.Repeat(times=1, interval=1)
        ),
        "scheduled": queue.enqueue_in(timedelta(seconds=1), add, "scheduled", 1, 1),
        "cancelled": queue.enqueue(add, "cancelled", 1, 1),
        "far": queue.enqueue_in(timedelta(days=1), add, "far", 1, 1),
        "limited 1": queue.enqueue(add, "limited-1", 1, 1, rate_limit=limit),
        "limited 2": queue.enqueue(add, "limited-2", 1, 1, rate_limit=limit),
        "limited 3": queue.enqueue("jobs.fail", "limited-3", rate_limit=limit),
    }
    sent["dependent"] = queue.enqueue(add, "dep", 1, 1, depends_on=sent["plain"])
    sent["never"] = queue.enqueue(add, "never", 1, 1, depends_on=sent["failed"])
    sent["cancelled"].cancel()
    return sent


def walk_away(sent):
    """Let queues be emptied and deleted, and a person pop what nobody ran."""
    other = rq.Queue("other", connection=connection)
    sent["emptied"] = other.enqueue("jobs.add", "emptied", 1, 1)
    sent["emptied too"] = other.enqueue("jobs.add", "emptied", 1, 1)
    other.empty()
    gone = rq.Queue("gone", connection=connection)
    sent["queue deleted"] = gone.enqueue("jobs.add", "gone", 1, 1)
    gone.delete(delete_jobs=True)
    popped = rq.Queue("popped", connection=connection)
    sent["popped by hand"] = popped.enqueue("jobs.add", "popped", 1, 1)
    connection.lpop(popped.key)
    held = rq.RateLimit("held", 1)
    sent["let through"] = popped.enqueue("jobs.add", "through", 1, 1, rate_limit=held)
    sent["held back"] = popped.enqueue("jobs.add", "held", 1, 1, rate_limit=held)
    sent["waiting"] = popped.enqueue("jobs.add", "waiting", 1, 1)


def run_again(sent):
    """Bring jobs back that were done: by the library, by hand, and with a parent."""
    for name in ("enqueued anew", "pushed by hand", "parent", "child"):
        words = {"depends_on": sent["parent"]} if name == "child" else {}
        sent[name] = queue.enqueue("jobs.add", name.replace(" ", "-"), 1, 1, **words)
    wait_until(lambda: status(sent["child"]) == "finished", "child")
    queue.enqueue_job(sent["enqueued anew"])
    connection.rpush(queue.key, sent["pushed by hand"].id)
    queue.enqueue_job(sent["parent"])
    for name in ("enqueued-anew", "pushed-by-hand", "parent"):
        wait_until(lambda name=name: has_run(name, 2), name)
    sent["requeued"] = queue.enqueue("jobs.flaky", "requeued", 1)
    wait_until(lambda: status(sent["requeued"]) == "failed", "requeued")
    sent["requeued"].requeue()
    wait_until(lambda: status(sent["requeued"]) == "finished", "requeued")


def has_run(token, times=1):
    """Tell whether a job wrote that it ran."""
    return jobs.JOURNAL.read_text().count(f"ran {token} ") >= times


def stop_and_kill(sent):
    """Let one job be stopped by command, and the worker of another be killed."""
    sent["stopped"] = queue.enqueue("jobs.hold", "stopped")
    wait_until(lambda: "held stopped" in jobs.JOURNAL.read_text(), "stopped")
    send_stop_job_command(connection, sent["stopped"].id)
    wait_until(lambda: status(sent["stopped"]) == "stopped", "stopped")
    sent["killed"] = queue.enqueue("jobs.hold", "killed")
    wait_until(lambda: "held killed" in jobs.JOURNAL.read_text(), "killed")


def main():
    """Take the tour."""
    sent = send()
    walk_away(sent)
    running = worker("default")
    for name in ("plain", "retried", "retried later", "scheduled", "dependent"):
        wait_until(lambda name=name: status(sent[name]) == "finished", name)
    for name in ("failed", "limited 3"):
        wait_until(lambda name=name: status(sent[name]) == "failed", name)
    for name, times in (("repeated", 3), ("repeated-later", 2)):
        wait_until(lambda name=name, times=times: has_run(name, times), name)
    run_again(sent)
    time.sleep(1)
    wait_until(lambda: status(sent["expired"]) == "gone", "expired")
    queue.finished_job_registry.cleanup()
    queue.failed_job_registry.cleanup()
    stop_and_kill(sent)
    running.kill()
    counts = {
        name: len(getattr(queue, f"{name}_job_registry").get_job_ids(cleanup=False))
        for name in STATUSES
    }
    counts["waiting"] = len(rq.Queue("popped", connection=connection).job_ids)
    counts |= {f"status of {name}": status(job) for name, job in sent.items()}
    say({name: job.id for name, job in sent.items()}, counts)


if __name__ == "__main__":
    main()
