"""Job queues as programs: how a test talks to any of them, in whatever language.

A queue's *client* is a program that enqueues jobs and looks at them. It reads requests
as lines of JSON from its standard input and answers each with one line on its standard
output, when it is ready with `{"ready": true}` first:

    {"do": "enqueue", "job": "add", "arguments": ["t1", 1, 2], "delay": 2, "retries": 3}
        -> {"value": ID}       `delay` in seconds and `retries` may be missing
    {"do": "look", "job_id": ID}
        -> {"value": {"state": STATE, "result": 3, "error": "..."}}
    {"do": "cancel", "job_id": ID}
        -> {"value": null}
    ... -> {"error": TEXT}     what was asked cannot be done

STATE is `pending` (waiting, delayed, running, or to be retried), `done` with its
`result`, `failed` with its `error`, or `cancelled`. A library that cannot tell leaves
out what it does not know. Whatever else a client can do is asked with other verbs.

Its *worker* is the library's own, in a process of its own. The jobs, each with a token
as first argument, tell what happens to them in the file `journal`, one line each,
`WORD TOKEN SECONDS`, appended with one write:

    add TOKEN LEFT RIGHT    writes `ran`, returns the sum
    fail TOKEN              writes `ran`, ends in an error: `this job always fails`
    flaky TOKEN FAILURES    writes `ran`, fails so many times, then returns how many
                            times it ran
    hold TOKEN              writes `held`, waits for the file `release` to be there,
                            then writes `ran`, returns TOKEN

Both find in their environment RUNNER_FOLDER, which has both files, RUNNER_SOCKET, the
server's Unix socket, and RUNNER_PORT, its port at 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

# Generous, since a slow machine starts dozens of interpreters at once.
PATIENCE_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02


class Fate(Enum):
    """What becomes of a job whose worker was killed with -9 in the middle of it."""

    RUNS_AGAIN = "runs again"
    FAILS = "is reported as failed"
    LOST = "is lost"


@dataclass(frozen=True)
class Queue:
    """A job queue under test.

    Attributes:
        name: of the library.
        require: returns what every command begins with, say `[python]`; skips the
            test where it cannot be had.
        client: the words after that for its client.
        worker: those for its worker, one job at a time; `{socket}`, `{port}` and
            `{folder}` stand for what the environment says.
        fate: what it promises a job whose worker is killed.
        can: which of `retry`, `delay`, `result`, `error` and `cancel` it knows; and
            `stir` where its workers look for abandoned jobs only behind new ones;
            `maintain` where its client can do at once what workers do seldom, as if
            some seconds later.
        environment: more variables for both.
        forgets: whether its worker forgets the delayed jobs that it fetched when it
            loses the server; another one takes them over when it is gone itself.
        survives: whether its worker outlives a restart of the server; otherwise the
            test starts another one, as a supervisor would.
    """

    name: str
    require: Callable[[], Sequence[str]]
    client: Sequence[str]
    worker: Sequence[str]
    fate: Fate
    can: frozenset[str] = frozenset({"retry", "delay", "result", "error", "cancel"})
    environment: Mapping[str, str] = field(default_factory=dict)
    forgets: bool = False
    survives: bool = True


class Program:
    """A process of a queue, and all that it starts; its output goes to a file."""

    def __init__(self, command, environment, output: Path, **pipes) -> None:
        self._output = output
        with output.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                stdin=pipes.get("stdin", subprocess.DEVNULL),
                stdout=pipes.get("stdout", stream),
                stderr=stream,
                cwd=output.parent,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return the last of what it wrote."""
        return self._output.read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """Kill it and all that it started with SIGKILL, whatever their groups are."""
        while family := session_members(self.process.pid):
            for member in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        self.process.wait()

    def stop(self) -> None:
        """Stop it with SIGTERM, and what does not stop in time with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()


def session_members(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    members = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # PID (NAME) STATE PARENT GROUP SESSION ...; a name may hold anything.
            state, _, _, found, *_ = status.read_text().rpartition(")")[2].split()
            if int(found) == session and state not in "ZX":
                members.append(int(status.parent.name))
    return members


class Client(Program):
    """A queue's client; see the head of this module for what it is asked."""

    def __init__(self, command, environment, output: Path) -> None:
        pipe = subprocess.PIPE
        super().__init__(command, environment, output, stdin=pipe, stdout=pipe)
        self._buffer = b""
        try:
            assert self._read() == {"ready": True}
        except BaseException:
            self.kill()
            raise

    def ask(self, verb: str, **words: Any) -> Any:
        """Ask for something, and return the answer's value.

        Raises:
            RuntimeError: the client answers with an error.
        """
        line = json.dumps({"do": verb, **words}).encode() + b"\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def enqueue(self, job: str, token: str, *arguments: Any, **options: Any) -> str:
        """Enqueue a job, and return its ID."""
        arguments = [token, *arguments]
        return self.ask("enqueue", job=job, arguments=arguments, **options)

    def look(self, job_id: str) -> dict[str, Any]:
        """Return what is known of a job."""
        return self.ask("look", job_id=job_id)

    def wait_for(self, job_id: str, state: str = "done") -> dict[str, Any]:
        """Return what is known of a job once it has come to a state."""
        found: dict[str, Any] = {}

        def has_come():
            found.update(self.look(job_id))
            assert found["state"] in ("pending", state), found
            return found["state"] == state

        wait_until(has_come, lambda: f"a job is not {state}: {found}")
        return found

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pipe = self.process.stdout.fileno()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while b"\n" not in self._buffer:
            left_ms = (deadline - time.monotonic()) * 1000
            ready = poll.poll(max(left_ms, 0))
            read = os.read(pipe, 65536) if ready else b""
            assert read, f"the client does not answer:\n{self.output()}"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def kill(self) -> None:
        """Kill it, and close its pipes."""
        super().kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


