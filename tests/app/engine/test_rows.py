"""A row of commands leaves what its commands leave one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.keyspace.digest import dataset_digest
from joblog.app.table.table import REGISTERED, Flag, require_command
from tests.app.conftest import Clients

KEYS = st.sampled_from(["a", "b", "text", "list", "hash", "set", "zset"])
COMMAND = st.one_of(
    st.tuples(st.just("SET"), KEYS, st.sampled_from(["1", "2"])),
    st.tuples(st.just("SET"), KEYS, st.just("3"), st.just("PX"), st.just("5000")),
    st.tuples(st.just("SET"), KEYS, st.just("4"), st.sampled_from(["NX", "BAD"])),
    st.tuples(st.sampled_from(["GET", "LPOP", "RPOP", "INCR", "TYPE"]), KEYS),
    st.tuples(st.sampled_from(["LPUSH", "RPUSH", "SADD", "SREM", "HGET"]), KEYS, KEYS),
    st.tuples(st.just("HSET"), KEYS, KEYS, KEYS),
    st.tuples(st.just("HDEL"), KEYS, KEYS),
    st.tuples(st.just("ZADD"), KEYS, st.sampled_from(["1", "x"]), KEYS),
    st.tuples(st.just("ZPOPMIN"), KEYS, st.sampled_from(["1", "2"])),
    st.tuples(st.just("UNLINK"), KEYS),
    st.tuples(st.just("PEXPIRE"), KEYS, st.sampled_from(["9000", "-1", "x"])),
    st.tuples(st.just("GET")),
)
ROWS = st.lists(st.tuples(COMMAND, st.integers(1, 4)), max_size=12)


def state_of(clients):
    engine = clients.engine
    keyspace = engine.keyspace
    counts = [(c.calls, c.failed, c.rejected) for c in engine.server.counts]
    return {
        "entries": engine.outbox.entries,
        "data": dataset_digest(keyspace),
        "hits": (keyspace.hits, keyspace.misses),
        "changes": keyspace.count_changes(),
        "counts": counts,
        "errors": engine.server.statistics["total_error_replies"],
    }


@settings(max_examples=200)
@given(ROWS)
def test_row_leaves_what_its_commands_leave_one_by_one(rows):
    lines = [" ".join(words) for words, times in rows for _ in range(times)]
    together, apart = Clients(), Clients()

    replies = together("a", *lines)

    assert replies == b"".join(apart("a", line) for line in lines)
    assert state_of(together) == state_of(apart)


@pytest.mark.parametrize("resp", ["2", "3"])
def test_row_answers_in_the_protocol_of_its_client(clients, resp):
    clients("a", f"HELLO {resp}")

    assert clients("a", "GET k", "GET k") == 2 * (
        b"$-1\r\n" if resp == "2" else b"_\r\n"
    )


def test_command_in_a_row_that_another_waits_for_serves_him_before_the_next(clients):
    clients("waits", "BLPOP q 0")

    clients("a", "RPUSH q 1", "RPUSH q 2", "RPUSH q 3")

    assert clients("b", "LRANGE q 0 -1") == b"*2\r\n$1\r\n2\r\n$1\r\n3\r\n"
    assert [entry[2][0][0] for entry in clients.entries][:2] == [b"RPUSH", b"LPOP"]


def test_row_breaks_the_transaction_of_who_watched_its_key(clients):
    clients("watches", "WATCH k", "MULTI", "GET k")

    clients("a", "SET x 1", "SET k 2", "SET y 3")

    assert clients("watches", "EXEC") == b"*-1\r\n"


def test_commands_behind_multi_are_queued_and_no_row(clients):
    assert clients("a", "MULTI", "SET k 1", "SET k 2", "EXEC") == (
        b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n"
    )
    assert len(clients.entries) == 1


def test_each_command_of_a_row_is_noted_where_all_are_slow(clients):
    clients("a", "CONFIG SET slowlog-log-slower-than 0")
    clients("a", "SLOWLOG RESET")

    clients("a", "SET k 1", "SET k 2", "SET k 3")

    slow = clients.engine.server.slow_commands
    assert [one.argv[-1] for one in slow if one.argv[0] == b"SET"] in (
        [b"3", b"2", b"1"],
        [b"1", b"2", b"3"],
    )


def test_time_of_a_row_is_counted_for_each_of_its_commands(clients):
    clients("a", *["SET k 1"] * 100)

    counts = clients.engine.server.counts[require_command([b"SET", b"k", b"1"]).number]
    assert counts.calls == sum(counts.delays().values()) == 100
    assert counts.nanoseconds > 0


def test_row_ends_where_its_replies_are_many(clients):
    clients.engine.slice_bytes = 100
    clients("a", "SET k " + 60 * "x")

    replies = clients("a", *["GET k"] * 5)

    assert replies == 2 * (b"$60\r\n" + 60 * b"x" + b"\r\n")
    assert clients.engine.outbox.rest == [[b"GET", b"k"]] * 3


def test_row_ends_where_its_client_is_to_go(clients):
    clients("a", "PING")
    clients.sessions["a"].is_closing = True

    assert clients("a", "GET k", "GET k", "GET k") == b"$-1\r\n"


def test_monitor_is_told_of_each_command(clients):
    clients("monitor", "MONITOR")

    clients("a", "SET k 1", "SET k 2")

    pushed = b"".join(data for _, data in clients.engine.outbox.pushes)
    assert pushed.count(b'"SET" "k"') == 2


def test_no_command_in_rows_blocks_or_is_of_the_server():
    for command in REGISTERED:
        if command.is_in_rows:
            assert command.keys
            assert not command.flags & (Flag.BLOCKING | Flag.ADMIN | Flag.PUBSUB)
