"""SAQ's functions and client; its worker is SAQ's own command."""

import asyncio
import time

import jobs
from conversation import answer
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

HEARTBEAT_SECONDS = 5
# A sweep takes a job that a worker has just moved for a stuck one, and drops it; a
# worker sweeps as it starts, so this happens on any server. Sweeps are held off for
# a while after each enqueue, as by another worker that sweeps.
CALM_SECONDS = 8
STATES = {"complete": "done", "failed": "failed", "aborted": "cancelled"}

queue = RedisQueue(Redis.from_url(f"unix://{jobs.SOCKET}"))


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


settings = {
    "queue": queue,
    "functions": [add, fail, flaky, hold],
    "concurrency": 1,
    "timers": {"schedule": 1, "sweep": 1, "stats": 60, "worker_info": 60},
}


async def enqueue(job, arguments, delay=0, retries=0):
    """Enqueue one of the functions; SAQ's `retries` count the first run."""
    words = {"retries": retries + 1, "timeout": 0}
    if job == "hold":
        words |= {"retries": 2, "heartbeat": HEARTBEAT_SECONDS}
    if delay:
        words["scheduled"] = int(time.time() + delay)
    await queue.redis.set(queue.namespace("sweep"), 1, ex=CALM_SECONDS)
    return (await queue.enqueue(job, arguments=arguments, **words)).key


async def look(job_id):
    """Return state, result and error."""
    job = await queue.job(job_id)
    found = {"state": STATES.get(job.status, "pending")}
    if found["state"] == "done":
        found["result"] = job.result
    if found["state"] == "failed":
        found["error"] = job.error
    return found


async def cancel(job_id):
    """Abort a job."""
    await (await queue.job(job_id)).abort("cancelled")


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look, cancel=cancel)
