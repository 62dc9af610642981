"""MIGRATE: keys move between us and real servers, both ways, over TCP."""

import socket

import pytest

from tests.parity import wire
from tests.support import servers
from tests.support.relays import Mute, Relay

LOCAL = "127.0.0.1"
SETUP = [
    ["FLUSHALL"],
    ["SET", "text", "value"],
    ["SET", "soon", "value", "PX", "10000000"],
    ["RPUSH", "list", *range(300)],
    ["HSET", "hash", "f", "v", "g", "w" * 100],
    ["SADD", "set", "a", "b", "7"],
    ["ZADD", "zset", "1.5", "a", "-inf", "b"],
    ["XADD", "stream", "5-1", "f", "v"],
    ["XGROUP", "CREATE", "stream", "g", "0"],
]
KEYS = ["text", "soon", "list", "hash", "set", "zset", "stream"]


@pytest.fixture(scope="module")
def pair():
    """Return us and Valkey, both newly started."""
    with servers.start_joblog() as ours, servers.start_valkey() as theirs:
        yield ours, theirs


@pytest.fixture(params=["from us", "to us"])
def ends(request, pair):
    """Return the server that gives and the one that takes."""
    return pair if request.param == "from us" else pair[::-1]


def ask(server, *commands):
    connection = server.connect()
    try:
        return [connection.ask(*words) for words in commands]
    finally:
        connection.close()


def digest_of(server, *keys):
    (reply,) = ask(server, ["DEBUG", "DIGEST-VALUE", *keys])
    return reply


def test_keys_of_every_type_move(ends, fold_equals_live, pair):
    source, target = ends
    ask(source, *SETUP)
    ask(target, ["FLUSHALL"])
    before = digest_of(source, *KEYS)

    with Relay(target.path) as relay:
        reply = ask(
            source, ["MIGRATE", LOCAL, relay.port, "", 0, 5000, "KEYS", *KEYS, "none"]
        )

    assert reply == [b"+OK\r\n"]
    assert ask(source, ["DBSIZE"]) == [b":0\r\n"]
    assert digest_of(target, *KEYS) == before
    ttl = wire.parse(ask(target, ["PTTL", "soon"])[0])
    assert 9_000_000 < int(ttl.text) <= 10_000_000
    fold_equals_live(pair[0])


def test_copy_leaves_the_key_and_replace_overwrites(ends, fold_equals_live, pair):
    source, target = ends
    ask(source, ["FLUSHALL"], ["SET", "k", "new"])
    ask(target, ["FLUSHALL"], ["SELECT", 3], ["SET", "k", "old"])

    with Relay(target.path) as relay:
        words = ["MIGRATE", LOCAL, relay.port, "k", 3, 5000]
        refused, copied, moved = ask(
            source, [*words, "COPY"], [*words, "COPY", "REPLACE"], [*words, "REPLACE"]
        )

    assert refused == (
        b"-ERR Target instance replied with error: BUSYKEY Target key name already "
        b"exists.\r\n"
    )
    assert (copied, moved) == (b"+OK\r\n", b"+OK\r\n")
    assert ask(target, ["SELECT", 3], ["GET", "k"])[1] == b"$3\r\nnew\r\n"
    assert ask(source, ["EXISTS", "k"]) == [b":0\r\n"]
    fold_equals_live(pair[0])


def run_on_both(pair, commands, options=()):
    """Run commands on either, with the port of the other; return both's replies."""
    answers = []
    for source, target in (pair, pair[::-1]):
        ask(source, ["FLUSHALL"], ["SET", "k", "v"], ["SET", "j", "v"])
        ask(target, ["FLUSHALL"], *options)
        with Relay(target.path) as relay:
            given = [
                [relay.port if word == "PORT" else word for word in line.split()]
                for line in commands
            ]
            answers.append(ask(source, *given))
    return answers


def test_refusals_of_the_target_have_the_same_text(pair):
    ours, theirs = run_on_both(
        pair,
        [
            f"MIGRATE {LOCAL} PORT k 99 5000",
            f"MIGRATE {LOCAL} PORT k 0 5000 AUTH2 nobody secret",
            "EXISTS k",
            f"MIGRATE {LOCAL} PORT k 0 5000 AUTH2 default any",
            "EXISTS k",
            f"MIGRATE {LOCAL} PORT none 0 5000",
            f"MIGRATE {LOCAL} PORT j 0 -5 copy",
            "EXISTS j",
        ],
    )

    assert ours == theirs


