import pytest

CHANGES = [
    pytest.param("SETBIT k 0 1", [("setbit", "k")], id="SETBIT"),
    pytest.param("SETBIT none 0 0", [("setbit", "none")], id="SETBIT makes a string"),
    pytest.param("SETBIT k 99 0", [("setbit", "k")], id="SETBIT lengthens a string"),
    pytest.param("BITOP NOT d k", [("set", "d")], id="BITOP"),
    pytest.param("BITOP AND k none", [("del", "k")], id="BITOP to nothing"),
    pytest.param("BITFIELD k SET u8 0 1", [("setbit", "k")], id="BITFIELD SET"),
    pytest.param(
        "BITFIELD k INCRBY u2 0 1 INCRBY u2 0 1", [("setbit", "k")], id="INCRBY twice"
    ),
    pytest.param(
        "BITFIELD none OVERFLOW FAIL SET u1 9 2", [("setbit", "none")], id="FAIL, grows"
    ),
]


@pytest.mark.parametrize(("words", "events"), CHANGES)
def test_command_on_bits_tells_of_the_key_that_it_changed(client, words, events):
    client("SET k foo")

    client(words)

    assert client.events == events
    assert client.effects == [[word.encode() for word in words.split()]]


UNCHANGED = [
    "SETBIT k 0 0",
    "GETBIT k 1",
    "BITCOUNT k",
    "BITPOS k 1",
    "BITOP AND none other",
    "BITFIELD k",
    "BITFIELD k GET u8 0",
    "BITFIELD none GET u8 0",
    "BITFIELD k SET u8 0 102",
    "BITFIELD k OVERFLOW FAIL SET u8 0 256",
    "BITFIELD k OVERFLOW SAT",
    "BITFIELD k SET u8 0 1 SET u8 x 1",
    "BITFIELD_RO k GET u8 0",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_command_on_bits_that_changes_nothing_leaves_no_trace(client, words):
    client("SET k foo")

    client(words)

    assert (client.events, client.effects) == ([], [])
    assert client.value("k") == b"foo"


def test_bitop_takes_away_the_deadline_of_the_destination(client):
    client("SET k foo PX 1000")

    client("BITOP NOT k k")

    assert client("PTTL k") == -1
