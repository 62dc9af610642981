"""What fails costs whom it is about, and tells of itself a few times a minute."""

import errno
import logging
import os
import socket

import pytest

from joblog.actors.failures import LINES_A_MINUTE, BoundedLog, Failures
from joblog.actors.inbox import ActorReceiver, Inbox
from joblog.actors.loop import READ, Loop
from joblog.actors.messages import Counted
from tests.support.fakes import MailTrap


@pytest.fixture
def loop():
    made = Loop()
    made.on_bug = BUGS.append
    BUGS.clear()
    yield made
    made.close()


BUGS = []


class Careless:
    """Fails at everything, and notes what it is told of it."""

    def __init__(self, *, is_all):
        self.is_all = is_all
        self.told = []

    def receive_all(self, inbox):
        raise ValueError(inbox.take())

    def contain(self, error):
        self.told.append(str(error))
        return self.is_all


def fail_with_mail(loop, careless):
    inbox = Inbox()
    inbox.bind(ActorReceiver(careless), loop)
    inbox.post("one")
    inbox.post("two")
    loop.run_once(0.0)


def fail_in_timer(loop, careless):
    loop.call_later(0.0, lambda: 1 / 0, ActorReceiver(careless))
    while not careless.told:
        loop.run_once()


def fail_soon(loop, careless):
    loop.call_soon(lambda: 1 / 0, ActorReceiver(careless))
    loop.run_once(0.0)


WAYS = [
    pytest.param(fail_with_mail, ["one", "two"], id="mail"),
    pytest.param(fail_in_timer, ["division by zero"], id="timer"),
    pytest.param(fail_soon, ["division by zero"], id="soon"),
]


@pytest.mark.parametrize(("fail", "told"), WAYS)
@pytest.mark.parametrize("is_all", [True, False])
def test_failure_costs_its_owner_and_the_server_only_where_that_is_not_all(
    loop, fail, told, is_all
):
    careless = Careless(is_all=is_all)

    fail(loop, careless)

    assert careless.told == told
    assert [str(bug) for bug in BUGS] == ([] if is_all else told)


def test_others_are_served_in_the_tick_of_a_failure(loop):
    trap = MailTrap(loop)
    inbox = Inbox()
    inbox.bind(ActorReceiver(Careless(is_all=True)), loop)
    inbox.post("bad")
    trap.inbox.post("good")

    loop.run_once(0.0)

    assert trap.mail == ["good"]


def test_failure_of_a_file_descriptors_callback_is_a_bug_and_others_are_called(loop):
    pairs = [socket.socketpair() for _ in range(2)]
    seen = []
    for ours, theirs in pairs:
        loop.watch(ours.fileno(), READ, lambda events: (seen.append(events), 1 / 0))
        theirs.send(b"x")

    loop.run_once(1.0)

    assert seen == [READ, READ]
    assert len(BUGS) == 2
    for ours, theirs in pairs:
        loop.unwatch(ours.fileno())
        ours.close()
        theirs.close()


def test_failure_without_an_owner_is_a_bug_and_ends_no_tick(loop):
    done = []
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(lambda: done.append(1))

    loop.run_once(0.0)

    assert done == [1]
    assert len(BUGS) == 1


def test_mail_of_threads_comes_though_the_wake_up_fails(loop, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "no")

    trap = MailTrap(loop)
    monkeypatch.setattr(os, "write", fail)

    loop.post_from_thread(trap.inbox, "mail")
    loop.run_once()

    assert trap.mail == ["mail"]


def test_a_file_descriptor_is_watched_anew_though_forgetting_it_failed(loop):
    ours, theirs = socket.socketpair()
    seen = []
    loop.watch(ours.fileno(), READ, seen.append)
    loop._ready.clear()  # as where the system refused

    loop.watch(ours.fileno(), READ, seen.append)
    theirs.send(b"x")
    loop.run_once(1.0)

    assert seen == [READ]
    loop.unwatch(ours.fileno())
    ours.close()
    theirs.close()


def test_log_is_bounded_and_says_how_much_it_left_out(loop, caplog):
    log = BoundedLog(loop, "things")
    for number in range(LINES_A_MINUTE + 5):
        log.write(logging.WARNING, "thing %d", number)
    loop._timers[0][2].callback()
    log.write(logging.WARNING, "thing again")

    said = [record.message for record in caplog.records]
    assert said[:LINES_A_MINUTE] == [f"thing {n}" for n in range(LINES_A_MINUTE)]
    assert said[LINES_A_MINUTE:] == [
        "more of that, things, is only counted now",
        "things: 5 more in a minute",
        "thing again",
    ]


def test_minute_in_which_no_more_was_left_out_ends_quietly(loop, caplog):
    log = BoundedLog(loop, "things")
    log.write(logging.WARNING, "thing")

    loop._timers[0][2].callback()

    assert [record.message for record in caplog.records] == ["thing"]


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (ConnectionResetError(errno.ECONNRESET, "gone"), logging.DEBUG),
        (OSError(errno.EIO, "bad"), logging.WARNING),
        (MemoryError(), logging.WARNING),
        (ValueError("a bug"), logging.ERROR),
    ],
)
def test_a_bug_is_told_loudly_and_a_peer_that_is_gone_quietly(
    loop, caplog, error, level
):
    caplog.set_level(logging.DEBUG)
    failures = Failures(loop, MailTrap(loop).inbox)

    failures.note_client(7, "1.2.3.4:5", error)

    [record] = caplog.records
    assert record.levelno == level
    assert record.message.startswith("client id=7 address=1.2.3.4:5 closed: ")
    assert bool(record.exc_info) == (level == logging.ERROR)


def test_what_failed_is_counted(loop):
    trap = MailTrap(loop)
    failures = Failures(loop, trap.inbox)

    failures.note_accept(OSError(errno.ECONNABORTED, "gone"))
    failures.note_pause(OSError(errno.EMFILE, "too many"), 0.1)
    failures.note_inquiry(OSError(errno.EIO, "bad"))
    loop.run_once(0.0)

    assert trap.mail == [
        Counted("accept_errors"),
        Counted("accept_errors"),
        Counted("inquiry_errors"),
    ]
