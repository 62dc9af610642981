"""A master that is killed under load: what it answered is at its replica.

Its system sends what the process had written, so that only a reply which left before
the stream did could be one that the replica lacks.
"""

import random
import threading
import time

import pytest

from tests.replication.pairs import fields
from tests.support.processes import free_port
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until

CLIENTS = 8
KILLS = 6


class Counter(threading.Thread):
    """Counts a key up until its server is gone.

    Attributes:
        answered: the last count that it was told.
    """

    def __init__(self, server, key):
        super().__init__()
        self._client, self._key = server.connect(), key
        self.answered = 0
        self.start()

    def run(self):
        try:
            while (reply := self._client.ask("INCR", self._key)).startswith(b":"):
                self.answered = int(reply[1:])
        except OSError:
            pass
        self._client.close()


def link_of(replica):
    with_stats = replica.connect()
    state = fields(with_stats.ask("INFO", "replication"))["master_link_status"]
    with_stats.close()
    return state


@pytest.mark.parametrize(
    ("start", "options"),
    [
        pytest.param(start_redis, (), id="redis"),
        pytest.param(start_joblog, (), id="joblog"),
    ],
)
def test_what_was_answered_is_at_the_replica(start, options, fold_equals_live):
    chances, port = random.Random(7), free_port()
    with (
        start_joblog("--port", str(port)) as master,
        start(*options, "--replicaof", f"127.0.0.1 {port}") as replica,
    ):
        for kill in range(KILLS):
            wait_until(lambda: link_of(replica) == "up")
            counters = [Counter(master, f"{kill}:{at}") for at in range(CLIENTS)]
            time.sleep(chances.uniform(0.05, 0.4))
            master.kill()
            for counter in counters:
                counter.join()
            wait_until(lambda: link_of(replica) == "down")
            client = replica.connect()
            held = [
                int(client.ask("GET", f"{kill}:{at}").split(b"\r\n")[1])
                for at in range(CLIENTS)
            ]
            client.close()
            answered = [counter.answered for counter in counters]
            assert all(map(int.__ge__, held, answered)), (held, answered)
            assert min(answered) > 0
            master.start()
        fold_equals_live(master)
