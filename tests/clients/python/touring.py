"""What the tours of Python's queues share; see tests/clients/tours.py."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

PATIENCE_SECONDS = 60.0


class Worker:
    """A worker in a process of its own, in a group of its own."""

    def __init__(self, *words):
        """Start this very Python with a module."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,
        )

    def kill(self):
        """Kill it, and what it forked, with SIGKILL."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Stop it as a supervisor does."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def wait_until(is_so, what):
    """Poll until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def say(jobs, counts):
    """Say at the end which job lived which story, and what the library counts."""
    print(json.dumps({"jobs": jobs, "counts": counts}))  # noqa: T201 - it is the answer
