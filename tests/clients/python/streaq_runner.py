"""streaQ's tasks and client; its worker is streaQ's own command."""

import jobs
from conversation import answer
from streaq import StreaqRetry, TaskStatus, Worker
from streaq.types import StreaqCancelled

TRIES = 4
IDLE_SECONDS = 5

worker = Worker(
    redis_url=f"unix://{jobs.SOCKET}", concurrency=1, idle_timeout=IDLE_SECONDS
)


def flaky(*arguments):
    """Fail some times; streaQ retries what asks for it."""
    try:
        return jobs.flaky(*arguments)
    except ValueError as error:
        raise StreaqRetry(str(error), delay=0) from error


TASKS = {
    name: worker.task(name=name, max_tries=TRIES)(job)
    for name, job in (jobs.JOBS | {"flaky": flaky}).items()
}
opened = []


async def enqueue(job, arguments, delay=None, retries=0, after=None):
    """Enqueue one of the tasks."""
    assert retries < TRIES
    if not opened:
        opened.append(await worker.__aenter__())
    task = TASKS[job].enqueue(*arguments)
    if delay or after:
        task = task.start(delay=int(delay) if delay else None, after=after)
    return (await task).id


async def look(job_id):
    """Return state, result and error."""
    if await worker.status_by_id(job_id) is not TaskStatus.DONE:
        return {"state": "pending"}
    found = await worker.result_by_id(job_id, timeout=10)
    if found.success:
        return {"state": "done", "result": found.result}
    if isinstance(found.exception, StreaqCancelled):
        return {"state": "cancelled"}
    return {"state": "failed", "error": repr(found.exception)}


async def cancel(job_id):
    """Ask for a task to be aborted; the worker that comes to it does that."""
    await worker.abort_by_id(job_id, timeout=0)


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look, cancel=cancel)
