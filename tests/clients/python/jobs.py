"""The jobs that every queue runs; see tests/clients/runners.py."""

import os
import time
from pathlib import Path

FOLDER = Path(os.environ["RUNNER_FOLDER"])
SOCKET = os.environ["RUNNER_SOCKET"]
PORT = int(os.environ["RUNNER_PORT"])
JOURNAL = FOLDER / "journal"


def tell(word, token):
    """Append one line to the journal, with one write."""
    line = f"{word} {token} {time.time():.6f}\n".encode()
    journal = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(journal, line)
    finally:
        os.close(journal)


def add(token, left, right):
    """Return a sum."""
    tell("ran", token)
    return left + right


def fail(token):
    """End in an error."""
    tell("ran", token)
    raise ValueError("this job always fails")


def flaky(token, failures):
    """Fail so many times; then return how often this ran."""
    tell("ran", token)
    times = JOURNAL.read_text().count(f"ran {token} ")
    if times <= failures:
        raise ValueError(f"failure {times} of {failures}")
    return times


def hold(token):
    """Wait for the file `release` to be there."""
    tell("held", token)
    while not (FOLDER / "release").exists():
        time.sleep(0.02)
    tell("ran", token)
    return token


JOBS = {"add": add, "fail": fail, "flaky": flaky, "hold": hold}
