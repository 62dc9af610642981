"""taskiq's tour, over a stream of Redis; its worker is taskiq's own command."""

import asyncio

import jobs
import redis
import taskiq
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker
from touring import Worker, say, wait_until

IDLE_MS = 5000
URL = f"unix://{jobs.SOCKET}"
STREAM, OTHER = "taskiq", "other"

connection = redis.Redis(unix_socket_path=jobs.SOCKET, client_name="tour")
broker = (
    RedisStreamBroker(
        URL,
        consumer_id="0",
        idle_timeout=IDLE_MS,
        unacknowledged_lock_timeout=1,
        xread_block=200,
        xread_count=1,
    )
    .with_result_backend(RedisAsyncResultBackend(URL))
    .with_middlewares(taskiq.SimpleRetryMiddleware())
)
TASKS = {name: broker.task(task_name=name)(job) for name, job in jobs.JOBS.items()}


def worker():
    """Start a worker that runs one task at a time."""
    one = ["--workers", "1", "--max-async-tasks", "1", "--max-prefetch", "0"]
    return Worker("taskiq", "worker", "taskiq_tour:broker", *one)


async def send(job, token, *arguments, **labels):
    """Send a task, and return its id."""
    kicker = TASKS[job].kicker().with_labels(**labels)
    return (await kicker.kiq(token, *arguments)).task_id


def has_run(word, token, times=1):
    """Tell whether a task wrote a word."""
    return jobs.JOURNAL.read_text().count(f"{word} {token} ") >= times


def delete(job_id):
    """Remove a message from its stream, as a person does."""
    for entry_id, fields in connection.xrange(STREAM):
        if job_id.encode() in fields[b"data"]:
            connection.xdel(STREAM, entry_id)


async def tour():
    """Take the tour; return which task lived which story."""
    await broker.startup()
    retries = {"retry_on_error": True, "max_retries": 3}
    sent = {
        "plain": await send("add", "plain", 1, 1),
        "retried": await send("flaky", "retried", 2, **retries),
        "retried in vain": await send("flaky", "in-vain", 9, **retries),
        "failed": await send("fail", "failed"),
        "deleted": await send("add", "deleted", 1, 1),
        "waiting": await send("add", "waiting", 1, 1, queue_name=OTHER),
        "passed over": await send("add", "passed", 1, 1, queue_name="passed"),
    }
    delete(sent["deleted"])
    connection.xgroup_create("passed", "late", "$")
    first = worker()
    for name in ("plain", "retried", "retried in vain", "failed"):
        wait_until(lambda name=name: connection.exists(sent[name]), name)
    sent["taken back"] = await send("hold", "back")
    wait_until(lambda: has_run("held", "back"), "back")
    first.kill()
    second = worker()
    # Only behind a new message a worker looks for those that others left.
    while not has_run("held", "back", 2):
        await send("add", "stir", 1, 1)
        await asyncio.sleep(0.5)
    (jobs.FOLDER / "release").touch()
    wait_until(lambda: connection.exists(sent["taken back"]), "back")
    (jobs.FOLDER / "release").unlink()
    sent["killed"] = await send("hold", "killed")
    wait_until(lambda: has_run("held", "killed"), "killed")
    second.kill()
    return sent


async def look(sent):
    """Return what the library says of each."""
    states = {}
    for name, job_id in sent.items():
        state = "pending"
        if await broker.result_backend.is_result_ready(job_id):
            result = await broker.result_backend.get_result(job_id)
            state = "failed" if result.is_err else "done"
        states[f"state of {name}"] = state
    return states


async def main():
    """Take the tour, and say what became of it."""
    sent = await tour()
    counts = await look(sent)
    counts["pending"] = connection.xpending(STREAM, "taskiq")["pending"]
    await broker.shutdown()
    say(sent, counts)


if __name__ == "__main__":
    asyncio.run(main())
