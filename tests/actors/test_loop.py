"""The loop: sockets, timers, wake-ups, and ticks inside of ticks."""

import os
import socket
import threading
import time

import pytest

from joblog.actors.inbox import ActorReceiver, Inbox
from joblog.actors.loop import READ, Loop


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_loop_calls_the_owner_of_a_ready_socket(loop):
    ours, theirs = socket.socketpair()
    seen = []
    loop.watch(ours.fileno(), READ, lambda events: seen.append((events, ours.recv(9))))
    theirs.send(b"x")

    loop.run_once(1.0)

    assert seen == [(READ, b"x")]
    loop.unwatch(ours.fileno())
    ours.close()
    theirs.close()


def test_loop_forgets_an_unwatched_socket(loop):
    ours, theirs = socket.socketpair()
    seen = []
    loop.watch(ours.fileno(), READ, seen.append)
    theirs.send(b"x")
    loop.unwatch(ours.fileno())

    loop.run_once(0.0)

    assert seen == []
    ours.close()
    theirs.close()


def test_callback_that_closes_another_ready_socket_keeps_it_from_being_called(loop):
    pairs = [socket.socketpair() for _ in range(2)]
    seen = []

    def close_all(_):
        seen.append("called")
        for ours, _theirs in pairs:
            loop.unwatch(ours.fileno())

    for ours, theirs in pairs:
        loop.watch(ours.fileno(), READ, close_all)
        theirs.send(b"x")

    loop.run_once(1.0)

    assert seen == ["called"]
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


@pytest.mark.parametrize(("commands", "order"), [(1, "rrdd"), (1000, "rdrd")])
def test_many_commands_are_served_before_more_clients_are_read(loop, commands, order):
    pairs = [socket.socketpair() for _ in range(2)]
    seen = []

    class Letters:
        def receive_all(self, inbox):
            while not inbox.empty():
                seen.append(inbox.take())

    inbox = Inbox()
    inbox.bind(ActorReceiver(Letters()), loop)

    def read(_):
        seen.append("r")
        loop.commands_read += commands
        inbox.post("d")

    for ours, theirs in pairs:
        loop.watch(ours.fileno(), READ, read)
        theirs.send(b"x")

    loop.run_once(1.0)

    assert "".join(seen) == order
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_timers_run_in_the_order_of_their_times(loop):
    seen = []
    loop.call_later(0.002, lambda: seen.append("second"))
    loop.call_later(0.001, lambda: seen.append("first"))
    cancelled = loop.call_later(0.001, lambda: seen.append("never"))
    cancelled.cancel()

    while len(seen) < 2:
        loop.run_once()

    assert seen == ["first", "second"]


def test_call_soon_runs_once_in_the_next_tick(loop):
    seen = []

    def again():
        seen.append("called")
        loop.call_soon(again)

    loop.call_soon(again)
    loop.run_once()

    assert seen == ["called"]


def test_another_thread_wakes_the_loop(loop):
    thread = threading.Timer(0.02, loop.stop)
    thread.start()
    started = time.monotonic()

    loop.run()

    thread.join()
    assert time.monotonic() - started < 30.0


def test_tick_may_run_inside_a_tick(loop):
    ours, theirs = socket.socketpair()
    inner, outer = [], []
    loop.watch(ours.fileno(), READ, lambda _: inner.append(ours.recv(9)))

    def serve_meanwhile():
        theirs.send(b"x")
        loop.run_once(1.0)
        outer.append(list(inner))

    loop.call_soon(serve_meanwhile)
    loop.run_once()

    assert outer == [[b"x"]]
    loop.unwatch(ours.fileno())
    ours.close()
    theirs.close()


def test_wake_never_blocks_however_often_it_is_called(loop):
    for _ in range(100_000):
        loop.wake()

    loop.run_once()

    assert os.get_blocking(loop._wake_write) is False


def test_loop_that_is_stopped_before_it_runs_does_not_run():
    loop = Loop()
    loop.stop()

    loop.run()
    loop.call_later(0, loop.stop)
    loop.run()

    assert loop.ticks > 0
    loop.close()
