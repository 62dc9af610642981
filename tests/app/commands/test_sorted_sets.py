"""Sorted set commands: what they record, whom they tell, what they leave alone."""

import pytest

from joblog.app.errors import WRONG_TYPE
from joblog.app.types.sorted_sets import SortedSet

EVENTS = [
    pytest.param("ZADD z 9 new", [("zadd", "z")], id="ZADD"),
    pytest.param("ZADD z 9 a 9 new 8 new2", [("zadd", "z")], id="ZADD of several"),
    pytest.param("ZADD z INCR 1 a", [("zincr", "z")], id="ZADD INCR"),
    pytest.param("ZINCRBY z 1 a", [("zincr", "z")], id="ZINCRBY"),
    pytest.param("ZREM z a none", [("zrem", "z")], id="ZREM"),
    pytest.param("ZREM one a", [("zrem", "one"), ("del", "one")], id="ZREM of all"),
    pytest.param("ZPOPMIN z", [("zpopmin", "z")], id="ZPOPMIN"),
    pytest.param("ZPOPMAX one 5", [("zpopmax", "one"), ("del", "one")], id="ZPOPMAX"),
    pytest.param("ZMPOP 2 none z MIN", [("zpopmin", "z")], id="ZMPOP"),
    pytest.param("ZREMRANGEBYRANK z 0 0", [("zremrangebyrank", "z")], id="by rank"),
    pytest.param("ZREMRANGEBYSCORE z 1 2", [("zremrangebyscore", "z")], id="by score"),
    pytest.param(
        "ZREMRANGEBYLEX one - +", [("zremrangebylex", "one"), ("del", "one")], id="lex"
    ),
    pytest.param("ZRANGESTORE d z 0 1", [("zrangestore", "d")], id="ZRANGESTORE"),
    pytest.param("ZRANGESTORE s z 0 1", [("zrangestore", "s")], id="over a string"),
    pytest.param("ZUNIONSTORE d 2 z one", [("zunionstore", "d")], id="ZUNIONSTORE"),
    pytest.param("ZINTERSTORE z 2 z one", [("zinterstore", "z")], id="ZINTERSTORE"),
    pytest.param("ZDIFFSTORE s 2 z z", [("del", "s")], id="of nothing, over a string"),
]


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_sorted_set_command_tells_of_the_keys_that_it_changed(client, words, events):
    client("ZADD z 1 a 2 b 3 c")
    client("ZADD one 1 a")
    client("SET s x")

    client(words)

    assert client.events == events
    assert client.effects


UNCHANGED = [
    "ZADD z 1 a",
    "ZADD z NX 5 a",
    "ZADD z XX 5 none",
    "ZADD none XX 5 a",
    "ZADD none XX INCR 5 a",
    "ZADD z GT 0 a",
    "ZADD z INCR 0 a",
    "ZADD z 5 new x bad",
    "ZINCRBY z nan a",
    "ZREM z none",
    "ZREM none a",
    "ZPOPMIN none",
    "ZPOPMAX z 0",
    "ZMPOP 1 none MAX",
    "ZREMRANGEBYRANK z 7 9",
    "ZREMRANGEBYSCORE z 7 9",
    "ZREMRANGEBYLEX none - +",
    "ZRANGESTORE none z 7 9",
    "ZDIFFSTORE none 2 z z",
    "ZRANDMEMBER z -5",
    "ZUNION 2 z z",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_sorted_set_command_that_changes_nothing_leaves_no_trace(client, words):
    client("ZADD z 1 a 2 b 3 c")

    client(words)

    assert (client.events, client.effects) == ([], [])
    assert client("EXISTS none") == 0


@pytest.mark.parametrize(
    "words",
    [
        *("ZADD s 1 a", "ZADD s NX 1 a", "ZADD s XX 1 a", "ZINCRBY s 1 a", "ZREM s a"),
        *("ZCARD s", "ZSCORE s a", "ZMSCORE s a", "ZRANK s a", "ZREVRANK s a"),
        *("ZRANGE s 0 1", "ZREVRANGE s 0 1", "ZRANGEBYSCORE s 0 1", "ZCOUNT s 0 1"),
        *("ZREVRANGEBYSCORE s 1 0", "ZRANGEBYLEX s - +", "ZREVRANGEBYLEX s + -"),
        *("ZLEXCOUNT s - +", "ZRANGESTORE d s 0 1", "ZPOPMIN s", "ZPOPMAX s 0"),
        *("ZMPOP 1 s MIN", "ZRANDMEMBER s", "ZRANDMEMBER s 1", "ZSCAN s 0"),
        *("ZREMRANGEBYRANK s 0 1", "ZREMRANGEBYSCORE s 0 1", "ZREMRANGEBYLEX s - +"),
        *("ZUNION 1 s", "ZINTER 1 s", "ZDIFF 1 s", "ZINTERCARD 1 s"),
        *("ZUNIONSTORE d 1 s", "ZINTERSTORE d 1 s", "ZDIFFSTORE d 1 s"),
    ],
)
def test_sorted_set_command_refuses_another_type_and_changes_nothing(client, words):
    client("SET s x")

    assert client(words).text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])
    assert client("GET s") == b"x"


def test_zmpop_is_recorded_as_the_pop_of_one_sorted_set(client):
    client("ZADD z 1 a 2 b")

    client("ZMPOP 2 none z MAX COUNT 5")

    assert client.effects == [[b"ZPOPMAX", b"z", b"2"]]


def test_other_commands_are_recorded_as_they_were_given(client):
    for words in ("ZADD z NX CH 1 a", "ZADD z INCR 2.5 a", "ZPOPMIN z", "ZADD z 1 a"):
        client(words)
        assert client.effects == [[word.encode() for word in words.split()]]


def test_a_stored_sorted_set_has_no_deadline(client):
    client("ZADD z 1 a")
    client("SET d x EX 100")

    client("ZUNIONSTORE d 1 z")

    assert client("TTL d") == -1
    assert type(client.value("d")) is SortedSet


def test_a_store_over_its_own_source_reads_before_it_writes(client):
    client("ZADD z 1 a 2 b 3 c")
    client("SADD s b c")

    assert client("ZINTERSTORE z 2 z s WEIGHTS 10 1") == 2
    assert client.value("z").pairs() == [(21.0, b"b"), (31.0, b"c")]


def test_zscan_misses_no_member_while_others_come_and_go(client):
    stays = {b"stay%d" % i for i in range(300)}
    for member in stays:
        client("ZADD", "z", "1", member)
    cursor, seen, step = b"0", set(), 0
    while cursor != b"0" or not step:
        cursor, found = client("ZSCAN", "z", cursor, "COUNT", "7")
        seen.update(found[::2])
        client("ZADD", "z", "2", b"new%d" % step)
        client("ZREM", "z", b"new%d" % (step // 2))
        client("ZADD", "z", str(step), sorted(stays)[step])
        if step == 20:
            client("ZUNIONSTORE", "z", "1", "z", "WEIGHTS", "3")
        step += 1

    assert stays <= seen
