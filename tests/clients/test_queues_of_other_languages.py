"""BullMQ, Bull, Bee-Queue, asynq and Sidekiq: one set of tests for all of them.

Each library runs unmodified in processes of its own, on this server and on a real one:
what passes there and fails here is our fault, and what fails there the test's.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients import toolchains
from tests.clients.programs import Diary, Program, wait_until
from tests.clients.servers import SERVERS
from tests.servers import ServerProcess


@dataclass(frozen=True)
class Library:
    """A queue.

    Attributes:
        command: installs what it needs, and returns the command of its program.
        recovers: whether a job is run again whose worker was killed.
        reloads_scripts: whether it goes on after a restart of the server, which forgets
            scripts; if not, its processes must be started anew.
        grain_ms: how much too early a delayed job may run.
        wait_out: plays that so much time goes by that a dead worker is given up; None
            where that is set to a second.
    """

    command: Callable[[], list[str]]
    recovers: bool = True
    reloads_scripts: bool = True
    grain_ms: int = 0
    wait_out: Callable[[ServerProcess], None] | None = None


def expire_leases(server: ServerProcess) -> None:
    """Put asynq's leases back by a minute: 30 s they last, and 30 s are for skew."""
    connection = server.connect()
    leases = connection.ask("ZRANGE", "asynq:{default}:lease", "0", "-1")
    (task,) = leases.split(b"\r\n")[2::2]
    connection.ask("ZINCRBY", "asynq:{default}:lease", "-60", task)


LIBRARIES = {
    "BullMQ": Library(lambda: toolchains.node_command("bullmq.js")),
    "Bull": Library(lambda: toolchains.node_command("bull.js")),
    "asynq": Library(
        lambda: toolchains.go_command("asynq"),
        grain_ms=1000,  # it counts in whole seconds
        wait_out=expire_leases,
    ),
    "Sidekiq": Library(lambda: toolchains.ruby_command("sidekiq.rb"), recovers=False),
    "Bee-Queue": Library(
        lambda: toolchains.node_command("bee.js"), reloads_scripts=False
    ),
}
DELAY_MS = 1500
FOLD_TRIES = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(toolchains.INSTALL_SECONDS)]
numbers = itertools.count(1)


class Shop:
    """A server, and programs of one library around it."""

    def __init__(self, library: Library, server: ServerProcess, folder: Path) -> None:
        self.library = library
        self.server = server
        self.folder = folder
        self.diary = Diary(folder / "diary")
        self.programs: list[Program] = []
        self.producer = self.start()

    def start(self) -> Program:
        """Start a program."""
        command = [*self.library.command(), self.server.path]
        self.programs.append(Program(command, self.folder))
        return self.programs[-1]

    def start_worker(self, concurrency: int = 1) -> Program:
        """Start a program that runs jobs."""
        worker = self.start()
        worker.ask("work", concurrency=concurrency)
        return worker

    def enqueue(self, kind: str, **order) -> tuple[str, str]:
        """Enqueue a job, and return its name in the diary and its id."""
        name = f"{kind} {next(numbers)}"
        diary = str(self.diary.path)
        job = self.producer.ask("enqueue", kind=kind, name=name, diary=diary, **order)
        return name, job

    def state(self, job: str) -> dict:
        """Return the state of a job; while the server is away, that is "unknown"."""
        try:
            return self.producer.ask("state", id=job)
        except RuntimeError:
            assert self.producer.process.poll() is None
            return {"state": "unknown"}

    def wait_for(self, job: str, state: str) -> dict:
        """Wait until a job is in a state, and return all that is told of it."""
        found: dict = {}

        def is_there() -> bool:
            found.update(self.state(job))
            return found["state"] == state

        try:
            wait_until(is_there, f"job {job} is {state}")
        except TimeoutError as error:
            texts = [str(error), f"it is {found}", self.diary.path.read_text()]
            texts += [program.errors() for program in self.programs]
            raise TimeoutError("\n".join(texts)) from None
        return found

    def wait_for_run(self, name: str, runs: int = 1) -> None:
        """Wait until a job has been begun so many times."""
        wait_until(lambda: self.diary.runs(name) >= runs, f"{name} is run")

    def open_gate(self) -> str:
        """Let the jobs go on that hold at the gate, and return its path."""
        Path(self.gate).touch()
        return self.gate

    @property
    def gate(self) -> str:
        """The file that jobs of kind `hold` wait for."""
        return str(self.folder / "gate")

    def close(self) -> None:
        """End all programs."""
        for program in self.programs:
            program.__exit__()


