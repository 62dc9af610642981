"""Celery's tour; its worker is Celery's own command over this very module."""

import time

import celery
import jobs
from celery.exceptions import Ignore, Reject
from touring import Worker, say, wait_until

SOON_SECONDS = 0.2
ETA_SECONDS = 3
VISIBILITY_SECONDS = 600

app = celery.Celery(
    "celery_tour",
    broker=f"redis+socket://{jobs.SOCKET}",
    backend=f"redis+socket://{jobs.SOCKET}",
)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
    worker_concurrency=1,
    worker_prefetch_multiplier=8,
    result_expires=60,
)


@app.task
def plain(token):
    """Run."""
    return jobs.add(token, 1, 1)


@app.task(ignore_result=True)
def unkept(token):
    """Run, and keep no result; acknowledged before."""
    jobs.tell("ran", token)


@app.task(ignore_result=True, acks_late=True)
def unkept_late(token):
    """Run, and keep no result; acknowledged afterwards."""
    time.sleep(SOON_SECONDS)
    jobs.tell("ran", token)


@app.task(acks_late=True)
def late(token):
    """Run, and be acknowledged afterwards."""
    return jobs.add(token, 1, 1)


def _retry(self, token, failures):
    try:
        return jobs.flaky(token, failures)
    except ValueError as error:
        raise self.retry(exc=error, countdown=SOON_SECONDS) from error


retried = app.task(name="retried", bind=True, max_retries=2)(_retry)
retried_late = app.task(name="retried_late", bind=True, max_retries=2, acks_late=True)(
    _retry
)


@app.task(bind=True, max_retries=2, acks_late=True)
def retried_at_once(self, token, failures):
    """Be retried without a countdown."""
    try:
        return jobs.flaky(token, failures)
    except ValueError as error:
        raise self.retry(exc=error, countdown=0) from error


@app.task
def fail(token):
    """Fail."""
    jobs.fail(token)


@app.task(bind=True)
def ignored(self, token):
    """End without a state, as a task that keeps its own does."""
    jobs.tell("ran", token)
    self.update_state(state="SUCCESS")
    raise Ignore


@app.task(bind=True, acks_late=True)
def rejected(self, token):
    """Be rejected."""
    jobs.tell("ran", token)
    raise Reject("no more", requeue=False)


@app.task(time_limit=1)
def slow(token):
    """Run into the hard limit."""
    jobs.tell("ran", token)
    time.sleep(60)


@app.task
def total(numbers):
    """Return a sum."""
    return sum(numbers)


@app.task(acks_late=True)
def hold(token):
    """Run until the release."""
    return jobs.hold(token)


def has_run(token, times=1):
    """Tell whether a job wrote that it ran."""
    return jobs.JOURNAL.read_text().count(f"ran {token} ") >= times


def send():
    """Send one task of each kind."""
    return {
        "plain": plain.delay("plain"),
        "unkept": unkept.delay("unkept"),
        "unkept late": unkept_late.delay("unkept-late"),
        "unkept by call": plain.apply_async(("by-call",), ignore_result=True),
        "late": late.delay("late"),
        "retried": retried.delay("retried", 2),
        "retried late": retried_late.delay("retried-late", 2),
        "retried at once": retried_at_once.delay("at-once", 2),
        "retried in vain": retried.delay("in-vain", 9),
        "failed": fail.delay("failed"),
        "ignored": ignored.delay("ignored"),
        "rejected": rejected.delay("rejected"),
        "slow": slow.delay("slow"),
        "unknown": app.send_task("celery_tour.nobody"),
        "expired": plain.apply_async(("expired",), expires=-1),
        "urgent": plain.apply_async(("urgent",), priority=3),
        "countdown": late.apply_async(("countdown",), countdown=ETA_SECONDS),
    }


def main():
    """Take the tour."""
    sent = send()
    sent["revoked"] = plain.delay("revoked")
    chain = celery.chain(plain.si("chain-1"), plain.si("chain-2"))()
    chord = celery.chord([plain.s("chord-1"), plain.s("chord-2")])(total.s())
    group = celery.group(plain.s("group-1"), plain.s("group-2"))()
    sent |= {"chain": chain.parent, "chain's end": chain, "chord": chord}
    sent |= {"group 1": group.results[0], "group 2": group.results[1]}
    worker = Worker(*("celery", "-A", "celery_tour", "worker", "--loglevel", "INFO"))
    wait_until(lambda: app.control.ping(timeout=1), "no worker came")
    later = plain.apply_async(("revoked-later",), countdown=ETA_SECONDS)
    later.revoke()
    sent["revoked later"] = later
    ends = [one for one in sent.values() if not one.ignored]
    quiet = {sent[name].id for name in ("rejected", "unkept by call")}
    for one in ends:
        if one.id not in quiet:
            wait_until(one.ready, one)
    for token in ("unkept", "unkept-late", "by-call", "rejected"):
        wait_until(lambda token=token: has_run(token), token)
    sent["killed"] = hold.delay("killed")
    wait_until(lambda: "held killed" in jobs.JOURNAL.read_text(), "killed")
    sent["far"] = late.apply_async(("far",), countdown=3000)
    time.sleep(1)
    worker.kill()
    states = {name: one.state for name, one in sent.items()}
    say({name: one.id for name, one in sent.items()}, states)


if __name__ == "__main__":
    main()
