"""Servers that would follow each other: told of, served as they were, undone."""

import pytest

from tests.clients.runners import port_options
from tests.replication.pairs import fields
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until


def port_of(server):
    return server.options[server.options.index("--port") + 1]


@pytest.mark.parametrize("start", [start_joblog, start_redis])
def test_who_is_followed_does_not_follow_back(start, fold_equals_live):
    quick = ("--repl-diskless-sync-delay", "0")
    with (
        start_joblog(*quick, *port_options()) as first,
        start(*port_options()) as second,
    ):
        one, other = first.connect(), second.connect()
        one.ask("SET", "own", 1)
        other.ask("REPLICAOF", "127.0.0.1", port_of(first))
        wait_until(lambda: other.ask("GET", "own") == b"$1\r\n1\r\n", second.output)

        one.ask("REPLICAOF", "127.0.0.1", port_of(second))

        error = "a ring: the master follows this server itself"
        wait_until(lambda: link_of(one).get("master_link_last_error") == error)
        assert one.ask("GET", "own") == b"$1\r\n1\r\n"
        other.ask("REPLICAOF", "NO", "ONE")
        other.ask("SET", "last", 1)
        wait_until(lambda: one.ask("GET", "last") == b"$1\r\n1\r\n", first.output)
        fold_equals_live(first)


def link_of(client):
    return fields(client.ask("INFO", "replication"))
