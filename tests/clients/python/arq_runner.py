"""arq's functions and client; its worker is arq's own command."""

import asyncio
import contextlib
from datetime import timedelta

import arq
import jobs
from arq.connections import RedisSettings
from arq.jobs import Job, JobStatus
from conversation import answer

TRIES = 4
# A dead worker's job is free ten seconds after the time that it may take.
JOB_SECONDS = 8
SETTINGS = RedisSettings(unix_socket_path=jobs.SOCKET)


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
        raise arq.Retry(defer=0) from error


async def hold(ctx, *arguments):
    """Wait for the release, without keeping the loop from its heartbeats."""
    return await asyncio.to_thread(jobs.hold, *arguments)


class WorkerSettings:
    """What arq's command reads."""

    functions = (add, fail, flaky, hold)
    redis_settings = SETTINGS
    max_jobs = 1
    max_tries = TRIES
    job_timeout = JOB_SECONDS
    poll_delay = 0.1
    allow_abort_jobs = True


pools = []


async def pool():
    """Return the one pool of connections."""
    if not pools:
        pools.append(await arq.create_pool(SETTINGS))
    return pools[0]


async def enqueue(job, arguments, delay=None, retries=0):
    """Enqueue one of the functions."""
    assert retries < TRIES
    words = {"_defer_by": timedelta(seconds=delay)} if delay else {}
    made = await (await pool()).enqueue_job(job, *arguments, **words)
    return made.job_id


async def look(job_id):
    """Return state, result and error."""
    job = Job(job_id, await pool())
    if await job.status() is not JobStatus.complete:
        return {"state": "pending"}
    info = await job.result_info()
    if info.success:
        return {"state": "done", "result": info.result}
    if isinstance(info.result, asyncio.CancelledError):
        return {"state": "cancelled"}
    return {"state": "failed", "error": repr(info.result)}


async def cancel(job_id):
    """Ask for a job to be aborted; the worker that comes to it does that."""
    with contextlib.suppress(asyncio.TimeoutError):
        await Job(job_id, await pool()).abort(timeout=0.01)


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look, cancel=cancel)
