"""Client tracking: keys that expire, scripts, flushes, evictions; where notices go.

In RESP3, against Valkey, which is as Redis 7.2 here.
"""

import pytest

from tests.parity import wire
from tests.parity.harness import at, raw, receive, send

WITHOUT_CYCLE = "DEBUG SET-ACTIVE-EXPIRE 0"
WITH_CYCLE = "DEBUG SET-ACTIVE-EXPIRE 1"


def track(*options, client="a"):
    return at(client, "CLIENT", "TRACKING", "ON", *options)


def pipeline(replies, *commands, client="a"):
    data = b"".join(wire.encode(command.split()) for command in commands)
    return raw(data, replies, client)


def compare(parity, script, **options):
    parity(script, protocols=[3], **options)


@pytest.mark.parametrize("options", [[], ["NOLOOP"], ["BCAST"], ["BCAST", "NOLOOP"]])
def test_key_that_expires_by_itself_is_told_whoever_set_it(parity, options):
    told = options == ["BCAST"]
    compare(
        parity,
        [
            track(*options),
            at("a", "SET", "k", "v", "PX", 30),
            *([receive("a")] if told else []),
            at("a", "GET", "k"),
            receive("a"),
            at("a", "PING"),
        ],
    )


@pytest.mark.parametrize("options", [[], ["NOLOOP"], ["BCAST", "NOLOOP"]])
@pytest.mark.parametrize("who", ["a", "other"])
def test_key_that_is_found_expired_is_told(parity, options, who):
    compare(
        parity,
        [
            WITHOUT_CYCLE,
            track(*options),
            # So long that it lives until it was read, on a busy machine too.
            at("a", "SET", "k", "v", "PX", 500),
            at("a", "GET", "k"),
            at("other", "DEBUG", "SLEEP", "0.51"),
            at(who, "GET", "k"),
            # A NOLOOP client that meets the key itself is not told.
            *([] if options == ["NOLOOP"] and who == "a" else [receive("a")]),
            at("a", "PING"),
            WITH_CYCLE,
        ],
    )


def test_only_the_reads_of_a_script_are_tracked(parity):
    reads = "return redis.call('GET', 'x')"
    compare(
        parity,
        [
            ["FUNCTION", "LOAD", LIBRARY],
            track(),
            at("a", "EVAL_RO", "return 1", 1, "key"),
            at("a", "FCALL_RO", "nothing", 1, "key"),
            "SET key 1",
            at("a", "PING"),
            *(
                step
                for words in (
                    ["EVAL_RO", reads],
                    ["EVAL", reads],
                    ["FCALL_RO", "reads"],
                    ["EVAL", "redis.call('SET', 'x', 1) " + reads],
                )
                for step in (
                    at("a", *words, 1, "key"),
                    ["MSET", "key", 1, "x", 1],
                    receive("a"),
                    at("a", "PING"),
                )
            ),
            at("a", "EVAL", "redis.call('GET', 'x') redis.call('SET', 'x', 1)", 0),
            receive("a"),
            "SET x 2",
            at("a", "PING"),
        ],
    )


LIBRARY = """#!lua name=tracked
redis.register_function{function_name='nothing', flags={'no-writes'},
  callback=function() return 1 end}
redis.register_function{function_name='reads', flags={'no-writes'},
  callback=function() return redis.call('GET', 'x') end}
"""


def test_read_that_finds_its_key_expired_is_tracked_behind_that(parity):
    reads = "return redis.call('GET', 'k')"
    compare(
        parity,
        [
            WITHOUT_CYCLE,
            track(),
            at("a", "SET", "k", "v", "PX", 10),
            at("a", "GET", "k"),
            "DEBUG SLEEP 0.02",
            at("a", "EVAL", reads, 0),
            receive("a"),
            "SET k new",
            receive("a"),
            at("a", "PING"),
            WITH_CYCLE,
        ],
    )


@pytest.mark.parametrize("refused", ["GET", "NOSUCH", "EXEC", "CLIENT CACHING"])
def test_what_caching_says_ends_with_a_refused_command_too(parity, refused):
    compare(
        parity,
        [
            track("OPTIN"),
            at("a", "CLIENT", "CACHING", "YES"),
            at("a", *refused.split()),
            at("a", "CLIENT", "TRACKINGINFO"),
            at("a", "GET", "k"),
            "SET k 1",
            *([receive("a")] if refused.startswith("CLIENT") else []),
            at("a", "PING"),
        ],
    )


