"""XADD with IDMP and IDMPAUTO, as Redis 8.6's documentation and tests describe it."""

import pytest

from joblog.app import errors
from joblog.app.types.snapshot_streams import pack_stream, unpack_stream
from joblog.app.types.stream_producers import Producers
from joblog.app.types.streams import Stream


def test_entry_that_comes_again_is_answered_with_its_id(client):
    first = client("XADD s IDMP p1 pay-1 * amount 100")

    assert client("XADD s IDMP p1 pay-1 * amount 200 currency EUR") == first
    assert (client.effects, client.events) == ([], [])
    assert client("XRANGE s - +") == [(first, (b"amount", b"100"))]


def test_each_producer_has_names_of_its_own(client):
    ids = {client(f"XADD s IDMP {producer} 1 * f v") for producer in ("p1", "p2")}

    assert len(ids) == 2
    assert client("XADD s IDMP p2 1 * f v") in ids
    assert client("XLEN s") == 2


def test_it_is_recorded_with_the_id_and_the_name(client):
    written = client("XADD s MAXLEN 5 IDMP p1 pay-1 * amount 100")

    assert client.effects == [
        [b"XADD", b"s", written, b"amount", b"100"],
        [b"XIDMPRECORD", b"s", b"p1", b"pay-1", written],
    ]
    client("DEL s")
    client(b"XADD", b"s", written, b"amount", b"100")
    client(b"XIDMPRECORD", b"s", b"p1", b"pay-1", written)
    assert client("XADD s IDMP p1 pay-1 * f v") == written


def test_fields_name_an_entry_in_any_order(client):
    first = client("XADD s IDMPAUTO p1 * a 1 b 2 c 3")

    assert client("XADD s IDMPAUTO p1 * b 2 c 3 a 1") == first
    assert client("XADD s IDMPAUTO p2 * a 1 b 2 c 3") != first
    assert client("XADD s IDMPAUTO p1 * a 1 b 2 c 4") != first
    assert client("XADD s IDMPAUTO p1 * a 12 b 2") != first
    for fields in (("a", "1b"), ("a1", "b"), ("", ""), ("a", "")):
        added = client("XADD", "t", "IDMPAUTO", "p1", "*", *fields)
        assert client("XADD", "t", "IDMPAUTO", "p1", "*", *fields) == added
    assert client("XLEN t") == 4


def test_entries_are_forgotten_after_a_while(client):
    first = client("XADD s IDMP p1 1 * f v")
    client.clock.at_ms += 100_000
    assert client("XADD s IDMP p1 1 * f v") == first
    client.clock.at_ms += 1

    second = client("XADD s IDMP p1 1 * f v")
    assert second != first
    client("XADD s IDMP p2 1 * f v")
    assert len(client.value("s").producers) == 2
    client.clock.at_ms += 200_000
    client("XADD s IDMP p3 1 * f v")
    assert client.value("s").producers.by_producer.keys() == {b"p3"}


def test_so_many_of_each_producer_are_remembered(client):
    client("XADD s * f v")
    client("XCFGSET s IDMP-MAXSIZE 3")
    ids = [client(f"XADD s IDMP p1 {number} * f v") for number in range(4)]
    client("XADD s IDMP p2 1 * f v")

    assert [client(f"XADD s IDMP p1 {number} * f v") for number in (1, 2, 3)] == ids[1:]
    assert client("XADD s IDMP p1 0 * f v") != ids[0]


def test_limits_are_set_and_memory_is_cleared(client):
    first = client("XADD s IDMP p1 1 * f v")

    assert client("XCFGSET s IDMP-DURATION 1 idmp-maxsize 10000") == b"OK"
    assert client.effects == [
        [b"XCFGSET", b"s", b"IDMP-DURATION", b"1", b"idmp-maxsize", b"10000"]
    ]
    second = client("XADD s IDMP p1 1 * f v")
    assert second != first
    client.clock.at_ms += 1001
    assert client("XADD s IDMP p1 1 * f v") != second
    assert client("XCFGSET s IDMP-MAXSIZE 5") == b"OK"
    assert client("XINFO STREAM s")[b"idmp-duration"] == 1


def test_info_tells_of_it_where_it_is_used(client):
    client("XADD s * f v")
    assert b"pids-tracked" not in client("XINFO STREAM s")
    for producer, name in (("p1", 1), ("p1", 2), ("p2", 1)):
        client(f"XADD s IDMP {producer} {name} * f v")

    info = client("XINFO STREAM s")
    found = [info[name] for name in (b"pids-tracked", b"iids-tracked", b"idmp-maxsize")]
    assert found == [2, 3, 100]


