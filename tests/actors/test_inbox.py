"""Inboxes: mail is taken in order, whoever left it, and once."""

import threading

import pytest

from joblog.actors.inbox import Inbox, Receiver, deliver
from joblog.actors.loop import Loop
from tests.support.fakes import MailTrap


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_mail_from_another_thread_wakes_the_loop_and_comes_in_order(loop):
    trap = MailTrap(loop)
    thread = threading.Thread(target=lambda: [trap.inbox.put(n) for n in range(100)])
    thread.start()

    while len(trap.mail) < 100:
        loop.run_once(1.0)

    thread.join()
    assert trap.mail == list(range(100))
    assert trap.inbox.empty()


def test_mail_waits_until_the_loop_lets_actors_take_it(loop):
    trap = MailTrap(loop)
    deliver([(trap.inbox, b"first"), (trap.inbox, b"second")])
    before = list(trap.mail)

    loop.run_actors()

    assert before == []
    assert trap.mail == [b"first", b"second"]


def test_tick_inside_of_a_drain_takes_all_mail_and_none_twice(loop):
    outer, other = MailTrap(loop), MailTrap(loop)
    taken = []

    def take_and_run_a_tick(inbox):
        while not inbox.empty():
            taken.append(inbox.take())
            other.inbox.post(b"meanwhile")
            loop.run_once(0.0)
            taken.append(list(other.mail))

    outer.receive_all = take_and_run_a_tick
    outer.inbox.post(b"a")
    outer.inbox.post(b"b")

    loop.run_actors()

    assert taken == [b"a", [b"meanwhile"], b"b", [b"meanwhile"] * 2]
    assert loop.run_queue == []


def test_receiver_refuses_what_it_is_not_made_for(loop):
    receiver = Receiver()

    with pytest.raises(TypeError, match="takes no mail"):
        receiver.receive_all(Inbox())
    with pytest.raises(TypeError, match="serves no file descriptor"):
        receiver.on_ready(1)
