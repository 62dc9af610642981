"""SIGKILL while snapshots are made and the log is sealed, pruned and packed.

Promises 8 and 12 of docs/reliability.md. The child that does it is left to itself by
the kill: it must neither harm what the next server does nor stay for long.
"""

import random
import time

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.verify import verify_log
from tests.crash.test_kill import Writer, kill_while_they_write
from tests.support.servers import START_SECONDS
from tests.support.waiting import wait_until

CLIENTS = 3
ROUNDS = 6
OPTIONS = (
    *("--segment-bytes-max", "4096", "--log-retention-bytes", "20000"),
    *("--log-compression", "zlib", "--save", "1 1", "--snapshots-kept", "1"),
)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_no_acknowledged_write_is_lost_when_the_server_dies_while_tidying(
    start, policy
):
    server = start("--appendfsync", policy, *OPTIONS)
    writers = [Writer(server, number) for number in range(CLIENTS)]
    chance = random.Random(policy)

    def tidy():
        connection = server.connect()
        connection.ask("BGREWRITEAOF")
        connection.close()

    for _ in range(ROUNDS):
        kill_while_they_write(server, writers, chance.uniform(0.2, 1.5), tidy)

    connection = server.connect()
    # The rule may have had one begun by the new server already.
    wait_until(lambda: connection.ask("SAVE") == b"+OK\r\n")
    connection.close()
    report = verify_log(server.folder, filesystem=FileSystem())
    assert report.damage == []
    assert report.segments[0].first_seq > 1
    # A rule may have the next one made meanwhile: there are two until the old one goes.
    deadline = time.monotonic() + START_SECONDS
    while len(LogFolder(server.folder, FileSystem()).find_snapshots()) > 1:
        assert time.monotonic() < deadline
