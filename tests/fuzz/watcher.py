"""A client of good faith beside the hostile ones: is it answered, and in what time?

    python -m tests.fuzz.watcher SOCKET

A process of its own, so that the time it measures is the server's. It writes, works on
a queue, runs scripts and transactions, until its standard input is closed; then it says
as JSON how long it waited and what it was acknowledged (`Report`).
"""

from __future__ import annotations

import dataclasses
import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.parity.wire import Connection, encode

DATABASE = 15
KEYS = 1000
PAUSE_SECONDS = 0.005
READY = "ready\n"
SCRIPT = "return redis.call('LPUSH', KEYS[1], ARGV[1])"
NOT_NOW = (b"-BUSY ", b"-EXECABORT ", b"-OOM ")
"""Redis's answers while somebody's script runs, and when a rest asks for memory."""
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclasses.dataclass
class Report:
    """What the watcher saw.

    Attributes:
        asked: how many replies it waited for.
        busy: how many of them said that a script was running.
        median, p99, worst: how long it waited, in seconds.
        acknowledged: the last acknowledged value of each key.
        wrong: replies that it should not have got.
    """

    asked: int
    busy: int
    median: float
    p99: float
    worst: float
    acknowledged: dict[str, int]
    wrong: list[str]


class Watcher:
    """The client."""

    def __init__(self, path: str) -> None:
        self._connection = Connection(path)
        self._waits: list[float] = []
        self._busy = 0
        self._acknowledged: dict[str, int] = {}
        self._wrong: list[str] = []
        self._expect(["SELECT", DATABASE], b"+OK")

    def watch(self) -> Report:
        """Ask until the standard input is closed or a reply is wrong."""
        number = 0
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            number += 1
            self._write(number)
            self._work(number)
            if self._wrong:
                break
        waits = sorted(self._waits)
        return Report(
            len(waits),
            self._busy,
            waits[len(waits) // 2],
            waits[len(waits) * 99 // 100],
            waits[-1],
            self._acknowledged,
            self._wrong,
        )

    def _write(self, number: int) -> None:
        key = f"watch:{number % KEYS}"
        if self._expect(["SET", key, number], b"+OK"):
            self._acknowledged[key] = number
        self._expect(["GET", key], b"$%d\r\n%d" % (len(str(number)), number))

    def _work(self, number: int) -> None:
        """Put a job into a queue, take it, and finish it."""
        self._expect(["EVAL", SCRIPT, 1, "watch:queue", number], b":1")
        if self._expect(["BLMOVE", "watch:queue", "watch:mine", "LEFT", "LEFT", 0]):
            commands = (["MULTI"], ["LPOP", "watch:mine"], ["INCR", "watch:done"])
            self._expect([*commands, ["EXEC"]])
            self._acknowledged["watch:done"] = number

    def _expect(self, words: list[object], start: bytes = b"") -> bool:
        """Ask until it is not the wrong moment; say whether the answer is right."""
        pipeline = words if isinstance(words[0], list) else [words]
        while True:
            started = time.monotonic()
            self._connection.send(b"".join(map(encode, pipeline)))
            for _ in pipeline:
                reply = self._connection.read()
            self._waits.append(time.monotonic() - started)
            if reply.startswith(NOT_NOW) or reply in (b"$-1\r\n", b"*-1\r\n"):
                self._busy += 1
                time.sleep(PAUSE_SECONDS)
                continue
            if reply.startswith((b"-", b"<")) or not reply.startswith(start):
                self._wrong.append(f"{words!r} got {reply[:200]!r}")
                return False
            return True


class Watching:
    """A watcher's process."""

    def __init__(self, path: str) -> None:
        """Start it, and wait until it is connected."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.watcher", path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == READY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def has_ended(self) -> bool:
        """Whether it stopped by itself, as something was wrong."""
        return self._process.poll() is not None

    def report(self) -> Report:
        """End it, and return what it saw."""
        output, _ = self._process.communicate(timeout=120)
        return Report(**json.loads(output))


if __name__ == "__main__":
    watcher = Watcher(sys.argv[1])
    sys.stdout.write(READY)
    sys.stdout.flush()
    json.dump(dataclasses.asdict(watcher.watch()), sys.stdout)
