"""What the driver of an engine takes away, and whether there is anything."""

import pytest

from joblog.app.state.inquiries import AwaitDurable


def asks(clients):
    clients.engine.outbox.ask(AwaitDurable(clients.sessions["a"]))


NEWS = [
    pytest.param(lambda c: (c("a", "SUBSCRIBE s"), c("b", "PUBLISH s x")), id="push"),
    pytest.param(lambda c: c("b", "CLIENT KILL ID 1"), id="closing"),
    pytest.param(asks, id="question"),
    pytest.param(lambda c: c("a", "BLPOP l 5"), id="timer"),
    pytest.param(lambda c: (c("a", "BLPOP l 0"), c("b", "LPUSH l x")), id="woken"),
    pytest.param(
        lambda c: c("a", "CLIENT PAUSE 9 WRITE", "CLIENT UNPAUSE"), id="resuming"
    ),
    pytest.param(lambda c: c("a", "SHUTDOWN"), id="stop"),
]


@pytest.mark.parametrize("make", NEWS)
def test_outbox_has_news_where_the_driver_has_to_act(clients, make):
    clients("a", "PING")
    assert not clients.engine.outbox.has_news()

    make(clients)

    assert clients.engine.outbox.has_news()


def test_writes_and_reads_are_no_news(clients):
    clients("a", "SET k 1", "GET k")

    assert clients.engine.outbox.entries
    assert not clients.engine.outbox.has_news()


def test_waiter_without_an_end_wants_no_timer(clients):
    clients("a", "BLPOP l 0")

    assert not clients.engine.outbox.is_timer_due


def test_timer_is_due_again_while_somebody_waits_for_a_time(clients):
    clients("a", "BLPOP l 5")
    clients.engine.outbox.is_timer_due = False

    clients.engine.blocking.expire()

    assert clients.engine.outbox.is_timer_due
