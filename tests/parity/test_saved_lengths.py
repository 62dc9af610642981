"""DEBUG OBJECT's serializedlength: the length of a value as Redis saves it."""

import random
import re

import pytest

from tests.parity.wire import parse

TEXT = (
    b"Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod "
    b"tempor invidunt ut labore et dolore magna aliquyam erat, sed diam voluptua. "
)


def bytes_of(seed, size, alphabet):
    chance = random.Random(seed)
    return bytes(chance.choice(alphabet) for _ in range(size))


STRINGS = [
    *("", "a", "7", "-1", "127", "128", "-129", "40000", "2147483647", "2147483648"),
    *("-2147483649", "9223372036854775807", "007", "1.5", "x" * 20, "x" * 21),
    *("x" * 300, "abc" * 100, "0123456789" * 3, bytes(range(256)), b"\0" * 20000),
    *(TEXT[:size] for size in (21, 22, 25, 40, 80, 158)),
    *(TEXT * times for times in (2, 3, 70)),
    *(bytes_of(size, size, b"ab") for size in range(21, 90, 3)),
    *(bytes_of(size, size, b"abcdefgh") for size in (21, 40, 264, 300, 8192, 9000)),
    *(bytes_of(size, size, TEXT) for size in (30, 100, 1000, 20000)),
]


def lengths(server, commands, keys):
    client = server.connect()
    client.ask("FLUSHALL")
    for words in commands:
        reply = client.ask(*words)
        assert reply[:1] != b"-", (words[:2], reply)
    told = [client.ask("DEBUG", "OBJECT", key) for key in keys]
    client.close()
    return [int(re.search(rb"serializedlength:(\d+)", line)[1]) for line in told]


def compare(running, commands, witness="valkey"):
    keys = list(dict.fromkeys(words[1] for words in commands))
    ours, theirs = (
        lengths(running(name), commands, keys) for name in ("joblog", witness)
    )
    assert dict(zip(keys, ours, strict=True)) == dict(zip(keys, theirs, strict=True))


def test_strings_are_as_long_as_saved_by_redis(running):
    compare(running, [("SET", f"k{at}", text) for at, text in enumerate(STRINGS)])


FIELDS = [(f"field:{number}", f"value {number * 37}") for number in range(40)]
NUMBERS = [number * number * (-1) ** number for number in range(120)]
COLLECTIONS = {
    "small hash": [("HSET", "h", "a", 1, "b", "two")],
    "hash": [("HSET", "h", *(word for pair in FIELDS for word in pair))],
    "hash of numbers": [("HSET", "h", *NUMBERS)],
    "large hash": [("HSET", "h", "long", TEXT, "short", "1", "other", "abc")],
    "small list": [("RPUSH", "l", "a", 1, "")],
    "list": [("RPUSH", "l", *(word for pair in FIELDS for word in pair))],
    "job ids": [("RPUSH", "l", *(f"job:{number:032x}" for number in range(100)))],
    "long list": [("RPUSH", "l", *(f"{number:032x}" for number in range(600)))],
    "list of texts": [("RPUSH", "l", *[TEXT] * 70)],
    "list of long texts": [("RPUSH", "l", "a", TEXT * 60, "b", TEXT * 60, "c")],
    "intset": [("SADD", "s", 1, 2, 3)],
    "wide intset": [("SADD", "s", 1, -70000)],
    "very wide intset": [("SADD", "s", 1, 2**40)],
    "large intset": [("SADD", "s", *range(500))],
    "set": [("SADD", "s", "a", "b", 3)],
    "set of ids": [("SADD", "s", *(f"job:{number}" for number in range(100)))],
    "large set": [("SADD", "s", TEXT, 1, 2, "x", TEXT[:30])],
    "sorted set": [("ZADD", "z", 1, "a", 2.5, "b", -3, "c", "inf", "d", 1e20, "e")],
    "large sorted set": [("ZADD", "z", 1, TEXT, 2, "b", 3.5, TEXT[:40])],
    "stream": [("XADD", "x", f"{at}-1", "id", at, "text", "t") for at in range(1, 60)],
    "long stream": [("XADD", "x", f"{at}-1", "id", at) for at in range(1, 250)],
}
COLLECTIONS["schedule"] = [
    ("ZADD", "z", 1700000000 + at / 8, f"job:{at}") for at in range(50)
]


@pytest.mark.parametrize("name", COLLECTIONS)
def test_collections_are_as_long_as_saved_by_redis(running, name):
    compare(running, COLLECTIONS[name])


def test_nodes_of_lists_are_as_the_setting_says(running):
    for size in (1, 3):
        for server in ("joblog", "valkey"):
            client = running(server).connect()
            client.ask("CONFIG", "SET", "list-max-listpack-size", size)
            client.close()
        elements = [("RPUSH", "l", *(f"job:{number}" for number in range(300)))]
        try:
            compare(running, elements)
        finally:
            for server in ("joblog", "valkey"):
                client = running(server).connect()
                client.ask("CONFIG", "SET", "list-max-listpack-size", -2)
                client.close()


def test_length_of_a_long_value_is_told_at_once(running):
    client = running("joblog").connect()
    client.ask("SET", "k", b"ab" * 1_000_000)

    line = parse(client.ask("DEBUG", "OBJECT", "k")).text

    assert b"serializedlength:2000005" in line
    client.close()
