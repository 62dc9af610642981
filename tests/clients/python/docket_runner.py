"""Docket's tasks and client; its worker is Docket's own command."""

import asyncio
import datetime as dt

import jobs
from conversation import answer
from docket import Cooldown, Docket, Retry
from docket.execution import ExecutionState

TRIES = 4
STATES = {
    ExecutionState.COMPLETED: "done",
    ExecutionState.FAILED: "failed",
    ExecutionState.CANCELLED: "cancelled",
}

docket = Docket(name="runner", url=f"unix://{jobs.SOCKET}")


async def add(token: str, left: int, right: int) -> int:
    """Return a sum."""
    return jobs.add(token, left, right)


async def fail(token: str) -> None:
    """End in an error."""
    jobs.fail(token)


async def flaky(
    token: str,
    failures: int,
    retry: Retry = Retry(attempts=TRIES),  # noqa: B008 - how Docket is told
) -> int:
    """Fail some times."""
    return jobs.flaky(token, failures)


async def cool(
    token: str,
    failures: int,
    retry: Retry = Retry(attempts=TRIES),  # noqa: B008 - how Docket is told
    cooldown: Cooldown = Cooldown(dt.timedelta(minutes=1)),  # noqa: B008 - the same
) -> int:
    """Fail some times; no other may begin within a minute."""
    return jobs.flaky(token, failures)


async def hold(token: str) -> str:
    """Wait for the release, without keeping the loop from its heartbeats."""
    return await asyncio.to_thread(jobs.hold, token)


TASKS = [add, fail, flaky, cool, hold]
opened = []


async def enqueue(job, arguments, delay=0, retries=0):
    """Add one of the tasks."""
    assert retries < TRIES
    if not opened:
        opened.append(await docket.__aenter__())
        for task in TASKS:
            docket.register(task)
    when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay)
    return (await docket.add(job, when=when)(*arguments)).key


async def look(job_id):
    """Return state, result and error."""
    execution = await docket.get_execution(job_id)
    await execution.sync()
    found = {"state": STATES.get(execution.state, "pending")}
    if found["state"] == "done":
        found["result"] = await execution.get_result()
    if found["state"] == "failed":
        found["error"] = execution.error
    return found


async def cancel(job_id):
    """Cancel a task."""
    await docket.cancel(job_id)


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look, cancel=cancel)
