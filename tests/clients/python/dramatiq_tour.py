"""Dramatiq's tour; its workers are Dramatiq's own command over this very module."""

import time

import dramatiq
import jobs
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as Limits
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend
from touring import Worker, say, wait_until

DAY_MS = 86_400_000
HEARTBEAT_MS = 60_000
URL = f"unix://{jobs.SOCKET}"

broker = RedisBroker(url=URL, heartbeat_timeout=HEARTBEAT_MS)
limits = Limits(client=broker.client)
broker.add_middleware(Results(backend=RedisBackend(client=broker.client)))
broker.add_middleware(GroupCallbacks(limits))
dramatiq.set_broker(broker)
taken = ConcurrentRateLimiter(limits, "mail", limit=1)

ONCE = {"max_retries": 0}
AGAIN = {"max_retries": 2, "min_backoff": 10, "max_backoff": 20}
KEPT = {"store_results": True, "result_ttl": DAY_MS}


@dramatiq.actor(**ONCE, **KEPT)
def add(*arguments):
    """Return a sum."""
    return jobs.add(*arguments)


@dramatiq.actor(**ONCE)
def forget(*arguments):
    """Keep nothing."""
    jobs.add(*arguments)


@dramatiq.actor(**ONCE, store_results=True, result_ttl=1000)
def add_briefly(*arguments):
    """Return a sum that is kept for a second."""
    return jobs.add(*arguments)


@dramatiq.actor(**ONCE)
def fail(*arguments):
    """End in an error."""
    jobs.fail(*arguments)


@dramatiq.actor(**AGAIN)
def flaky(*arguments):
    """Fail some times."""
    jobs.flaky(*arguments)


@dramatiq.actor(**AGAIN, throws=(ValueError,))
def reject(*arguments):
    """End in an error that is not to be retried."""
    jobs.fail(*arguments)


@dramatiq.actor(**ONCE, time_limit=1000)
def sleep(token):
    """Sleep for longer than it may."""
    jobs.tell("held", token)
    for _ in range(600):
        time.sleep(0.05)


@dramatiq.actor(queue_name="other", **ONCE)
def hold(*arguments):
    """Wait for the release."""
    jobs.hold(*arguments)


@dramatiq.actor(max_retries=9, min_backoff=200, max_backoff=400)
def mail(token):
    """Be one at a time."""
    with taken.acquire():
        jobs.tell("ran", token)
        time.sleep(0.5)


def has_run(token, times=1):
    """Tell whether a job wrote that it ran."""
    return jobs.JOURNAL.read_text().count(f"ran {token} ") >= times


def is_held(token):
    """Tell whether a job wrote that it waits."""
    return f"held {token} " in jobs.JOURNAL.read_text()


def send():
    """Send a message of each kind."""
    sent = {
        "plain": add.send("plain", 1, 1),
        "unkept": forget.send("unkept", 1, 1),
        "expired": add_briefly.send("expired", 1, 1),
        "failed": fail.send("failed"),
        "retried": flaky.send("retried", 2),
        "retried in vain": flaky.send("in-vain", 9),
        "rejected": reject.send("rejected"),
        "too slow": sleep.send("too-slow"),
        "delayed": add.send_with_options(args=("delayed", 1, 1), delay=1000),
        "far": add.send_with_options(args=("far", 1, 1), delay=DAY_MS),
        "aged": add.send_with_options(args=("aged", 1, 1), max_age=1),
        "limited 1": mail.send("limited-1"),
        "limited 2": mail.send("limited-2"),
    }
    line = add.message("first", 1, 1) | add.message("second", 1)
    line.run()
    sent |= {"pipeline": line.messages[0], "pipeline's end": line.messages[1]}
    callback = forget.message("callback", 1, 1)
    group = dramatiq.group([add.message("group-1", 1, 1), add.message("group-2", 1, 1)])
    group.add_completion_callback(callback)
    group = group.run()
    first, second = group.children
    return sent | {"group 1": first, "group 2": second, "callback": callback}


def main():
    """Take the tour."""
    sent = send()
    time.sleep(0.05)  # one is too old then
    running = Worker("dramatiq", "dramatiq_tour", "--processes", "1", "--threads", "2")
    for token, times in (("plain", 1), ("retried", 3), ("in-vain", 3), ("delayed", 1)):
        wait_until(lambda token=token, times=times: has_run(token, times), token)
    for token in ("limited-1", "limited-2", "second", "callback", "failed", "rejected"):
        wait_until(lambda token=token: has_run(token), token)
    wait_until(lambda: is_held("too-slow"), "too slow")
    wait_until(lambda: len(dead()) >= 5, "dead letters")
    wait_until(lambda: not broker.client.exists("dramatiq:default"), "the queue")
    sent["killed"] = hold.send("killed")
    wait_until(lambda: is_held("killed"), "killed")
    time.sleep(1)
    running.kill()
    ids = {story: message.message_id for story, message in sent.items()}
    counts = {f"is dead: {story}": job in dead() for story, job in ids.items()}
    say(ids, counts)


def dead():
    """Return the ids of dead messages."""
    fields = broker.client.hvals("dramatiq:default.XQ.msgs")
    return {dramatiq.Message.decode(each).message_id for each in fields}


if __name__ == "__main__":
    main()
