"""Conditions of Redis 8.4, as its documentation and its clients describe them."""

import pytest

from joblog.app import errors
from joblog.app.commands.strings.digests import digest_of

HELLO = "9555e8555c62dcfd"
LONG = (
    b"v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytl"
    b"s2kwlj7626sd"
)


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (b"", b"2d06800538d394c2"),
        (b"123", b"404a763b3f4c8c9a"),
        (b"v8", b"0cc76dbb41381419"),
        (b"hello", HELLO.encode()),
        (b"Hello world", b"b6acb9d84a38ff74"),
        # Of Redis's issue 14496, where the zeros in front were missing at first.
        (LONG, b"00006c38adf31777"),
    ],
)
def test_digest_has_sixteen_digits(client, value, digest):
    client("SET", "k", value)

    assert client("DIGEST k") == digest
    assert digest_of(value) == digest


def test_digest_needs_a_string(client):
    client("RPUSH l a")

    assert client("DIGEST none") is None
    assert client("DIGEST l").text == errors.WRONG_TYPE


@pytest.mark.parametrize(
    ("words", "is_stored"),
    [
        ("IFEQ hello", True),
        ("IFEQ x", False),
        ("IFNE hello", False),
        ("IFNE x", True),
        (f"IFDEQ {HELLO}", True),
        (f"IFDEQ {HELLO.upper()}", True),
        (f"IFDEQ {'0' * 16}", False),
        (f"IFDEQ {'z' * 16}", False),
        (f"IFDNE {HELLO}", False),
        (f"IFDNE {HELLO.upper()}", False),
        (f"ifdne {'z' * 16}", True),
    ],
)
def test_set_and_delex_compare(client, words, is_stored):
    client("SET k hello")

    assert client(f"SET k world {words}") == (b"OK" if is_stored else None)
    assert client.value("k") == (b"world" if is_stored else b"hello")
    assert client.effects == ([[b"SET", b"k", b"world"]] if is_stored else [])

    client("SET k hello")
    assert client(f"SET k world {words} GET") == b"hello"

    client("SET k hello")
    assert client(f"DELEX k {words}") == int(is_stored)
    assert client.effects == ([[b"DEL", b"k"]] if is_stored else [])
    assert client.value("k") == (None if is_stored else b"hello")


def test_nothing_equals_a_key_that_is_missing(client):
    assert client("SET k a IFEQ a") is None
    assert client(f"SET k a IFDEQ {HELLO}") is None
    assert client("SET k a IFNE a GET") is None
    assert client.value("k") == b"a"
    assert client(f"SET j a IFDNE {HELLO}") == b"OK"
    for condition in ("IFEQ", "IFNE", "IFDEQ", "IFDNE", "FOO"):
        assert client(f"DELEX none {condition} a") == 0


def test_set_records_what_a_server_of_7_2_knows(client):
    client("SET k a PXAT 99999999999999")

    client("SET k b IFEQ a KEEPTTL")
    assert client.effects == [[b"SET", b"k", b"b", b"KEEPTTL"]]
    client("SET k c IFNE a PXAT 99999999999999")
    assert client.effects == [[b"SET", b"k", b"c", b"PXAT", b"99999999999999"]]
    client("MSETEX 2 a 1 b 2")
    assert client.effects == [[b"MSET", b"a", b"1", b"b", b"2"]]
    client("MSETEX 1 k d KEEPTTL")
    assert client.effects == [[b"SET", b"k", b"d", b"KEEPTTL"]]


def test_delex_without_a_condition_removes_any_type(client):
    client("RPUSH l a")

    assert client("DELEX l") == 1
    assert client.events == [("del", "l")]
    assert client("DELEX l") == 0


def test_refusals_are_those_of_redis(client):
    client("SET k hello")
    client("RPUSH l a")

    for digest in ("0123", HELLO[1:], "0" + HELLO):
        for condition in ("IFDEQ", "IFDNE"):
            refused = client(f"DELEX k {condition} {digest}").text
            assert refused == b"ERR must be exactly 16 hexadecimal characters"
            assert client(f"SET k a {condition} {digest}").text == refused
    refused = b"ERR Key should be of string type if conditions are specified"
    assert client("DELEX l IFEQ a").text == refused
    assert client("DELEX l FOO a").text == refused
    refused = b"ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"
    assert client("DELEX k FOO hello").text == refused
    for words in ("k IFEQ", "k IFEQ hello extra", "none IFEQ"):
        assert client(f"DELEX {words}").text == errors.wrong_arity(b"delex")
    assert client("SET l a IFNE x").text == errors.WRONG_TYPE
    for words in ("IFEQ a IFNE a", "IFEQ a NX", "XX IFDEQ a", "IFNE"):
        assert client(f"SET k a {words}").text == errors.SYNTAX
