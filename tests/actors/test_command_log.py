"""CommandLog: any log that keeps to it can take the place of the files."""

import select
import tempfile
import threading
import time
from pathlib import Path

import pykka
import pytest

from joblog.actors.log_writer import LogWriter
from joblog.actors.loop import Loop
from joblog.actors.messages import Durable, Order
from joblog.actors.system import Server
from joblog.actors.traffic import Commit
from joblog.app.config import Config
from joblog.storage.errors import SequenceMismatchError
from joblog.storage.filesystem import FileSystem
from joblog.storage.fsync import FsyncPolicy
from joblog.storage.log import Log
from tests.parity.wire import Connection
from tests.support.fakes import MailTrap, MemoryLog, MemorySource

ENTRY = (1_000, 0, [[b"SET", b"k", b"v"]], 7)
SECONDS = 30


@pytest.fixture(params=["of files", "in memory"])
def log(request, tmp_path):
    if request.param == "in memory":
        made = MemoryLog()
    else:
        made = Log.open(tmp_path, filesystem=FileSystem(), now_ms=lambda: 1_000)
    yield made
    made.close()


class TestEveryLog:
    def test_numbers_records_from_one(self, log):
        assert log.last_seq == 0
        assert log.append([ENTRY, ENTRY], 0) == 2
        assert log.last_seq == 2

    def test_refuses_whom_another_has_outrun(self, log):
        log.append([ENTRY], 0)

        with pytest.raises(SequenceMismatchError):
            log.append([ENTRY], 0)

        assert log.last_seq == 1

    def test_says_no_more_than_it_knows_to_be_durable(self, log):
        log.append([ENTRY], 0)

        assert log.synced_seq == 0
        assert log.sync() == log.synced_seq

    def test_makes_all_durable_when_it_is_closed(self, log):
        log.append([ENTRY], 0)

        log.close()

        assert log.synced_seq == 1

    def test_tells_of_itself(self, log):
        log.append([ENTRY], 0)

        assert len(log.log_id) == 32
        assert (log.first_seq, log.open_first_seq) == (1, 1)
        assert len(log.segments) == 1
        assert log.size_bytes >= log.written_bytes > 0
        assert not log.needs_sync


class Writing:
    """A log writer under policy `always`, over a log that is durable when told to."""

    def __init__(self):
        self.loop = Loop()
        self.log = MemoryLog()
        self.client = MailTrap(self.loop)
        self.stops = []
        self.ref = LogWriter.start(
            self.loop,
            self.log,
            lambda: FsyncPolicy.ALWAYS,
            MailTrap(self.loop).inbox,
            lambda: self.stops.append("stop"),
        )

    def commit(self, entries, reply, orders=()):
        replies = [(self.client.inbox, reply)]
        self.ref.actor_inbox.post(Commit(entries, replies, orders))
        self.loop.run_actors()

    def say_durable(self, seq):
        self.log.synced_seq = seq
        self.ref.tell(Durable(seq))
        self.loop.run_actors()

    def run_until(self, is_done):
        deadline = time.monotonic() + SECONDS
        while not is_done():
            assert time.monotonic() < deadline
            self.loop.run_once(0.01)


@pytest.fixture
def writing():
    made = Writing()
    yield made
    made.ref.stop(block=False)
    made.loop.run_actors()
    made.loop.close()
    assert pykka.ActorRegistry.get_all() == []


def test_reply_waits_for_the_number_that_others_say_later(writing):
    writing.commit([ENTRY], b"+1\r\n")
    writing.run_until(lambda: writing.log.syncs == [1])
    writing.commit([ENTRY], b"+2\r\n")
    writing.run_until(lambda: writing.log.syncs == [1, 2])
    after_syncs = list(writing.client.mail)
    writing.say_durable(1)
    after_one = list(writing.client.mail)
    writing.say_durable(2)

    assert after_syncs == []
    assert after_one == [b"+1\r\n"]
    assert writing.client.mail == [b"+1\r\n", b"+2\r\n"]


def test_number_may_come_before_the_sync_has_ended(writing):
    writing.commit([ENTRY], b"+1\r\n")
    writing.say_durable(1)

    assert writing.client.mail == [b"+1\r\n"]


def test_log_is_asked_once_to_sync_what_it_makes_durable_later(writing):
    writing.commit([ENTRY], b"+1\r\n")
    writing.run_until(lambda: writing.log.syncs == [1])
    for _ in range(20):
        writing.loop.run_once(0.001)

    assert writing.log.syncs == [1]


def test_order_waits_for_the_number_too(writing):
    done = []
    writing.commit([ENTRY], b"+1\r\n", [Order(lambda: done.append("done"))])
    writing.run_until(lambda: writing.log.syncs == [1])
    before = list(done)
    writing.say_durable(1)

    assert before == []
    assert done == ["done"]


def test_server_stops_where_somebody_else_has_appended(writing):
    writing.log.append([ENTRY], 0)

    writing.commit([ENTRY], b"+OK\r\n")

    assert writing.stops == ["stop"]
    assert writing.client.mail == []
    assert writing.log.last_seq == 1


class Running:
    """A server in a thread, over a log in memory."""

    def __init__(self, folder):
        self.log = MemoryLog()
        self.path = str(folder / "s")
        is_ready = threading.Event()
        self.server = Server(
            Config(
                {
                    "port": "0",
                    "unixsocket": self.path,
                    "dir": str(folder),
                    "appendfsync": "always",
                    "save": "",
                }
            ),
            take_log=lambda _: MemorySource(self.log),
            on_ready=is_ready.set,
        )
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        assert is_ready.wait(SECONDS)
        self._clients = []
        self._known_seq = 0

    def ask(self, *words):
        """Send a command on a connection of its own, and return that."""
        client = Connection(self.path)
        self._clients.append(client)
        client.send(b" ".join(words) + b"\r\n")
        return client

    def run_until_synced(self):
        """Wait until another record was appended and synced; return its number."""
        deadline = time.monotonic() + SECONDS
        known = self._known_seq
        while self.log.last_seq == known or self.log.last_seq not in self.log.syncs:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        self._known_seq = self.log.last_seq
        return self._known_seq

    def say_durable(self, seq):
        self.log.synced_seq = seq
        self.server._log_writer.tell(Durable(seq))

    def stop(self):
        for client in self._clients:
            client.close()
        self.server.stop()
        self._thread.join()


@pytest.fixture
def running():
    # Short, since a socket's path may have no more than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="joblog-") as folder:
        # What was durable would lie here; nothing ever is.
        Path(folder, "log").mkdir()
        made = Running(Path(folder))
        yield made
        made.stop()


def has_reply(client):
    ready = select.poll()
    ready.register(client._socket, select.POLLIN)
    return bool(ready.poll(0))


def test_server_answers_writes_once_the_log_says_that_they_are_durable(running):
    first = running.ask(b"SET", b"k", b"1")
    first_seq = running.run_until_synced()
    second = running.ask(b"INCR", b"k")
    second_seq = running.run_until_synced()
    reader = running.ask(b"GET", b"k")
    early = has_reply(first) or has_reply(second) or has_reply(reader)
    running.say_durable(first_seq)
    answered = first.read()
    still_early = has_reply(second) or has_reply(reader)
    running.say_durable(second_seq)

    assert not early
    assert answered == b"+OK\r\n"
    assert not still_early
    assert (second.read(), reader.read()) == (b":2\r\n", b"$1\r\n2\r\n")