class Journal:
    """What the jobs told of themselves in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "journal"
        self._path.touch()

    def times(self, word: str, token: str) -> list[float]:
        """Return when a job wrote a word, in seconds since the epoch."""
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [float(at) for said, of, at in lines if (said, of) == (word, token)]

    def tokens(self, word: str) -> list[str]:
        """Return the tokens of all jobs that wrote a word, in the order of writing."""
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [of for said, of, _ in lines if said == word]

    def wait_for(self, word: str, token: str, *, times: int = 1) -> None:
        """Wait until a job has written a word so many times."""
        wait_until(
            lambda: len(self.times(word, token)) >= times,
            lambda: f"{token} never {word}; the journal is:\n{self._path.read_text()}",
        )

    def release(self) -> None:
        """Let jobs go on that hold."""
        (self.folder / "release").touch()


class Stage:
    """A queue on a server: its client, its workers, and the journal of its jobs."""

    def __init__(self, queue: Queue, server: ServerProcess, folder: Path) -> None:
        self.queue = queue
        self.server = server
        self.journal = Journal(folder)
        self._begin = [*queue.require()]
        port = server.options[server.options.index("--port") + 1]
        self._places = {"socket": server.path, "port": port, "folder": folder}
        self._environment = {
            **queue.environment,
            "RUNNER_FOLDER": str(folder),
            "RUNNER_SOCKET": server.path,
            "RUNNER_PORT": port,
        }
        self._programs: list[Program] = []

    def client(self) -> Client:
        """Start a client."""
        command = [*self._begin, *self.queue.client]
        output = self.journal.folder / f"client-{len(self._programs)}.txt"
        return self._add(Client(command, self._environment, output))

    def worker(self, *options: str) -> Program:
        """Start a worker."""
        words = [*self.queue.worker, *options]
        command = [*self._begin, *(word.format(**self._places) for word in words)]
        output = self.journal.folder / f"worker-{len(self._programs)}.txt"
        return self._add(Program(command, self._environment, output))

    def _add(self, program):
        self._programs.append(program)
        return program

    def outputs(self) -> str:
        """Return what all programs said, for the report of a failed test."""
        return "\n".join(
            f"--- {program.process.args}\n{program.output()}"
            for program in self._programs
        )

    def close(self) -> None:
        """Stop what still runs."""
        for program in self._programs:
            program.kill()


def port_options() -> list[str]:
    """Return options that let a server listen at a port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return ["--port", str(taken.getsockname()[1]), "--bind", "127.0.0.1"]
