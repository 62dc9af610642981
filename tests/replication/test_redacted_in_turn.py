"""Erasing while clients are served: the replica's log first, then the former master's.

docs/operations.md, "Erasing": real processes, one after the other out of service, while
somebody writes to whichever is the master.
"""

import subprocess
import sys
from contextlib import ExitStack
from itertools import count

import pytest

from tests.replay.redacting.redactions import files_with, verify
from tests.replication.test_handing_over import Two
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

SECRET = b"of-nobodys-business"
REDACT = ("redact", "--key", "user:42", "--why", "a request", "--by", "ada", "--apply")
SECONDS = 60


@pytest.fixture
def two():
    """Return a master and its replica, both with a value that has to go."""
    with ExitStack() as stack:
        pair = Two(stack, start_joblog, start_joblog)
        for number in range(30):
            pair.ask(0, "SET", "page", f"{number}")
            pair.ask(0, "HSET", "user:42", "mail", f"{SECRET.decode()}-{number}")
        pair.ask(0, "DEL", "user:42")
        yield pair


def replay(*words):
    """Run the program; return its exit code and what it said."""
    command = [sys.executable, "-m", "joblog.replay", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout + done.stderr


def redact(folder):
    verb, *options = REDACT
    return replay(verb, folder, *options)


def require_same(pair, at, numbers):
    """Write to the master, and wait until the other has it."""
    number = next(numbers)
    pair.ask(at, "RPUSH", "jobs", number)
    digest = pair.ask(at, "DEBUG", "DIGEST")
    other = 1 - at
    wait_until(lambda: pair.ask(other, "DEBUG", "DIGEST") == digest, pair.describe)


def is_followed(pair, at):
    return "state=online" in pair.info(at).get("slave0", "")


def test_both_logs_are_redacted_in_turn_while_clients_are_served(two, fold_equals_live):
    numbers = count()
    require_same(two, 0, numbers)
    folders = [server.folder for server in two.servers]
    assert all(files_with(folder, SECRET) for folder in folders)
    code, said = redact(folders[1])
    assert code != 0
    assert "has this log open" in said
    assert files_with(folders[1], SECRET)

    two.replica.stop()
    two.ask(0, "RPUSH", "jobs", next(numbers))
    assert redact(folders[1])[0] == 0
    two.replica.start()
    wait_until(lambda: is_followed(two, 0), two.describe)
    require_same(two, 0, numbers)
    assert two.ask(0, "FAILOVER") == b"+OK\r\n"
    wait_until(two.is_turned, two.describe)
    require_same(two, 1, numbers)

    two.master.stop()
    two.ask(1, "RPUSH", "jobs", next(numbers))
    assert redact(folders[0])[0] == 0
    two.master.start()
    two.ask(0, "REPLICAOF", "127.0.0.1", two.ports[1])
    wait_until(lambda: is_followed(two, 1), two.describe)
    require_same(two, 1, numbers)

    jobs = b"".join(b"$%d\r\n%d\r\n" % (len(str(n)), n) for n in range(next(numbers)))
    for at, server in enumerate(two.servers):
        assert two.ask(at, "LRANGE", "jobs", 0, -1).partition(b"\r\n")[2] == jobs
        assert two.ask(at, "EXISTS", "user:42") == b":0\r\n"
        assert files_with(server.folder, SECRET) == []
        fold_equals_live(server)
        server.stop()
        verify(server.folder)
        code, told = replay("log", server.folder, "--all")
        assert (code, told.count("redaction by ada: a request")) == (0, 1)