def open_shop(request, folder, fold_equals_live):
    """Yield a shop; at the end, what its server logged must fold to what it has."""
    library, server = request.param
    with SERVERS[server]() as running:
        shop = Shop(LIBRARIES[library], running, folder)
        try:
            yield shop
        finally:
            shop.close()
        if server == "joblog":
            # Locks of the killed still expire meanwhile: then it is looked at anew.
            for tries in range(FOLD_TRIES):
                try:
                    fold_equals_live(running)
                    break
                except AssertionError:
                    if tries == FOLD_TRIES - 1:
                        raise


PAIRS = list(itertools.product(LIBRARIES, SERVERS))
PAIR_IDS = [f"{library} on {server}" for library, server in PAIRS]


@pytest.fixture(params=PAIRS, ids=PAIR_IDS)
def shop(request, tmp_path, fold_equals_live):
    yield from open_shop(request, tmp_path, fold_equals_live)


@pytest.fixture(params=PAIRS, ids=PAIR_IDS, scope="module")
def open_all_day(request, tmp_path_factory, fold_equals_live):
    """A shop with one worker, for the tests in which nothing is killed."""
    folder = tmp_path_factory.mktemp("shop")
    for shop in open_shop(request, folder, fold_equals_live):
        shop.start_worker()
        yield shop


def test_job_runs_and_gives_its_result(open_all_day):
    shop = open_all_day

    name, job = shop.enqueue("add", left=20, right=22)

    found = shop.wait_for(job, "done")
    assert shop.diary.runs(name) == 1
    assert found["result"] == 42


def test_failing_job_is_retried_until_it_succeeds(open_all_day):
    shop = open_all_day

    name, job = shop.enqueue("flaky", failures=2, attempts=5)

    found = shop.wait_for(job, "done")
    assert shop.diary.runs(name) == 3
    assert found["result"] == "at last"


def test_job_that_always_fails_ends_as_failed_with_its_reason(open_all_day):
    shop = open_all_day

    name, job = shop.enqueue("fail", attempts=2)

    found = shop.wait_for(job, "failed")
    assert shop.diary.runs(name) == 2
    assert "this job always fails" in found["reason"]


def test_delayed_job_waits_for_its_time(open_all_day):
    shop = open_all_day
    enqueued = time.monotonic()

    name, job = shop.enqueue("add", left=1, right=2, delay_ms=DELAY_MS)

    assert shop.state(job)["state"] in {"delayed", "waiting"}
    shop.wait_for_run(name)
    delay_ms = (time.monotonic() - enqueued) * 1000
    assert delay_ms >= DELAY_MS - shop.library.grain_ms
    shop.wait_for(job, "done")


def test_removed_job_never_runs(open_all_day):
    shop = open_all_day
    Path(shop.gate).unlink(missing_ok=True)
    before, held = shop.enqueue("hold", gate=shop.gate)
    shop.wait_for_run(before)
    unwanted, job = shop.enqueue("add", left=1, right=2)
    _, after = shop.enqueue("add", left=3, right=4)

    assert shop.producer.ask("remove", id=job) is True

    shop.open_gate()
    shop.wait_for(held, "done")
    shop.wait_for(after, "done")
    assert shop.state(job)["state"] == "gone"
    assert shop.diary.runs(unwanted) == 0


def test_job_of_a_killed_worker_is_run_by_another(shop):
    worker = shop.start_worker()
    held, job = shop.enqueue("hold", gate=shop.gate, attempts=3)
    shop.wait_for_run(held)
    waiting = [shop.enqueue("add", left=n, right=n)[1] for n in range(5)]

    worker.kill()
    if shop.library.wait_out:
        shop.library.wait_out(shop.server)
    shop.open_gate()
    shop.start_worker()

    for other in waiting:
        shop.wait_for(other, "done")
    if shop.library.recovers:
        shop.wait_for(job, "done")
    # What Sidekiq's worker had popped is gone with it: that is what Sidekiq promises.
    assert shop.diary.runs(held) == (2 if shop.library.recovers else 1)


def test_no_job_is_lost_where_the_server_is_killed(shop):
    shop.start_worker()
    held, first = shop.enqueue("hold", gate=shop.gate, attempts=3)
    shop.wait_for_run(held)
    jobs = [shop.enqueue("add", left=n, right=n, attempts=3) for n in range(10)]
    jobs += [shop.enqueue("flaky", failures=1, attempts=3)]
    jobs += [shop.enqueue("add", left=1, right=2, delay_ms=DELAY_MS, attempts=3)]

    shop.server.kill()
    shop.server.start()
    if not shop.library.reloads_scripts:
        shop.producer = shop.start()
        shop.start_worker()

    shop.open_gate()
    for name, job in [(held, first), *jobs]:
        shop.wait_for(job, "done")
        assert shop.diary.runs(name) >= 1
    _, late = shop.enqueue("add", left=1, right=1)
    shop.wait_for(late, "done")
