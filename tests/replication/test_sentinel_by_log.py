"""A real Sentinel fails over among joblogs that take each other's log."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from tests.replication.pairs import fields
from tests.replication.test_logs_taken import TAKES, replay, segments
from tests.replication.test_sentinel import watch
from tests.support.processes import free_port
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

__all__ = ["watch"]


def ask(server, *words):  # Sentinel closes the connections of clients
    client = server.connect()
    try:
        return client.ask(*words)
    finally:
        client.close()


def part_of(server):
    return fields(ask(server, "INFO", "replication"))


def _known(sentinel):
    """Return the replicas that a Sentinel knows; none before it serves."""
    try:
        return sentinel.sentinel_slaves("jobs")
    except redis.ConnectionError:
        return []


def is_up(server):
    return part_of(server).get("master_link_status") == "up"


@pytest.mark.parametrize("is_stopped", [False, True], ids=["killed", "stopped"])
def test_an_old_master_comes_back_by_the_log(watch, is_stopped):
    ports = [free_port() for _ in range(3)]
    follows = ("--replicaof", f"127.0.0.1 {ports[0]}")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                start_joblog("--bind", "127.0.0.1", "--port", str(port), *TAKES, *more)
            )
            for port, more in zip(ports, ((), follows, follows), strict=True)
        ]
        old, *others = servers
        wait_until(lambda: all(map(is_up, others)))
        sentinel = watch(ports[0])
        wait_until(lambda: len(_known(sentinel)) == 2)
        assert ask(old, "RPUSH", "jobs", "a", "b") == b":2\r\n"
        wait_until(lambda: all(ask(one, "LLEN", "jobs") == b":2\r\n" for one in others))
        if is_stopped:
            os.kill(old.process.pid, signal.SIGSTOP)
        else:
            old.kill()

        def masters():
            return [one for one in others if part_of(one).get("role") == "master"]

        wait_until(lambda: len(masters()) == 1)
        (new,) = masters()
        assert ask(new, "RPUSH", "jobs", "c") == b":3\r\n"
        if is_stopped:
            os.kill(old.process.pid, signal.SIGCONT)
        else:
            old.start()
        wait_until(lambda: part_of(old).get("role") == "slave" and is_up(old))

        wait_until(lambda: len({str(segments(one)) for one in servers}) == 1)
        assert ask(old, "LRANGE", "jobs", 0, -1) == ask(new, "LRANGE", "jobs", 0, -1)
        assert fields(ask(new, "INFO", "stats"))["sync_full"] == "0"
        kept = sorted(Path(old.folder, "set-aside").glob("*"))
        for one in kept:
            assert "the log is whole" in replay("verify", one)
