"""A real Sentinel fails over from one joblog to another."""

import subprocess
from contextlib import ExitStack

import pytest
import redis

from tests.replication.pairs import fields
from tests.support.processes import free_port
from tests.support.servers import require_program, start_joblog
from tests.support.waiting import wait_until

_SETTINGS = """
port {port}
dir {folder}
sentinel monitor jobs 127.0.0.1 {master} 1
sentinel down-after-milliseconds jobs 1000
sentinel failover-timeout jobs 10000
"""


@pytest.fixture
def watch(tmp_path):
    """Return a function that starts a Sentinel over a master, and gives a client."""
    with ExitStack() as stack:

        def watch_it(master):
            port = free_port()
            path = tmp_path / "sentinel.conf"
            path.write_text(_SETTINGS.format(port=port, folder=tmp_path, master=master))
            program = require_program("redis-server")
            process = stack.enter_context(
                subprocess.Popen(
                    [program, str(path), "--sentinel"], stdout=subprocess.DEVNULL
                )
            )
            stack.callback(process.kill)
            return stack.enter_context(redis.Redis(port=port))

        yield watch_it


def test_sentinel_promotes_a_replica_that_has_all(watch):
    ports = [free_port(), free_port()]
    address = ("--bind", "127.0.0.1", "--port")
    with ExitStack() as stack:
        first = stack.enter_context(start_joblog(*address, str(ports[0])))
        follows = ("--replicaof", f"127.0.0.1 {ports[0]}")
        second = stack.enter_context(start_joblog(*address, str(ports[1]), *follows))

        def ask(*words):  # Sentinel closes the connections of clients
            client = second.connect()
            reply = client.ask(*words)
            client.close()
            return reply

        def part():
            return fields(ask("INFO", "replication"))

        wait_until(lambda: part().get("master_link_status") == "up")
        sentinel = watch(ports[0])

        def knows_both():
            try:
                return len(sentinel.sentinel_slaves("jobs")) == 1
            except redis.ConnectionError:
                return False

        wait_until(knows_both)
        master = first.connect()
        master.ask("RPUSH", "jobs", "a", "b")
        assert master.ask("WAIT", "1", "60000") == b":1\r\n"
        first.kill()

        wait_until(lambda: part().get("role") == "master")
        assert ask("LLEN", "jobs") == b":2\r\n"
        assert ask("RPUSH", "jobs", "c") == b":3\r\n"
        told = (b"127.0.0.1", ports[1])
        wait_until(lambda: sentinel.sentinel_get_master_addr_by_name("jobs") == told)
