"""A queue under load moves to another server: no job is lost, none is there twice."""

import random
import threading
from contextlib import ExitStack

import pytest
import redis

from tests.clients.runners import port_options
from tests.delancie.broker import Broker
from tests.delancie.workers import Worker, count_succeeded, require_nothing_lost
from tests.replication.pairs import fields
from tests.support.servers import start_joblog, start_redis, start_valkey
from tests.support.waiting import wait_until

WORKERS = 3
ROADS = {
    "to joblog and back": (start_redis, start_joblog, start_valkey),
    "from joblog to joblog": (start_joblog, start_joblog),
}


def port_of(server):
    return server.options[server.options.index("--port") + 1]


def follow(replica, master):
    """Have a server follow another, and wait until it has all."""
    asked = replica.connect()
    asked.ask("REPLICAOF", "127.0.0.1", port_of(master))
    wait_until(
        lambda: b"master_link_status:up" in asked.ask("INFO", "replication"),
        replica.output,
    )
    asked.close()


def cut_over(master, replica):
    """Let the replica take over, as docs/replication.md has it."""
    old, new = master.connect(), replica.connect()
    assert old.ask("CLIENT", "PAUSE", 60_000, "WRITE") == b"+OK\r\n"
    wait_until(lambda: offset(new, "slave_repl_offset") >= offset(old), replica.output)
    assert new.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    assert offset(old) == offset(new, "master_repl_offset")
    old.close()
    new.close()
    master.kill()


def offset(client, name="master_repl_offset"):
    return int(fields(client.ask("INFO", "replication"))[name])


def wait_for_work(workers):
    """Wait until some more jobs are done."""
    before = count_succeeded(workers)
    wait_until(lambda: count_succeeded(workers) > before + 20)


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
def test_a_queue_under_load_moves(road, fold_equals_live):
    with ExitStack() as stack:

        def connect(server):
            client = redis.Redis(unix_socket_path=server.path, retry=None)
            stack.callback(client.close)
            return client

        starts = [(start, port_options()) for start in ROADS[road]]
        master, *others = [
            stack.enter_context(start("--repl-diskless-sync-delay", "0", *port))
            for start, port in starts
        ]
        workers = [
            Worker(connect(master), number, random.Random(number))
            for number in range(WORKERS)
        ]
        for replica in others:
            threads = [threading.Thread(target=worker.run) for worker in workers]
            for thread in threads:
                thread.start()
            follow(replica, master)
            wait_for_work(workers)
            cut_over(master, replica)
            for thread in threads:
                thread.join()
            for worker in workers:
                worker.broker.client = connect(replica)
            require_nothing_lost(workers, Broker(connect(replica)))
            if replica.name == "joblog":
                fold_equals_live(replica)
            master = replica
