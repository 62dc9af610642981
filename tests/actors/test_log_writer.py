"""LogWriter: replies go only when their records are as safe as the policy promises."""

import errno
import os
import threading

import pykka
import pytest

from joblog.actors.inbox import ActorReceiver, Inbox
from joblog.actors.log_writer import LogWriter
from joblog.actors.loop import Loop
from joblog.actors.messages import Appended, LogTrouble, Status, Tap
from joblog.actors.traffic import Commit
from joblog.storage.filesystem import FileSystem
from joblog.storage.fsync import FsyncPolicy
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from tests.support.fakes import MailTrap

ENTRY = (1_000, 0, [[b"SET", b"k", b"v"]], 7)


class FailingFileSystem(FileSystem):
    """The real one, but for writes and syncs that are told to fail."""

    write_error = None
    sync_error = None

    def __init__(self):
        self.sync_threads = []

    def write(self, file, data):
        if self.write_error:
            raise OSError(self.write_error, os.strerror(self.write_error))
        return super().write(file, data)

    def fdatasync(self, file):
        self.sync_threads.append(threading.get_ident())
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().fdatasync(file)


class Writer:
    """A log writer, its log, and traps in place of its neighbours."""

    def __init__(self, folder, policy):
        self.folder = folder
        self.filesystem = FailingFileSystem()
        self.log = Log.open(folder, filesystem=self.filesystem, now_ms=lambda: 1_000)
        self.loop = Loop()
        self.keyspace = MailTrap(self.loop)
        self.client = MailTrap(self.loop)
        self.stops = []
        self.ref = LogWriter.start(
            self.loop,
            self.log,
            lambda: policy,
            self.keyspace.inbox,
            lambda: self.stops.append("stop"),
        )

    def commit(self, entries, reply):
        """Mail one commit and let the loop run what is there at once."""
        self.ref.actor_inbox.post(Commit(entries, [(self.client.inbox, reply)]))
        self.loop.run_actors()

    def run_until(self, is_done):
        """Run the loop until something is so."""
        for _ in range(1000):
            if is_done():
                return
            self.loop.run_once(0.01)
        raise AssertionError("it never came to that")

    def records(self):
        """Return the effects that are in the log."""
        found = read_records(self.folder, filesystem=FileSystem())
        return [record.effects for record in found]


