"""What a replica says that cannot reach its master, beside a replica of Redis."""

from contextlib import ExitStack

import pytest

from tests.parity.wire import Connection
from tests.support.servers import start_joblog, start_redis, start_redis8

LINES = [
    "REPLICAOF 127.0.0.1 1",  # where nobody listens
    *("GET k", "SET k v", "PING", "SELECT 1", "SELECT 0", "MULTI", "GET k", "EXEC"),
    *("TYPE k", "EVAL x 0", "CONFIG GET maxmemory", "CLIENT GETNAME", "PUBLISH a b"),
    *(
        "REPLICAOF 127.0.0.1 1",
        "REPLICAOF no two",
        "SLAVEOF 127.0.0.1 1",
        "WAIT 1 10",
        "WAIT x y",
    ),
    *("DBSIZE", "KEYS *", "SCRIPT EXISTS a", "FUNCTION LIST", "WATCH k"),
    *("XADD s * a b", "BLPOP q 1", "FAILOVER", "FAILOVER TIMEOUT 0", "READONLY"),
    *("REPLICAOF NO ONE", "GET k", "SET k v", "ROLE"),
]


WAITS = ["WAITAOF 1 0 10", "WAITAOF 2 0 10", "WAITAOF 1 x 10", "WAITAOF 1 0 x"]


def ask_all(path, lines):
    """Return what a server answers to each line."""
    client = Connection(path)
    try:
        return [(line, client.ask(*line.split())) for line in lines]
    finally:
        client.close()


@pytest.mark.parametrize("serves_stale", ["yes", "no"])
def test_answers_are_those_of_a_replica_of_redis(serves_stale):
    options = ["--replica-serve-stale-data", serves_stale]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(start(*options))
            for start in (start_joblog, start_redis)
        ]
        said = [ask_all(server.path, LINES) for server in servers]

    assert said[0] == said[1]


def test_waiting_for_the_log_is_refused_by_a_replica():
    lines = ["REPLICAOF 127.0.0.1 1", *WAITS]
    with start_joblog() as ours, start_redis8("--appendonly", "yes") as theirs:
        assert ask_all(ours.path, lines) == ask_all(theirs.path, lines)