GETKEYS = ("COMMAND", "GETKEYS", "MIGRATE", "h", "1")
WORDS = [
    "SET k v",
    "MIGRATE",
    "MIGRATE h 1 k 0",
    "MIGRATE h 1 none 0 10",
    "MIGRATE h 1 k x 10",
    "MIGRATE h 1 k 0 x",
    "MIGRATE h 1 none 0 1.5",
    "MIGRATE h 1 k 0 10 FOO",
    "MIGRATE h 1 k 0 10 AUTH",
    "MIGRATE h 1 k 0 10 AUTH2",
    "MIGRATE h 1 k 0 10 AUTH2 x",
    "MIGRATE h 1 k 0 10 KEYS",
    "MIGRATE h 1 k 0 10 KEYS a",
    "MIGRATE h 1 k 0 10 COPY REPLACE KEYS a",
    ["MIGRATE", "h", "1", "", "0", "10", "KEYS", "a", "b"],
    ["MIGRATE", "h", "1", "", "0", "10", "KEYS"],
    ["MIGRATE", "h", "1", "", "0", "10"],
    "COMMAND GETKEYS MIGRATE h 1 k 0 10",
    "COMMAND GETKEYS MIGRATE h 1 k 0 10 AUTH KEYS COPY",
    [*GETKEYS, "", "0", "10", "AUTH", "KEYS", "KEYS", "a", "b"],
    [*GETKEYS, "", "0", "10", "AUTH2", "KEYS", "KEYS", "KEYS", "a"],
    "COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 10",
    ["MIGRATE", "x" * 300, "1", "k", "0", "10"],  # no name: no server is asked for it
    "GET k",
]


def test_migrate_reads_its_words_as_real_servers_do(parity):
    parity(WORDS)


def test_nobody_at_the_port_is_an_error(parity):
    taken = socket.socket()
    taken.bind((LOCAL, 0))  # bound, and not listened on

    parity(
        [
            "SET k v",
            f"MIGRATE {LOCAL} {taken.getsockname()[1]} k 0 1000",
            "GET k",
        ]
    )
    taken.close()


def test_a_host_that_no_name_can_be_is_an_error_and_no_more(parity):
    parity([["SET", "k", "v"], ["MIGRATE", b"a\x00b", 1, "k", 0, 100], ["GET", "k"]])


def test_a_target_that_never_answers_is_left_when_the_time_is_over(parity):
    with Mute() as mute:
        parity(["SET k v", f"MIGRATE {LOCAL} {mute.port} k 0 50", "GET k"])


def test_keys_that_were_taken_before_the_connection_broke_are_moved(
    pair, fold_equals_live
):
    # SELECT and the first RESTORE are answered by +OK and the end of a line each.
    answers = []
    for source, target in (pair, pair[::-1]):
        ask(source, ["FLUSHALL"], ["SET", "a", 1], ["SET", "b", 2], ["SET", "c", 3])
        ask(target, ["FLUSHALL"])
        with Relay(target.path, replies_max=10) as relay:
            words = ["MIGRATE", LOCAL, relay.port, "", 0, 5000, "KEYS", "a", "b", "c"]
            answers.append(ask(source, words, ["EXISTS", "a"], ["EXISTS", "b", "c"]))

    assert answers[0] == answers[1]
    assert answers[0][1:] == [b":0\r\n", b":2\r\n"]
    fold_equals_live(pair[0])


def test_a_transaction_and_a_script_may_migrate(pair, fold_equals_live):
    source, target = pair
    ask(source, ["FLUSHALL"], ["SET", "a", 1], ["SET", "b", 2])
    ask(target, ["FLUSHALL"])
    script = "return redis.call('MIGRATE', ARGV[1], ARGV[2], KEYS[1], 0, 5000)"

    with Relay(target.path) as relay:
        words = ["MIGRATE", LOCAL, relay.port, "a", 0, 5000]
        replies = ask(
            source,
            ["MULTI"],
            words,
            ["EXEC"],
            ["EVAL", script, 1, "b", LOCAL, relay.port],
        )

    assert replies[2:] == [b"*1\r\n+OK\r\n", b"+OK\r\n"]
    assert ask(target, ["MGET", "a", "b"]) == [b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n"]
    assert ask(source, ["DBSIZE"]) == [b":0\r\n"]
    fold_equals_live(source)
