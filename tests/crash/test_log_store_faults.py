"""Histories across faults of a log that a stream keeps too are linearizable.

Servers are killed and stopped for longer than their lease, another one takes over from
an empty folder, two of the servers of the store are killed. What clients
were told must have an order, as in `test_linearizable`; and in the end whoever leads
has a log that is sound, of which each claim has a higher epoch.
"""

import random
import signal
import threading
import time

import pytest

from joblog.app.history.notes import ClaimNote, read_note
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.crash.test_linearizable import Client, by_register, is_linearizable
from tests.support.servers import start_joblog
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

CLIENTS = 4
STREAM = "FAULTS"


REFUSALS = (b"-NOREPLICAS", b"-MASTERDOWN", b"-EXECABORT")


class Insistent(Client):
    """A client that asks again where it was refused: then nothing had happened."""

    def _ask(self, connection, register, value):
        while True:
            found = super()._ask(connection, register, value)
            if not self._last.startswith(REFUSALS):
                return found
            time.sleep(0.01)

    def _send(self, connection, commands):
        replies = super()._send(connection, commands)
        self._last = replies[-1]
        return replies


class Cluster:
    """Servers that take turns, over one store."""

    def __init__(self, store):
        self.store = store
        self.started = []
        self.stopped = []
        self.leader = self.start()

    def start(self):
        self.leader = start_joblog(
            *("--log-store", self.store.address(STREAM), "--loglevel", "notice"),
            *("--log-store-lease", "1000", "--log-store-timeout", "2000"),
            *("--replica-serve-stale-data", "no", "--segment-bytes-max", "65536"),
        ).__enter__()
        self.started.append(self.leader)
        return self.leader

    def connect(self):
        return self.leader.connect()

    def kill_leader(self):
        self.leader.kill()
        self.leader.start()

    def stop_leader(self):
        elder = self.leader
        elder.process.send_signal(signal.SIGSTOP)
        younger = self.start().connect()
        wait_until(lambda: younger.ask("ROLE").startswith(b"*3\r\n$6\r\nmaster"))
        elder.process.send_signal(signal.SIGCONT)
        # It starts again, and follows.
        wait_until(lambda: "this server follows" in elder.output())
        elder.kill()

    def kill_two(self):
        for number in (1, 2):
            self.store.kill(number)
        client = self.connect()
        wait_until(lambda: client.ask("SET", "x", "y").startswith((b"-", b"<")))
        for number in (1, 2):
            self.store.start_again(number)
        self.store.wait_until_whole()
        self.drop_clients()

    def drop_clients(self):
        """Have the clients' turn end: they go on until they are closed."""
        wait_until(lambda: self.connect().ask("SET", "x", "y") == b"+OK\r\n")
        self.connect().ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def close(self):
        for server in self.started:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            server.__exit__()


def wait_for_some(clients, threads, count):
    """Wait until clients have done so much more, or are closed."""

    def done():
        return sum(len(one.history) for one in clients)

    before = done()
    wait_until(
        lambda: done() >= before + count or not any(one.is_alive() for one in threads)
    )


def play(seed, rounds):
    """Play faults; return the clients, and the records of whoever led last."""
    chance = random.Random(seed)
    with Store() as store:
        store.wait_until_whole()
        cluster = Cluster(store)
        try:
            faults = [cluster.kill_leader, cluster.stop_leader, cluster.kill_two]
            clients = [Insistent(cluster, n, 100 * seed + n) for n in range(CLIENTS)]
            for number in range(rounds):
                threads = [threading.Thread(target=one.run) for one in clients]
                for thread in threads:
                    thread.start()
                wait_for_some(clients, threads, chance.randrange(20, 60))
                faults[number % len(faults)]()
                for thread in threads:
                    thread.join()
            assert cluster.leader.stop() == 0
            folder = cluster.leader.folder
            verify_log(folder, filesystem=FileSystem())
            records = list(read_records(folder, filesystem=FileSystem()))
        finally:
            cluster.close()
    return clients, records


def test_history_across_faults_of_the_store_is_linearizable():
    clients, records = play(seed=1, rounds=3)

    for register, operations in enumerate(by_register(clients)):
        assert operations
        assert is_linearizable(operations), f"register {register}"
    notes = [read_note(record.origin) for record in records]
    epochs = [note.epoch for note in notes if isinstance(note, ClaimNote)]
    assert epochs == list(range(2, 2 + len(epochs)))
    assert len(epochs) == 3
