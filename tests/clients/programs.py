"""Queues of other languages as programs, all driven by the same orders.

A program reads orders as lines of JSON and answers each with one line; so one test runs
BullMQ, Bull, Bee-Queue, Sidekiq and asynq alike. The orders:

    enqueue  kind, name, diary, and what the kind asks for; delay_ms, attempts -> an id
    state    id -> {"state", "result", "reason"}; the state is the library's word, but
             that the end is "done", "failed", or "gone": there is no such job any more
    remove   id -> whether it is gone
    work     concurrency: from now on the program also runs jobs
    close    end what it works on, in the library's own way

And the kinds of job, each of which first writes its name into the diary, a file:

    add      left, right: their sum is the result
    fail     ends in an error
    flaky    failures: fails so often before it is "at last"
    hold     gate: waits until that file exists
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

ANSWER_SECONDS = 60
POLL_SECONDS = 0.02
# A worker that is killed is given up for dead after a second or so; CI may be slow.
PATIENCE_SECONDS = 60


class Program:
    """A running program; its standard error is shown where it does not answer."""

    def __init__(self, command: list[str], folder: Path, **environment: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
        )

    def ask(self, verb: str, **order: Any) -> Any:
        """Give an order and return the answer.

        Raises:
            RuntimeError: the program ended, is silent, or answers with an error.
        """
        self.process.stdin.write(json.dumps({"do": verb, **order}).encode() + b"\n")
        answer = json.loads(self._read_line())
        if "error" in answer:
            message = f"{verb}: {answer['error']}"
            raise RuntimeError(message)
        return answer["value"]

    def _read_line(self) -> bytes:
        line = b""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not line.endswith(b"\n"):
            left = max(0, deadline - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            read = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not read:
                message = f"{self.process.args} does not answer:\n{self.errors()}"
                raise RuntimeError(message)
            line += read
        return line

    def errors(self) -> str:
        """Return the last of what it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, and let go of its pipes."""
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self._errors.close()


class Diary:
    """The file in which each run of a job leaves the job's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()

    def runs(self, name: str) -> int:
        """Return how often a job has been run."""
        return self.path.read_text().split("\n").count(name)


def wait_until(is_so: Any, what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the first true value that a function gives; it is asked again and again.

    Raises:
        TimeoutError: it gave none in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        if time.monotonic() > deadline:
            message = f"waited {seconds} s until {what}"
            raise TimeoutError(message)
        time.sleep(POLL_SECONDS)
    return found
