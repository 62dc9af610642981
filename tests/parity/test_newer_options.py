"""Options that Redis 7.4 gave to commands which 7.2 has, against Valkey."""

import pytest

from tests.parity.harness import at, receive, send


def test_hscan_novalues_gives_fields_alone(parity):
    fields = [word for i in range(200) for word in (f"field:{i}", i)]
    parity(
        [
            "HSET h a 1 b 2 c 3",
            "HSCAN h 0 NOVALUES",
            "HSCAN h 0 novalues MATCH [ab] COUNT 100",
            "HSCAN h 0 COUNT 100 NOVALUES NOVALUES",
            "HSCAN h 0 NOVALUES COUNT",
            "HSCAN h 0 NOVALUES x",
            "HSCAN missing 0 NOVALUES",
            ["HSET", "large", *fields],
            "HSCAN large 0 COUNT 1000 MATCH field:1* NOVALUES",
            "SADD s a",
            "ZADD z 1 a",
            "SCAN 0 NOVALUES",
            "SSCAN s 0 NOVALUES",
            "ZSCAN z 0 COUNT 10 NOVALUES",
            "SSCAN h 0 NOVALUES",
        ],
        loose=same_page,
    )


def same_page(words, ours, theirs):
    """Say whether the replies are one page of HSCAN with the same elements."""
    if str(words[0]).upper() != "HSCAN":
        return False
    pages = [sorted(page.items[1].items) for page in (ours, theirs)]
    return ours.items[0] == theirs.items[0] and pages[0] == pages[1]


def test_client_kill_maxage_spares_clients_that_are_new(parity):
    parity(
        [
            "CLIENT KILL TYPE normal",  # those of other tests
            at("other", "PING"),
            "CLIENT KILL MAXAGE 1000",
            "CLIENT KILL MAXAGE 1000 SKIPME no",
            "CLIENT KILL MAXAGE x",
            "CLIENT KILL MAXAGE 1.5",
            "CLIENT KILL MAXAGE 0",
            "CLIENT KILL ID 1 MAXAGE -1",
            at("other", "PING"),
            "DEBUG SLEEP 1.01",
            "CLIENT KILL MAXAGE 1 TYPE pubsub",
            "CLIENT KILL MAXAGE 1 SKIPME yes TYPE normal",
            at("other", "PING"),
        ],
        protocols=[2],
        loose=lambda words, *_: words == ["CLIENT", "KILL", "TYPE", "normal"],
    )


def test_xread_gives_the_newest_entry_for_a_plus(parity):
    parity(
        [
            "XREAD STREAMS s +",
            "XADD s 1-1 a 1",
            "XADD s 2-1 a 2",
            "XREAD STREAMS s +",
            "XREAD COUNT 7 STREAMS s missing + +",
            "XREAD BLOCK 10 STREAMS missing +",
            "XREAD STREAMS s s + 1-1",
            "SET k v",
            "XREAD STREAMS k +",
            "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g c STREAMS s +",
            "XADD e 1-1 a 1",
            "XDEL e 1-1",
            send("waiting", "XREAD", "BLOCK", 0, "STREAMS", "e", "+"),
            "XADD e 2-1 a 2",
            receive("waiting"),
        ],
    )


@pytest.mark.parametrize("block", [[], ["BLOCK", 10]])
def test_newest_entry_is_the_newest_that_was_not_deleted(server, block):
    """As in Redis 8; 7.4.0 and Valkey look for the entry that was deleted."""
    client = server.connect()
    for words in (["XADD", "d", "1-1", "a", 1], ["XADD", "d", "2-1", "a", 2]):
        client.ask(*words)
    client.ask("XDEL", "d", "2-1")

    assert b"1-1" in client.ask("XREAD", *block, "STREAMS", "d", "+")


@pytest.fixture
def server(running):
    server = running("joblog")
    yield server
    server.connect().ask("FLUSHALL")