@pytest.fixture(params=[1e9, -1.0], ids=["quick disk", "slow disk"])
def writer(request, tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.actors.sync_delays.QUICK_SECONDS", request.param)
    made = []

    def make(policy):
        made.append(Writer(tmp_path, policy))
        return made[-1]

    yield make
    for one in made:
        one.filesystem.write_error = one.filesystem.sync_error = None
        one.ref.stop(block=False)
        one.loop.run_actors()
        one.loop.close()
    assert pykka.ActorRegistry.get_all() == []


@pytest.mark.parametrize("policy", [FsyncPolicy.EVERYSEC, FsyncPolicy.NO])
def test_reply_goes_once_the_record_is_written(writer, policy):
    writing = writer(policy)

    writing.commit([ENTRY], b"+OK\r\n")

    assert writing.client.mail == [b"+OK\r\n"]
    assert writing.records() == [[[b"SET", b"k", b"v"]]]


def test_reply_waits_for_the_sync_under_always(writer):
    writing = writer(FsyncPolicy.ALWAYS)

    writing.commit([ENTRY], b"+OK\r\n")
    before = list(writing.client.mail)
    writing.run_until(lambda: writing.client.mail)

    assert before == []
    assert writing.client.mail == [b"+OK\r\n"]
    assert writing.log.synced_seq == 1


class Passing:
    """Stands in for who sends replicas what was appended: it mails that on."""

    def __init__(self, to):
        self.to = to

    def receive_all(self, inbox):
        while not inbox.empty():
            message = inbox.take()
            if isinstance(message, Appended):
                self.to.post(message.seq)


@pytest.mark.parametrize("policy", [FsyncPolicy.EVERYSEC, FsyncPolicy.ALWAYS])
def test_replicas_are_sent_a_write_before_its_client_hears_of_it(writer, policy):
    writing = writer(policy)
    tap = Inbox()
    tap.bind(ActorReceiver(Passing(writing.client.inbox)), writing.loop)
    writing.ref.actor_inbox.post(Tap(tap))

    writing.ref.actor_inbox.post(Commit([ENTRY], [(writing.client.inbox, b"+1\r\n")]))
    writing.ref.actor_inbox.post(Commit([], [(writing.client.inbox, b"+2\r\n")]))
    writing.ref.actor_inbox.post(Commit([ENTRY], [(writing.client.inbox, b"+3\r\n")]))
    writing.run_until(lambda: len(writing.client.mail) == 5)

    assert writing.client.mail == [1, 2, b"+1\r\n", b"+2\r\n", b"+3\r\n"]


def test_one_sync_of_a_quick_disk_serves_all_that_came_in_a_tick(writer):
    writing = writer(FsyncPolicy.ALWAYS)
    writing.filesystem.sync_threads.clear()

    writing.commit([ENTRY], b"+1\r\n")
    writing.commit([ENTRY], b"+2\r\n")
    writing.loop.run_once(0)

    assert writing.client.mail == [b"+1\r\n", b"+2\r\n"]
    assert writing.filesystem.sync_threads == [threading.get_ident()]


def test_syncer_does_it_where_the_last_sync_took_long(writer, request):
    writing = writer(FsyncPolicy.ALWAYS)
    writing.commit([ENTRY], b"+1\r\n")
    writing.run_until(lambda: writing.client.mail)
    writing.filesystem.sync_threads.clear()

    writing.commit([ENTRY], b"+2\r\n")
    writing.run_until(lambda: len(writing.client.mail) == 2)

    is_slow = "slow disk" in request.node.name
    assert (writing.filesystem.sync_threads != [threading.get_ident()]) == is_slow


def test_read_waits_behind_a_write_under_always(writer):
    writing = writer(FsyncPolicy.ALWAYS)

    writing.commit([ENTRY], b"+OK\r\n")
    writing.commit([], b"$1\r\nv\r\n")
    before = list(writing.client.mail)
    writing.run_until(lambda: len(writing.client.mail) == 2)

    assert before == []
    assert writing.client.mail == [b"+OK\r\n", b"$1\r\nv\r\n"]


def test_read_alone_does_not_wait_under_always(writer):
    writing = writer(FsyncPolicy.ALWAYS)

    writing.commit([], b"$-1\r\n")

    assert writing.client.mail == [b"$-1\r\n"]


def test_full_disk_holds_the_reply_and_reports_until_there_is_room(writer, caplog):
    writing = writer(FsyncPolicy.EVERYSEC)
    writing.filesystem.write_error = errno.ENOSPC

    writing.commit([ENTRY], b"+OK\r\n")
    writing.commit([], b"$-1\r\n")
    troubles = [m for m in writing.keyspace.mail if isinstance(m, LogTrouble)]
    held = list(writing.client.mail)
    writing.filesystem.write_error = None
    writing.run_until(lambda: len(writing.client.mail) == 2)

    assert troubles[0].reason == b"No space left on device"
    assert held == [b"$-1\r\n"]
    assert writing.client.mail[-1] == b"+OK\r\n"
    assert [m for m in writing.keyspace.mail if not isinstance(m, Status)][-1] == (
        LogTrouble(None)
    )
    assert writing.records() == [[[b"SET", b"k", b"v"]]]


def test_entries_behind_a_failed_write_keep_their_order(writer, caplog):
    writing = writer(FsyncPolicy.EVERYSEC)
    writing.filesystem.write_error = errno.EIO
    expired = (1_001, 0, [[b"DEL", b"k"]], [0, None, {"kind": "expired"}])

    writing.commit([ENTRY], b"+OK\r\n")
    writing.commit([expired], b":0\r\n")
    writing.filesystem.write_error = None
    writing.run_until(lambda: len(writing.client.mail) == 2)

    assert writing.client.mail == [b"+OK\r\n", b":0\r\n"]
    assert writing.records() == [[[b"SET", b"k", b"v"]], [[b"DEL", b"k"]]]


def test_failed_sync_acknowledges_nothing_and_stops_the_server(writer, caplog):
    writing = writer(FsyncPolicy.ALWAYS)
    writing.filesystem.sync_error = errno.EIO

    writing.commit([ENTRY], b"+OK\r\n")
    writing.run_until(lambda: writing.stops)
    writing.filesystem.sync_error = None
    writing.commit([ENTRY], b"+OK\r\n")

    assert writing.client.mail == []
    assert writing.stops == ["stop"]


def test_stop_makes_everything_durable_and_lets_replies_go(writer):
    writing = writer(FsyncPolicy.ALWAYS)
    writing.commit([ENTRY], b"+OK\r\n")

    writing.ref.stop(block=False)
    writing.loop.run_actors()

    assert writing.client.mail == [b"+OK\r\n"]
    assert writing.log.synced_seq == 1
