"""SIGKILL at any moment: no acknowledged write is lost, under any fsync policy.

The machine stays up, so what was written before a reply is there after the restart.
Promises 1, 2 and 12 of docs/log-format.md; power cuts are played in tests/storage.
"""

import random
import threading

import pytest

from joblog.storage.disk import open_disk
from joblog.storage.verify import verify_log
from tests.parity.wire import encode
from tests.support.encrypted import make_key_file

CLIENTS = 6
ROUNDS = {"always": 20, "everysec": 7, "no": 7}


class Writer:
    """A client that counts a key up, and knows which values were acknowledged."""

    def __init__(self, server, number):
        self.key = f"counter:{number}"
        self.list = f"list:{number}"
        self.acknowledged = 0
        self.sent = 0
        self._server = server

    def catch_up(self):
        """Begin where the server is now: what was in flight may be there."""
        connection = self._server.connect()
        found = int(connection.ask("LLEN", self.list)[1:-2])
        connection.close()
        assert self.acknowledged <= found <= self.sent
        self.acknowledged = self.sent = found

    def run(self):
        """Write until the server is gone."""
        connection = self._server.connect()
        while not connection.is_closed:
            self.sent += 1
            connection.send(
                encode(["RPUSH", self.list, self.sent])
                + encode(["SET", self.key, self.sent])
            )
            pushed = connection.read()
            if pushed != b":%d\r\n" % self.sent or connection.read() != b"+OK\r\n":
                break
            self.acknowledged = self.sent
        connection.close()


def kill_while_they_write(server, writers, seconds, meanwhile=lambda: None):
    """Let writers write, kill the server, start it again and let them catch up."""
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    meanwhile()
    threads[0].join(seconds)
    server.kill()
    for thread in threads:
        thread.join()
    server.start()
    for writer in writers:
        writer.catch_up()


@pytest.mark.slow
@pytest.mark.parametrize("policy", ROUNDS)
def test_no_acknowledged_write_is_lost_when_the_server_is_killed(start, policy):
    server = start("--appendfsync", policy)
    writers = [Writer(server, number) for number in range(CLIENTS)]
    chance = random.Random(policy)

    for _ in range(ROUNDS[policy]):
        kill_while_they_write(server, writers, chance.uniform(0.02, 0.25))

    connection = server.connect()
    for writer in writers:
        assert writer.acknowledged > 0
        pushed = connection.ask("LRANGE", writer.list, 0, -1).split(b"\r\n")[2::2]
        assert pushed == [b"%d" % n for n in range(1, writer.acknowledged + 1)]
    connection.close()


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_under_encryption(start, tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    server = start(
        *("--log-encryption-key-file", str(key), "--segment-bytes-max", "40000"),
        *("--appendfsync", "always"),
    )
    writers = [Writer(server, number) for number in range(CLIENTS)]
    chance = random.Random("encrypted")

    for _ in range(6):
        kill_while_they_write(server, writers, chance.uniform(0.02, 0.25))

    disk = open_disk(str(key))
    assert verify_log(server.folder, filesystem=disk).is_sound
    assert all(writer.acknowledged > 0 for writer in writers)
    assert all(
        b"counter:" not in path.read_bytes()
        for path in server.folder.rglob("*")
        if path.is_file()
    )


def test_stop_loses_nothing_under_any_policy(start):
    for policy in ROUNDS:
        server = start("--appendfsync", policy)
        connection = server.connect()
        connection.send(b"".join(encode(["INCR", "n"]) for _ in range(1000)))
        replies = [connection.read() for _ in range(1000)]
        exit_code = server.stop()
        server.start()

        assert exit_code == 0
        assert replies[-1] == b":1000\r\n"
        again = server.connect()
        assert again.ask("GET", "n") == b"$4\r\n1000\r\n"
        again.close()
        connection.close()