def test_broadcast_tells_a_client_of_what_its_own_script_changed(parity):
    compare(
        parity,
        [
            track("BCAST", "NOLOOP"),
            at("a", "SET", "k", "v"),
            at("a", "EVAL", "return redis.call('SET', 'l', 'v')", 0),
            receive("a"),
            at("a", "PING"),
        ],
    )


@pytest.mark.parametrize("flush", ["FLUSHALL", "FLUSHDB"])
def test_flush_is_told_behind_its_reply_and_in_its_place(parity, flush):
    compare(
        parity,
        [
            track("NOLOOP"),
            pipeline(4, "GET k", flush, "PING"),
            track(),
            pipeline(8, "GET k", flush, "PING", "GET k", "SET k 1", "PING"),
            pipeline(
                11, "MULTI", "GET k", flush, "GET k", "SET k 1", flush, "EXEC", "PING"
            ),
            at("a", "EVAL", f"redis.call('{flush}') return 1", 0),
            receive("a"),
            track(client="b"),
            at("b", "GET", "k"),
            at("b", "GET", "j"),
            pipeline(7, "MULTI", "SET k 1", flush, "SET j 1", "EXEC", "PING"),
            receive("b", 2),
            at("b", "PING"),
        ],
    )


def test_keys_of_a_prefix_are_told_in_order_and_behind_a_flush(parity):
    compare(
        parity,
        [
            track("BCAST", "PREFIX", "v", "PREFIX", "k"),
            pipeline(8, "SET k2 1", "SET v1 1", "SET k1 1", "FLUSHALL", "PING"),
            pipeline(6, "MULTI", "SET k2 1", "SET k1 1", "EXEC", "PING"),
        ],
    )


def test_own_notices_go_behind_the_reply_of_a_transaction(parity):
    compare(
        parity,
        [
            track(),
            pipeline(
                10,
                *("MULTI", "GET k", "SET k 1", "GET k", "SET k 2", "MGET k j"),
                *("EXEC", "PING"),
            ),
            "SET j 1",
            "SET k 1",
            receive("a", 2),
        ],
    )


def test_client_that_waits_gets_its_own_notice_meanwhile(parity):
    compare(
        parity,
        [
            WITHOUT_CYCLE,
            track(),
            "LPUSH q v",
            "PEXPIRE q 10",
            at("a", "LLEN", "q"),
            "DEBUG SLEEP 0.02",
            send("a", "BLPOP", "q", 0),
            receive("a"),
            "LPUSH q w",
            receive("a"),
            WITH_CYCLE,
        ],
    )


def test_notice_to_a_client_that_changes_the_key_itself_goes_to_it_alone(running):
    heard = []
    for server in (running("joblog"), running("valkey")):
        reader, target, other = (server.connect() for _ in range(3))
        for client in (reader, target):
            client.ask("HELLO", 3)
        number = target.ask("CLIENT", "ID")[1:-2].decode()
        got = [reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", number)]
        got.append(reader.ask("GET", "k"))
        got += [target.ask("SET", "k", "v"), target.read()]
        got += [other.ask("PING"), reader.ask("PING"), target.ask("PING")]
        heard.append(got)
        other.ask("FLUSHALL")
        for client in (reader, target, other):
            client.close()

    assert heard[0] == heard[1]


def one_of(*keys):
    """Return a `loose` that takes notices of any of some keys for the same."""

    def accept(_, ours, theirs):
        told = [reply.items[1].items[0].data.decode() for reply in (ours, theirs)]
        return set(told) <= set(keys)

    return accept


def test_table_that_is_too_long_is_cut_before_the_next_command(parity):
    compare(
        parity,
        [
            "CONFIG SET tracking-table-max-keys 1",
            track(),
            pipeline(4, "MGET k k", "MULTI", "PING", "EXEC"),
            at("a", "GET", "l"),
            "PING",
            receive("a"),
            at("a", "PING"),
            "CONFIG SET tracking-table-max-keys 1000000",
        ],
        loose=one_of("k", "l"),
    )


def test_notice_of_an_eviction_goes_before_the_reply(parity):
    compare(
        parity,
        [
            track(),
            "CONFIG SET tracking-table-max-keys 1",
            pipeline(4, "MULTI", "GET k", "GET l", "EXEC"),
            at("a", "ECHO", "x"),
            receive("a"),
            "CONFIG SET tracking-table-max-keys 1000000",
        ],
        loose=one_of("k", "l"),
    )
