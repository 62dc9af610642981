"""SAQ's tour; its workers are SAQ's own command over this very module."""

import asyncio
import time

import jobs
from redis.asyncio import Redis
from saq.job import CronJob, Status
from saq.queue.redis import RedisQueue
from touring import Worker, say, wait_until

CALM_SECONDS = 600
DAY_SECONDS = 86_400

queue = RedisQueue(Redis.from_url(f"unix://{jobs.SOCKET}"))
other = RedisQueue(Redis.from_url(f"unix://{jobs.SOCKET}"), name="other")


async def add(ctx, *, arguments):
    """Return a sum."""
    return jobs.add(*arguments)


async def fail(ctx, *, arguments):
    """End in an error."""
    jobs.fail(*arguments)


async def flaky(ctx, *, arguments):
    """Fail some times."""
    return jobs.flaky(*arguments)


async def hold(ctx, *, arguments):
    """Wait for the release, without keeping the loop from its timers."""
    return await asyncio.to_thread(jobs.hold, *arguments)


async def nap(ctx, *, arguments):
    """Sleep for longer than a job may, the first time."""
    jobs.tell("held", arguments[0])
    if jobs.JOURNAL.read_text().count(f"held {arguments[0]} ") == 1:
        await asyncio.sleep(60)


async def tick(ctx):
    """Run by a schedule."""
    jobs.tell("ran", "tick")


COMMON = {
    "functions": [add, fail, flaky, hold, nap, tick],
    "concurrency": 4,
    "timers": {"schedule": 1, "sweep": 600, "stats": 60, "worker_info": 60},
}
settings = {
    "queue": queue,
    **COMMON,
    "cron_jobs": [CronJob(tick, cron="* * * * * */1", retries=1, timeout=5)],
}
other_settings = {"queue": other, **COMMON, "concurrency": 1}


async def send():
    """Enqueue a job of each kind."""
    add_1 = [1, 1]
    send_one = queue.enqueue
    sent = {
        "plain": await send_one("add", arguments=["plain", *add_1]),
        "named": await send_one("add", arguments=["named", *add_1], key="named"),
        "retried": await send_one("flaky", arguments=["retried", 2], retries=3),
        "retried later": await send_one(
            "flaky", arguments=["retried-later", 2], retries=3, retry_delay=0.3
        ),
        "retried in vain": await send_one("flaky", arguments=["in-vain", 9], retries=3),
        "failed": await send_one("fail", arguments=["failed"]),
        "unkept": await send_one("add", arguments=["unkept", *add_1], ttl=-1),
        "expired": await send_one("add", arguments=["expired", *add_1], ttl=1),
        "scheduled": await send_one(
            "add", arguments=["scheduled", *add_1], scheduled=int(time.time()) + 2
        ),
        "far": await send_one(
            "add", arguments=["far", *add_1], scheduled=int(time.time()) + DAY_SECONDS
        ),
        "aborted": await send_one("add", arguments=["aborted", *add_1]),
        "too slow": await send_one("nap", arguments=["too-slow"], timeout=1),
        "unknown": await send_one("add", arguments=[]),
        "other": await other.enqueue("add", arguments=["other", *add_1]),
    }
    # A key is taken as long as its job has not ended.
    assert await send_one("add", arguments=["named", *add_1], key="named") is None
    await sent["aborted"].abort("nobody wants it")
    return sent


async def wait_for(job, *states):
    """Wait until a job has a state."""
    for _ in range(1200):
        await job.refresh()
        if job.status in states:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{job}: {job.status}")


async def wait_for_schedule():
    """Wait until the tick that has ended is due anew, which takes a moment."""
    for _ in range(1200):
        found = await queue.job("cron:tick")
        if found is not None and found.status == Status.QUEUED:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("cron:tick")


def has_run(token, times=1):
    """Tell whether a job wrote that it ran."""
    return jobs.JOURNAL.read_text().count(f"ran {token} ") >= times


def is_held(token):
    """Tell whether a job wrote that it waits."""
    return f"held {token} " in jobs.JOURNAL.read_text()


async def walk_on(sent):
    """Let a job be aborted while it runs, and one be enqueued anew once it is done."""
    sent["aborted in work"] = job = await queue.enqueue(
        "nap", arguments=["aborted"], timeout=0
    )
    wait_until(lambda: is_held("aborted"), "aborted")
    await job.abort("stopped by hand")
    await wait_for(job, Status.ABORTED)
    again = await queue.enqueue("add", arguments=["named", 1, 1], key="named")
    await wait_for(again, Status.COMPLETE)
    assert sum(await queue.map("add", [{"arguments": ["map", 1, 1]}] * 2)) == 4
    wait_until(lambda: has_run("tick", 3), "tick")
    for story, retries in (("swept", 1), ("swept and retried", 2)):
        job = sent[story] = await other.enqueue(
            "nap", arguments=[story], timeout=0, heartbeat=1, retries=retries
        )
        wait_until(lambda story=story: is_held(story), story)
        await asyncio.sleep(2.5)  # the heartbeat is kept in whole seconds
        await other.redis.delete(other.namespace("sweep"))
        await other.sweep(lock=1, abort=10)
        await wait_for(job, Status.COMPLETE if retries > 1 else Status.ABORTED)


async def main():
    """Take the tour."""
    for each in (queue, other):
        await each.connect()
        # A worker sweeps as it starts, and takes a job that was just moved for stuck.
        await each.redis.set(each.namespace("sweep"), 1, ex=CALM_SECONDS)
    sent = await send()
    workers = [
        Worker("saq", f"saq_tour.{name}") for name in ("settings", "other_settings")
    ]
    for story in ("plain", "retried", "retried later", "scheduled", "other", "named"):
        await wait_for(sent[story], Status.COMPLETE)
    for story in ("failed", "retried in vain", "unknown"):
        await wait_for(sent[story], Status.FAILED)
    await wait_for(sent["too slow"], Status.ABORTED, Status.FAILED)
    wait_until(lambda: has_run("unkept"), "unkept")
    await walk_on(sent)
    sent["killed"] = await queue.enqueue("hold", arguments=["killed"], timeout=3600)
    wait_until(lambda: is_held("killed"), "killed")
    await wait_for_schedule()
    for worker in workers:
        worker.kill()
    counts = {"ticks": jobs.JOURNAL.read_text().count("ran tick ")}
    for story, job in sent.items():
        found = await job.get_queue().job(job.key)
        counts[f"state of {story}"] = "gone" if found is None else found.status.value
    ids = {story: f"{job.get_queue().name}/{job.key}" for story, job in sent.items()}
    say(ids | {"tick": "default/cron:tick"}, counts)


if __name__ == "__main__":
    asyncio.run(main())
