"""arq's tour; its workers are arq's own command over this very module."""

import asyncio
from datetime import timedelta

import arq
import jobs
from arq.connections import RedisSettings
from arq.constants import default_queue_name
from arq.cron import cron
from arq.jobs import Job, JobStatus
from touring import Worker, say, wait_until

SETTINGS = RedisSettings(unix_socket_path=jobs.SOCKET)
RESULT_SECONDS = 3600


async def add(ctx, *arguments):
    """Return a sum."""
    return jobs.add(*arguments)


async def fail(ctx, *arguments):
    """End in an error."""
    jobs.fail(*arguments)


async def flaky(ctx, *arguments):
    """Fail some times; arq retries what asks for it."""
    try:
        return jobs.flaky(*arguments)
    except ValueError as error:
        raise arq.Retry(defer=0.2) from error


async def hold(ctx, *arguments):
    """Wait for the release."""
    return await asyncio.to_thread(jobs.hold, *arguments)


async def tick(ctx):
    """Run by a schedule."""
    jobs.tell("ran", "tick")
    jobs.tell("ticked", ctx["job_id"])


async def quiet(ctx, *arguments):
    """Return a sum, and keep nothing of it."""
    return jobs.add(*arguments)


# arq's command reads what the class itself has, and not what it inherits.
COMMON = {
    "functions": (add, fail, flaky, hold, arq.worker.func(quiet, keep_result=0)),
    "redis_settings": SETTINGS,
    "max_tries": 3,
    "job_timeout": 8,
    "poll_delay": 0.1,
    "keep_result": RESULT_SECONDS,
    "allow_abort_jobs": True,
}
TICKS = {"cron_jobs": (cron(tick, second=set(range(60))),)}
WorkerSettings = type("WorkerSettings", (), {**COMMON, **TICKS})
OtherSettings = type("OtherSettings", (), {**COMMON, "queue_name": "arq:queue:other"})


def has_run(token, times=1):
    """Tell whether a job wrote that it ran."""
    return jobs.JOURNAL.read_text().count(f"ran {token} ") >= times


async def send(pool):
    """Enqueue a job of each kind."""
    sent = {
        "plain": await pool.enqueue_job("add", "plain", 1, 1),
        "named": await pool.enqueue_job("add", "named", 1, 1, _job_id="named"),
        "retried": await pool.enqueue_job("flaky", "retried", 2),
        "retried in vain": await pool.enqueue_job("flaky", "in-vain", 9),
        "failed": await pool.enqueue_job("fail", "failed"),
        "unkept": await pool.enqueue_job("quiet", "unkept", 1, 1),
        "unknown": await pool.enqueue_job("nobody", "unknown"),
        "deferred": await pool.enqueue_job(
            "add", "deferred", 1, 1, _defer_by=timedelta(seconds=1)
        ),
        "far": await pool.enqueue_job(
            "add", "far", 1, 1, _defer_by=timedelta(days=1), _expires=timedelta(days=2)
        ),
        "expired": await pool.enqueue_job(
            "add", "expired", 1, 1, _expires=timedelta(milliseconds=1)
        ),
        "other": await pool.enqueue_job(
            "add", "other", 1, 1, _queue_name="arq:queue:other"
        ),
    }
    # An id is taken as long as its job or its result is there.
    assert await pool.enqueue_job("add", "named", 1, 1, _job_id="named") is None
    return sent


async def wait_for(pool, job, queue=default_queue_name):
    """Wait until a job is complete."""
    for _ in range(600):
        if await Job(job, pool, queue).status() is JobStatus.complete:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(job)


async def main():
    """Take the tour."""
    pool = await arq.create_pool(SETTINGS)
    sent = await send(pool)
    await asyncio.sleep(0.05)
    workers = [
        Worker("arq", f"arq_tour.{settings}")
        for settings in ("WorkerSettings", "OtherSettings")
    ]
    for story in ("plain", "retried", "retried in vain", "failed", "deferred"):
        await wait_for(pool, sent[story].job_id)
    await wait_for(pool, sent["other"].job_id, "arq:queue:other")
    wait_until(lambda: has_run("unkept"), "unkept")
    ids = {story: job.job_id for story, job in sent.items()}
    aborted = await pool.enqueue_job("hold", "aborted")
    wait_until(lambda: "held aborted" in jobs.JOURNAL.read_text(), "aborted")
    await asyncio.sleep(0.1)
    jobs.FOLDER.joinpath("release").touch()
    ids["held"] = aborted.job_id
    await wait_for(pool, aborted.job_id)
    jobs.FOLDER.joinpath("release").unlink()
    wait_until(lambda: has_run("tick", 3), "tick")
    killed = await pool.enqueue_job("hold", "killed")
    ids["killed"] = killed.job_id
    wait_until(lambda: "held killed" in jobs.JOURNAL.read_text(), "killed")
    workers[1].kill()
    workers[0].kill()
    results = await pool.all_job_results()
    counts = {"done": 0, "failed": 0, "ticks": 0}
    for result in results:
        counts["done" if result.success else "failed"] += 1
    lines = jobs.JOURNAL.read_text().splitlines()
    ids["tick"] = next(line.split()[1] for line in lines if line.startswith("ticked"))
    counts["ticks"] = jobs.JOURNAL.read_text().count("ran tick ")
    say(ids, counts)


if __name__ == "__main__":
    asyncio.run(main())
