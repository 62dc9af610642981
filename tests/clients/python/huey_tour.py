"""Huey's tour: each of its storages on Redis, with Huey's own consumer."""

import contextlib

import huey
import jobs
from huey.exceptions import RateLimitExceeded, TaskException
from touring import Worker, say, wait_until

URL = f"unix://{jobs.SOCKET}"
DONE_DELAY_SECONDS = 1
QUEUES = {
    "plain": huey.RedisHuey("plain", url=URL),
    "expiring": huey.RedisExpireHuey("expiring", url=URL, expire_time=3600),
    "urgent": huey.PriorityRedisHuey("urgent", url=URL),
    "both": huey.PriorityRedisExpireHuey("both", url=URL, expire_time=3600),
    "brief": huey.RedisExpireHuey("brief", url=URL, expire_time=1),
}
plain, expiring, urgent, both, brief = QUEUES.values()


def silent(token):
    """Run, and return nothing: Huey keeps no result of that."""
    jobs.tell("ran", token)


def limited(token):
    """Run, and run into a rate limit once."""
    jobs.tell("ran", token)
    if jobs.JOURNAL.read_text().count(f"ran {token} ") == 1:
        raise RateLimitExceeded("a-limit", delay=1, retry=True)
    return token


TASKS = {**jobs.JOBS, "silent": silent, "limited": limited}
# The consumer finds them by these names in its own process.
FUNCTIONS = {
    queue: {name: app.task(name=name)(job) for name, job in TASKS.items()}
    for queue, app in QUEUES.items()
}


def result_of(app, task_id):
    """Return "done" or "failed" where a result says so, else ""."""
    with contextlib.suppress(TaskException):
        return "done" if app.result(task_id, preserve=True) is not None else ""
    return "failed"


def send(name, app, function):
    """Enqueue a task of each kind."""
    later = function["add"].s(f"{name}-later", 1, 1)
    later.eta = huey.utils.normalize_time(delay=DONE_DELAY_SECONDS, utc=app.utc)
    tasks = {
        "plain": function["add"].s(f"{name}-plain", 1, 1),
        "retried": function["flaky"].s(f"{name}-retried", 2, retries=3),
        "failed": function["fail"].s(f"{name}-failed", retries=1),
        "silent": function["silent"].s(f"{name}-silent"),
        "limited": function["limited"].s(f"{name}-limited"),
        "later": later,
    }
    return {story: app.enqueue(task).id for story, task in tasks.items()}


def run(name, app):
    """Let one queue's tasks run through."""
    function = FUNCTIONS[name]
    sent = send(name, app, function)
    sent["revoked"] = app.enqueue(function["add"].s(f"{name}-revoked", 1, 1)).id
    app.revoke_by_id(sent["revoked"])
    worker = Worker("huey.bin.huey_consumer", f"huey_tour.{name}", "-w", "1")
    for story, end in (
        *(("plain", "done"), ("retried", "done"), ("failed", "failed")),
        *(("limited", "done"), ("later", "done")),
    ):
        wait_until(
            lambda story=story, end=end: result_of(app, sent[story]) == end,
            f"{name} {story}",
        )
    sent["killed"] = app.enqueue(function["hold"].s(f"{name}-killed")).id
    wait_until(lambda: f"held {name}-killed" in jobs.JOURNAL.read_text(), "killed")
    worker.kill()
    return sent


def be_brief():
    """Let a result expire before anybody looks at it."""
    worker = Worker("huey.bin.huey_consumer", "huey_tour.brief", "-w", "1")
    task = brief.enqueue(FUNCTIONS["brief"]["add"].s("expired", 1, 1)).id
    wait_until(lambda: result_of(brief, task) == "done", "brief")
    wait_until(lambda: brief.result_count() == 0, "expired")
    worker.kill()
    return task


def main():
    """Take the tour."""
    stories, counts = {}, {}
    for name, app in QUEUES.items():
        if name == "brief":
            continue
        for story, task in run(name, app).items():
            stories[f"{name}: {story}"] = task
            counts[f"{name}: {story}"] = result_of(app, task)
    # What is read is forgotten where results do not expire.
    assert plain.result(stories["plain: plain"]) == 2
    stories["result expired"] = be_brief()
    say(stories, counts)


if __name__ == "__main__":
    # A task is called by its module's name, which in the consumer is this one.
    import huey_tour

    huey_tour.main()
