"""Records a data folder of joblog in which a queue had a hard day.

    python -m tests.clients.record_history LIBRARY FOLDER

The library's programs of this folder run in earnest, and faults are injected: a worker
is killed, another stopped until its job was given away, a job removed by hand, the
server killed. What happened to which job is printed as a table. The folders in
tests/data/histories were made so.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.clients import toolchains
from tests.clients.programs import Diary, Program, wait_until
from tests.servers import ROOT, STOP_SECONDS

HERE = Path(__file__).resolve().parent
# Where users would have them: stack traces and addresses get into the log.
SOCKET = Path("/run/joblog.sock")
SHOP = Path("/srv/shop")
LATER_MS = 3_600_000


@dataclass(frozen=True)
class Library:
    """A queue: how its program starts, and what a person removes of a delayed job.

    Attributes:
        command: installs it, and returns its command.
        remove: the commands by which a person removes a delayed job.
        lost_seconds: after how long a worker that says nothing is given up for dead;
            None where it never is.
    """

    command: Callable[[], list[str]]
    remove: Callable[[str], list[list[str]]]
    lost_seconds: float | None


def node_command() -> list[str]:
    """Copy the node programs to where a user would have them, and return BullMQ's."""
    node, script = toolchains.node_command("bullmq.js")
    shutil.copytree(HERE / "node", SHOP, dirs_exist_ok=True)
    return [node, str(SHOP / Path(script).name)]


LIBRARIES = {
    "bullmq": Library(
        node_command,
        lambda job: [["ZREM", "bull:jobs:delayed", job], ["DEL", f"bull:jobs:{job}"]],
        lost_seconds=2,
    ),
    "asynq": Library(
        lambda: toolchains.go_command("asynq"),
        lambda job: [
            ["ZREM", "asynq:{default}:scheduled", job],
            ["DEL", f"asynq:{{default}}:t:{job}"],
        ],
        lost_seconds=66,
    ),
    "sidekiq": Library(
        lambda: toolchains.ruby_command("sidekiq.rb"),
        lambda _: [["ZREMRANGEBYRANK", "schedule", "0", "0"]],
        lost_seconds=None,
    ),
}


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server on a data folder, and stop it in the end."""
    options = ["--port", "0", "--unixsocket", str(SOCKET), "--dir", str(folder)]
    process = subprocess.Popen([sys.executable, "-m", "app", *options], cwd=ROOT)
    with contextlib.closing(redis.Redis(unix_socket_path=str(SOCKET))) as client:
        wait_until(lambda: is_serving(client), "the server serves")
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def is_serving(client: redis.Redis) -> bool:
    """Whether a server answers."""
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


class Day:
    """One day of a queue: its programs, and what became of each job."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.diary = Diary(SHOP / "diary")
        self.fates: list[tuple[str, str]] = []
        self.programs: list[Program] = []
        self.producer = self.start()
        self.worker = self.start_worker()

    def start(self) -> Program:
        """Start a program."""
        self.programs.append(Program([*self.library.command(), str(SOCKET)], SHOP))
        return self.programs[-1]

    def start_worker(self) -> Program:
        """Start a program that runs jobs."""
        worker = self.start()
        worker.ask("work")
        return worker

    def enqueue(self, fate: str, kind: str, **order) -> str:
        """Enqueue a job that will have a fate, and return its id."""
        order |= {"kind": kind, "name": fate, "diary": str(self.diary.path)}
        job = self.producer.ask("enqueue", **order)
        self.fates.append((job, fate))
        return job

    def wait_for(self, job: str, state: str) -> None:
        """Wait until a job is in a state."""

        def is_there() -> bool:
            return self.producer.ask("state", id=job)["state"] == state

        wait_until(is_there, f"job {job} is {state}")

    def hold(self, fate: str) -> tuple[str, Path]:
        """Enqueue a job that runs until a gate is opened; return both."""
        gate = SHOP / f"gate {len(self.fates)}"
        job = self.enqueue(fate, "hold", gate=str(gate), attempts=3)
        wait_until(lambda: self.diary.runs(fate) == 1, f"{fate} runs")
        return job, gate

    def run_plain_jobs(self) -> None:
        """One that is done, one that is retried, one that fails."""
        self.wait_for(self.enqueue("done", "add", left=20, right=22), "done")
        job = self.enqueue("retried, then done", "flaky", failures=1, attempts=3)
        self.wait_for(job, "done")
        self.wait_for(self.enqueue("failed twice", "fail", attempts=2), "failed")

    def kill_worker(self) -> None:
        """A worker is killed in the middle of a job; another runs it."""
        job, gate = self.hold("its worker was killed; run again, then done")
        self.worker.kill()
        time.sleep(self.library.lost_seconds)
        self.worker = self.start_worker()
        gate.touch()
        self.wait_for(job, "done")

    def deliver_twice(self) -> None:
        """A worker sleeps for so long that its job is run by another, then wakes."""
        fate = "its worker slept, and another ran it too: delivered twice"
        job, gate = self.hold(fate)
        self.worker.process.send_signal(signal.SIGSTOP)
        time.sleep(self.library.lost_seconds)
        other = self.start_worker()
        wait_until(lambda: self.diary.runs(fate) == 2, "it is run again")
        self.worker.process.send_signal(signal.SIGCONT)
        gate.touch()
        self.wait_for(job, "done")
        other.ask("close")
        self.worker.ask("close")

    def lose_job(self) -> None:
        """A worker is killed in the middle of a job, which nobody has any more."""
        self.hold("its worker was killed; lost")
        self.worker.kill()
        self.worker = self.start_worker()

    def stop_worker(self) -> None:
        """A worker is stopped in the middle of a job, and gives it back."""
        fate = "its worker was stopped and gave it back: delivered twice, then done"
        job, gate = self.hold(fate)
        self.worker.ask("close")
        gate.touch()
        self.worker = self.start_worker()
        self.wait_for(job, "done")
        self.worker.ask("close")

    def remove_jobs(self) -> None:
        """One job is removed with the library, one by a person with a client."""
        job = self.enqueue("removed with the library", "add", delay_ms=LATER_MS)
        self.producer.ask("remove", id=job)
        job = self.enqueue("removed by hand", "add", delay_ms=LATER_MS)
        person = redis.Redis(unix_socket_path=str(SOCKET), client_name="operator")
        with contextlib.closing(person) as client:
            for command in self.library.remove(job):
                assert client.execute_command(*command) == 1

    def close(self) -> None:
        """End all programs."""
        for program in self.programs:
            program.__exit__()


def record(library: Library, folder: Path) -> list[tuple[str, str]]:
    """Let a queue have its day in a data folder; return each job's id and fate."""
    with serve(folder) as server:
        day = Day(library)
        day.run_plain_jobs()
        if library.lost_seconds is None:
            day.lose_job()
            day.stop_worker()
        else:
            day.kill_worker()
            day.deliver_twice()
        day.remove_jobs()
        day.enqueue("waits; the server was killed", "add", left=1, right=2)
        day.close()
        server.kill()
        server.wait()
    with serve(folder):
        pass
    return day.fates


def main() -> None:
    """Record one history, as the command line says."""
    library, folder = sys.argv[1:]
    shutil.rmtree(SHOP, ignore_errors=True)
    SHOP.mkdir(parents=True)
    try:
        for job, fate in record(LIBRARIES[library], Path(folder)):
            print(f"| `{job}` | {fate} |")  # noqa: T201 -- it is what one asked for
    finally:
        shutil.rmtree(SHOP)


if __name__ == "__main__":
    main()
