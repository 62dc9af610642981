"""Record what happens to jobs in a real queue, faults included, as a data folder.

    python -m tests.clients.histories rq tests/data/histories/rq
    python -m tests.clients.histories bullmq tests/data/histories/bullmq

A folder gets the server's data in `data` and in `jobs.json` which job is which. The
stories are told in tests/data/histories/README.md.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.clients.queues import QUEUES
from tests.clients.runners import Client, Fate, Stage, port_options
from tests.support import servers

AHEAD_SECONDS = 600
# Where a library has waiting jobs, and what a job's own key begins with.
KEYS = {
    "rq": ("rq:queue:default", "rq:job:"),
    "celery": ("celery",),
    "bullmq": ("bull:jobs:wait", "bull:jobs:"),
    "asynq": ("asynq:{default}:pending", "asynq:{default}:t:"),
    "sidekiq": ("queue:default",),
    "dramatiq": ("dramatiq:default",),
    "huey": ("huey.redis.runner",),
    "arq": ("arq:queue", "arq:job:"),
    "saq": ("saq:default:queued", "saq:job:default:"),
    "bull": ("bull:jobs:wait", "bull:jobs:"),
}
# Their workers are given up while they sleep, and wake up to learn it.
CAN_SLEEP = {"bullmq", "asynq"}


def record(name: str, target: Path) -> None:
    """Let a queue run through the stories, and keep what the server logged."""
    queue = next(queue for queue in QUEUES if queue.name == name)
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(servers.start_joblog(*port_options()))
        stage = Stage(queue, server, home)
        stack.callback(stage.close)

        jobs = tell(stage)

        stage.close()
        server.stop()
        shutil.rmtree(target / "data", ignore_errors=True)
        shutil.copytree(server.folder / "log", target / "data" / "log")
        (target / "jobs.json").write_text(json.dumps(jobs, indent=2) + "\n")


def tell(stage: Stage) -> dict[str, str]:
    """Live through all stories, and return each one's job."""
    client, journal = stage.client(), stage.journal
    jobs = {
        "normal": client.enqueue("add", "normal", 20, 22),
        "retried": client.enqueue("flaky", "retried", 2, retries=3),
        "failed": client.enqueue("fail", "failed"),
        "deleted": client.enqueue("add", "deleted", 1, 1),
    }
    delete_by_hand(stage, jobs["deleted"])
    worker = stage.worker()
    journal.wait_for("ran", "normal")
    journal.wait_for("ran", "retried", times=3)
    client.wait_for(jobs["retried"])
    client.wait_for(jobs["failed"], "failed")

    worker.stop()
    jobs |= kill_worker(stage, client)
    if stage.queue.name in CAN_SLEEP:
        jobs |= let_worker_sleep(stage, client)
    return jobs


def kill_worker(stage: Stage, client: Client) -> dict[str, str]:
    """A worker is killed in the middle of a job, and another one comes."""
    journal, worker = stage.journal, stage.worker()
    job = client.enqueue("hold", "killed", retries=3)
    journal.wait_for("held", "killed")
    worker.kill()
    if "maintain" in stage.queue.can:
        client.ask("maintain", ahead=AHEAD_SECONDS)
    worker = stage.worker()
    if stage.queue.fate is not Fate.LOST:
        journal.wait_for("held", "killed", times=2)
        journal.release()
        client.wait_for(job)
    worker.stop()
    return {"killed": job}


def let_worker_sleep(stage: Stage, client: Client) -> dict[str, str]:
    """A worker sleeps until another one has been given its job, then wakes."""
    journal, sleeper = stage.journal, stage.worker()
    (journal.folder / "release").unlink()
    job = client.enqueue("hold", "slept", retries=3)
    journal.wait_for("held", "slept")
    sleeper.process.send_signal(signal.SIGSTOP)
    if "maintain" in stage.queue.can:
        client.ask("maintain", ahead=AHEAD_SECONDS)
    other = stage.worker()
    journal.wait_for("held", "slept", times=2)
    sleeper.process.send_signal(signal.SIGCONT)
    journal.release()
    client.wait_for(job)
    other.stop()
    sleeper.stop()
    return {"slept": job}


def delete_by_hand(stage: Stage, job: str) -> None:
    """Take a job out of its queue as a person does who types commands."""
    queue, *keys = KEYS[stage.queue.name]
    with contextlib.closing(stage.server.connect()) as person:
        person.ask("CLIENT", "SETNAME", "a-person")
        element = element_of(person, stage.queue.name, job.encode())
        is_list = person.ask("TYPE", queue) == b"+list\r\n"
        look, *take = ("LRANGE", "LREM") if is_list else ("ZRANGE", "ZREM")
        for item in person.ask(look, queue, 0, -1).split(b"\r\n")[2::2]:
            if element in item:
                count = [1] if is_list else []
                assert person.ask(*take, queue, *count, item) == b":1\r\n"
        for key in keys:
            assert person.ask("DEL", key + job) == b":1\r\n"


def element_of(person, name: str, job: bytes) -> bytes:
    """Return what stands for a job in its queue: Dramatiq has another id there."""
    if name != "dramatiq":
        return job
    words = person.ask("HGETALL", "dramatiq:default.msgs").split(b"\r\n")[2::2]
    messages = zip(words[::2], words[1::2], strict=True)
    return next(field for field, message in messages if job in message)


if __name__ == "__main__":
    record(sys.argv[1], Path(sys.argv[2]))
