"""The states of a session (docs/sessions.md): how each begins, that RESET ends it."""

from itertools import permutations

import pytest

STATES = {
    "queueing": (["MULTI"], lambda session: session.queued is not None),
    "broken": (["MULTI", "NOSUCH"], lambda session: session.is_broken),
    "watching": (["WATCH k"], lambda session: session.watched is not None),
    "stale": (["WATCH k", "SET k v"], lambda session: session.is_stale),
    "monitoring": (["MONITOR"], lambda session: session.is_monitor),
    "subscribed": (["SUBSCRIBE c"], lambda session: session.subscriptions is not None),
    "tracked": (["HELLO 3", "CLIENT TRACKING ON"], lambda session: session.tracking),
    "silent": (["CLIENT REPLY OFF"], lambda session: session.reply_mode != "on"),
    "elsewhere": (["SELECT 3"], lambda session: session.db.index),
    "named": (["CLIENT SETNAME me"], lambda session: session.name),
    "marked": (["CLIENT NO-EVICT ON"], lambda session: session.no_evict),
}
FIELDS = (
    *("queued", "is_broken", "watched", "is_stale", "is_monitor", "subscriptions"),
    *("tracking", "reply_mode", "db", "name", "no_evict", "no_touch", "resp", "past"),
    *("is_special", "is_limited", "is_authenticated", "waiter", "postponed"),
)


def state_of(session):
    return {field: getattr(session, field) for field in FIELDS}


@pytest.mark.parametrize("name", STATES)
def test_state_begins_as_the_page_says(clients, name):
    lines, is_there = STATES[name]

    for line in lines:
        clients("one", line)

    assert is_there(clients.sessions["one"])


@pytest.mark.parametrize(("first", "second"), list(permutations(STATES, 2)))
def test_reset_leaves_any_two_states(clients, first, second):
    clients("one", "PING")
    fresh = state_of(clients.sessions["one"])
    for line in STATES[first][0] + STATES[second][0]:
        clients("one", line)

    clients("one", "RESET")

    assert state_of(clients.sessions["one"]) == fresh
    assert not clients.engine.server.monitors
    assert not clients.engine.observers.watchers


@pytest.mark.parametrize("name", STATES)
def test_client_that_goes_leaves_nothing_behind(clients, name):
    for line in STATES[name][0]:
        clients("one", line)
    engine = clients.engine

    engine.clients.close(clients.sessions["one"])

    assert not engine.server.sessions
    assert not engine.server.monitors
    assert not engine.observers.watchers
    assert not engine.tracking.clients
    assert not any(engine.pubsub.subscribers)


def test_client_that_waits_is_postponed_until_it_is_served(clients):
    clients("one", "BLPOP q 0", "PING")
    session = clients.sessions["one"]

    assert session.waiter is not None
    assert session.postponed == [[b"PING"]]
    clients("two", "LPUSH q job")
    assert session.waiter is None
    session.check()
