"""Publish and subscribe, against Valkey: confirmations, messages, pushes, refusals."""

import pytest

from tests.parity.harness import at, receive, send


def test_messages_reach_channels_patterns_and_shard_channels(parity):
    parity(
        [
            at("a", "SUBSCRIBE", "c", "c", "d"),
            at("a", "PSUBSCRIBE", "c*"),
            at("a", "SSUBSCRIBE", "s"),
            at("b", "SUBSCRIBE", "c"),
            "PUBLISH c hello",
            receive("a", 2),
            receive("b"),
            "PUBLISH s nobody",
            "SPUBLISH s hello",
            receive("a"),
            "SPUBLISH c nobody",
            ["PUBLISH", "c\r\n", b"\x00\xff\r\n"],
            receive("a"),
            ["PUBLISH", "", ""],
            at("b", "UNSUBSCRIBE", "c"),
            "PUBLISH c again",
            receive("a", 2),
        ]
    )


def test_each_unsubscription_is_confirmed_with_what_is_left(parity):
    parity(
        [
            "UNSUBSCRIBE",
            "PUNSUBSCRIBE",
            "SUNSUBSCRIBE",
            ["UNSUBSCRIBE", "never", "once"],
            at("a", "SUBSCRIBE", "c"),
            at("a", "PSUBSCRIBE", "p*", "q*"),
            at("a", "SSUBSCRIBE", "s", "t"),
            at("a", "UNSUBSCRIBE"),
            at("a", "UNSUBSCRIBE"),
            at("a", "PUNSUBSCRIBE", "q*", "z"),
            at("a", "SUNSUBSCRIBE", "s"),
            at("a", "PUNSUBSCRIBE"),
            at("a", "SUNSUBSCRIBE"),
            at("a", "GET", "k"),
        ]
    )


@pytest.mark.parametrize(
    "words",
    [
        ["GET", "k"],
        ["get"],
        ["NOSUCH"],
        ["CLIENT", "ID"],
        ["MULTI"],
        ["HELLO", 3],
        ["COMMAND"],
        ["PUBLISH", "c", "m"],
        ["RESET"],
        ["QUIT"],
    ],
)
def test_resp2_client_with_subscriptions_gives_only_some_commands(parity, words):
    parity(
        [
            at("a", "SUBSCRIBE", "c"),
            at("a", *words),
            at("a", "PING"),
            at("a", "PING", "x"),
            at("a", "PING", "x", "y"),
        ],
        protocols=[2],
    )


def test_resp3_client_with_subscriptions_gives_any_command(parity):
    parity(
        [
            "SUBSCRIBE c",
            "PING",
            "PING x",
            "SET k v",
            "GET k",
            "PUBLISH c mine",
            receive("main"),
            "MULTI",
            "PUBLISH c 1",
            "PUBLISH c 2",
            "EXEC",
            receive("main", 2),
            ["EVAL", "redis.call('PUBLISH', 'c', 3) return redis.call('GET', 'k')", 0],
            receive("main"),
            "RESET",
            "PUBLISH c gone",
        ],
        protocols=[3],
    )


def test_subscriptions_inside_a_transaction_take_effect_in_it(parity):
    parity(
        [
            "MULTI",
            send("main", "SUBSCRIBE", "c", "d"),
            receive("main"),
            "PUBLISH c m",
            "PING",
            "GET k",
            "EXEC",
            receive("main", 2),
            "PING",
            "UNSUBSCRIBE",
            receive("main"),
        ]
    )


def test_subscribing_is_not_for_scripts(parity):
    parity(
        [
            ["EVAL", "return redis.pcall('SUBSCRIBE', 'c').err ~= nil", 0],
            ["EVAL", "return redis.call('PUBLISH', 'c', 'm')", 0],
            ["EVAL", "return redis.call('SPUBLISH', 'c', 'm')", 0],
        ]
    )


def test_messages_come_whatever_client_reply_says(parity):
    parity(
        [
            send("a", "CLIENT", "REPLY", "OFF"),
            at("a", "SUBSCRIBE", "c"),
            "PUBLISH c m",
            receive("a"),
            send("b", "CLIENT", "REPLY", "SKIP"),
            at("b", "SUBSCRIBE", "d"),
            "PUBLISH d m",
            receive("b"),
        ]
    )


def test_switching_protocols_switches_the_form_of_messages(parity):
    parity(
        [
            at("a", "SUBSCRIBE", "c"),
            at("a", "HELLO", "2"),
            "PUBLISH c m",
            receive("a"),
            at("a", "GET", "k"),
        ],
        protocols=[3],
        loose=lambda words, *_: words is not None and words[0] == "HELLO",
    )


def test_who_listens_is_told(parity):
    parity(
        [
            at("a", "SUBSCRIBE", "c", "d"),
            at("b", "SUBSCRIBE", "c"),
            at("b", "PSUBSCRIBE", "x*", "y*"),
            at("a", "PSUBSCRIBE", "x*"),
            at("a", "SSUBSCRIBE", "s"),
            "PUBSUB CHANNELS",
            "PUBSUB CHANNELS c*",
            "PUBSUB CHANNELS z*",
            at("b", "SUBSCRIBE", ""),
            "PUBSUB CHANNELS *",
            ["PUBSUB", "CHANNELS", ""],
            at("b", "UNSUBSCRIBE", ""),
            "PUBSUB SHARDCHANNELS",
            "PUBSUB SHARDCHANNELS z",
            "PUBSUB NUMSUB",
            "PUBSUB NUMSUB c d z",
            "PUBSUB SHARDNUMSUB s c",
            "PUBSUB SHARDNUMSUB",
            "PUBSUB NUMPAT",
        ],
        unordered={"PUBSUB CHANNELS", "PUBSUB CHANNELS *"},
    )


@pytest.mark.parametrize(
    "words",
    [
        ["SUBSCRIBE"],
        ["PSUBSCRIBE"],
        ["SSUBSCRIBE"],
        ["PUBLISH", "c"],
        ["PUBLISH", "c", "m", "x"],
        ["SPUBLISH", "c"],
        ["PUBSUB"],
        ["PUBSUB", "FOO"],
        ["PUBSUB", "CHANNELS", "a", "b"],
        ["PUBSUB", "SHARDCHANNELS", "a", "b"],
        ["PUBSUB", "NUMPAT", "x"],
        ["PUBSUB", "HELP", "x"],
    ],
)
def test_wrong_arguments_are_refused(parity, words):
    parity([words])


@pytest.mark.parametrize("name", ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"])
def test_subscribing_in_a_transaction(parity, name):
    parity(
        [
            at("a", "MULTI"),
            at("a", name, "c"),
            at("a", "UNSUBSCRIBE", "none"),
            at("a", "SUNSUBSCRIBE", "none"),
            at("a", "EXEC"),
            "PUBSUB SHARDCHANNELS",
            "PUBSUB NUMSUB c",
        ]
    )