def test_info_counts_what_was_added_and_what_was_not(client):
    for producer, name in (("p1", 1), ("p1", 2), ("p1", 1), ("p1", 1)):
        client(f"XADD s IDMP {producer} {name} * f v")
    client("XCFGSET s IDMP-MAXSIZE 1")
    client("XADD s IDMP p1 1 * f v")

    info = client("XINFO STREAM s")
    found = [
        info[name] for name in (b"iids-added", b"iids-duplicates", b"entries-added")
    ]
    assert found == [3, 2, 3]


def test_missing_stream_is_not_made(client):
    assert client("XADD s NOMKSTREAM IDMP p1 1 * f v") is None
    client("XADD s IDMP p1 1 * f v")
    assert client("XADD s NOMKSTREAM IDMP p1 2 * f v") is not None
    assert client("XADD s KEEPREF IDMP p1 2 MAXLEN ~ 1000 LIMIT 10 * f w") is not None
    assert client("XLEN s") == 2


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("IDMP p1 * f v", errors.INVALID_STREAM_ID),
        ("IDMP p1 1 1-1 f v", errors.ONCE_WITH_ID),
        ("IDMP p1 1 1-* f v", errors.ONCE_WITH_ID),
        ("IDMPAUTO p1 1-1 f v", errors.ONCE_WITH_ID),
        ("IDMP p1 1 IDMP p2 2 * f v", errors.ONCE_TWICE),
        ("IDMPAUTO p1 IDMP p2 2 * f v", errors.ONCE_TWICE),
        ("IDMP p1 1 IDMPAUTO p2 * f v", errors.ONCE_TWICE),
        ("IDMP p1 1 * f", errors.wrong_arity(b"xadd")),
    ],
)
def test_refusals_of_xadd(client, words, refused):
    assert client(f"XADD s {words}").text == refused
    assert client.value("s") is None


def test_names_that_are_empty_are_refused(client):
    refused = b"ERR IDMP requires a non-empty producer ID"
    assert client("XADD", "s", "IDMP", "", "1", "*", "f", "v").text == refused
    refused = b"ERR IDMP requires a non-empty idempotent ID"
    assert client("XADD", "s", "IDMP", "p1", "", "*", "f", "v").text == refused
    refused = b"ERR IDMPAUTO requires a non-empty producer ID"
    assert client("XADD", "s", "IDMPAUTO", "", "*", "f", "v").text == refused


def test_refusals_of_xcfgset(client):
    client("XADD s * f v")
    client("RPUSH l a")

    assert client("XCFGSET s").text == errors.SYNTAX
    assert client("XCFGSET s IDMP-DURATION").text == errors.SYNTAX
    assert client("XCFGSET s FOO 1").text == errors.SYNTAX
    for number in (0, -1, 86_401):
        refused = client(f"XCFGSET s IDMP-DURATION {number}").text
        assert refused == errors.INVALID_DURATION
    for number in (0, 10_001):
        assert client(f"XCFGSET s IDMP-MAXSIZE {number}").text == errors.INVALID_MAXSIZE
    assert client("XCFGSET none IDMP-MAXSIZE 1").text == errors.NO_SUCH_KEY
    assert client("XCFGSET l IDMP-MAXSIZE 1").text == errors.WRONG_TYPE
    assert client.value("s").producers is None


def test_copies_and_snapshots_remember(client):
    first = client("XADD s IDMP p1 1 * f v")
    client("XADD s IDMP p1 2 * f v")
    client("COPY s t")
    client("XCFGSET s IDMP-MAXSIZE 7")

    assert client("XADD t IDMP p1 1 * f v") == first
    stream = unpack_stream(pack_stream(client.value("t")))
    assert stream.producers.in_order() == client.value("t").producers.in_order()
    stream = unpack_stream(pack_stream(client.value("s")))
    assert (stream.producers.size, len(stream.producers)) == (7, 0)
    assert len(pack_stream(Stream())) == 5  # as in snapshots of before


def test_memory_holds_both_ways_to_look_at_it_together():
    producers = Producers(10, 2)
    for ms, producer, name in ((1, b"a", b"1"), (2, b"b", b"1"), (3, b"a", b"1")):
        producers.note(producer, name, ms << 64)
        producers.check()
    for ms in range(4, 40):
        producers.note(b"a", b"%d" % (ms % 5), ms * 1000 << 64)
        producers.check()
    assert len(producers) == 2
