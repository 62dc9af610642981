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


WAYS = [
    pytest.param("PING", id="an old client"),
    pytest.param(None, id="its first command"),
    pytest.param("HELLO 3", id="another protocol"),
    pytest.param("CLIENT TRACKING ON BCAST", id="tracked"),
    pytest.param("CLIENT REPLY ON", id="replies again"),
]


@pytest.mark.parametrize("before", WAYS)
def test_long_array_is_encoded_in_parts_whoever_asks_for_it(clients, before):
    members = " ".join(f"{number:030}" for number in range(10_000))
    clients("b", f"RPUSH l {members}")
    clients.engine.slice_bytes = 1000
    if before:
        protocol = "HELLO 3" if before.startswith("CLIENT TRACKING") else "PING"
        clients("a", protocol, before)

    begun = clients("a", "LRANGE l 0 -1", "PING")

    assert len(begun) < 100_000
    rest = clients.engine.outbox.rest
    parts = [begun]
    while rest:
        clients.engine.outbox.rest = None
        parts.append(clients.engine.run(clients.sessions["a"], rest))
        rest = clients.engine.outbox.rest
    whole = b"".join(parts)
    assert whole.startswith(b"*10000\r\n")
    assert whole.endswith(b"%030d\r\n+PONG\r\n" % 9999)
    assert whole.count(b"$30\r\n") == 10_000


def test_what_is_pushed_behind_a_long_array_comes_behind_all_of_it(clients):
    clients("a", "HELLO 3", "SUBSCRIBE c")
    session = clients.sessions["a"]
    reply = [b"x"] * 9000
    clients.engine.outbox.own_pushes.append(b">push")

    begun = clients.engine.outbox.what_is_sent(session, reply, 1000)

    assert begun.startswith(b"*9000\r\n$1\r\nx")
    assert not begun.endswith(b">push")
    whole = begun + clients.engine.outbox.end_long(session)
    assert whole == b"*9000\r\n" + b"$1\r\nx\r\n" * 9000 + b">push"
    assert session.unsent is None
