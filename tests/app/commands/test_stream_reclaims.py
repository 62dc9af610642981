"""XREADGROUP with CLAIM, as Redis 8.4's documentation and tests describe it."""

import pytest

from joblog.app.reply import NULL_ARRAY


@pytest.fixture
def stream(client):
    """Three entries; the consumer a has the first two, since 100 ms."""
    for number in (1, 2, 3):
        client(f"XADD s {number}-0 f v{number}")
    client("XGROUP CREATE s g 0")
    client("XREADGROUP GROUP g a COUNT 2 STREAMS s >")
    client.clock.at_ms += 100
    return client


def read(client, options, keys="s", ids=">", consumer="b"):
    return client(f"XREADGROUP GROUP g {consumer} {options} STREAMS {keys} {ids}")


def pending(client, key="s"):
    reply = client(f"XPENDING {key} g - + 10")
    return [(entry[0].decode(), entry[1].decode(), entry[3]) for entry in reply]


def test_idle_entries_come_before_new_ones_with_what_was_of_them(stream):
    reply = read(stream, "CLAIM 50")

    assert reply == [
        (
            b"s",
            [
                [b"1-0", (b"f", b"v1"), 100, 1],
                [b"2-0", (b"f", b"v2"), 100, 1],
                [b"3-0", (b"f", b"v3"), 0, 0],
            ],
        )
    ]
    assert pending(stream) == [("1-0", "b", 2), ("2-0", "b", 2), ("3-0", "b", 1)]


def test_it_is_recorded_as_commands_that_servers_of_7_2_know(stream):
    now = b"%d" % stream.clock.at_ms
    dated = [b"TIME", now, b"RETRYCOUNT"]
    claim = [b"XCLAIM", b"s", b"g", b"b", b"0"]
    tail = [b"FORCE", b"JUSTID", b"LASTID"]

    read(stream, "CLAIM 50")

    assert stream.effects == [
        [*claim, b"1-0", b"2-0", *dated, b"2", *tail, b"2-0"],
        [*claim, b"3-0", *dated, b"1", *tail, b"3-0"],
        [b"XGROUP", b"SETID", b"s", b"g", b"3-0", b"ENTRIESREAD", b"3"],
    ]


def test_what_is_not_idle_for_long_enough_stays_where_it_is(stream):
    [(_, entries)] = read(stream, "CLAIM 101")

    assert entries == [[b"3-0", (b"f", b"v3"), 0, 0]]
    assert pending(stream)[:2] == [("1-0", "a", 1), ("2-0", "a", 1)]
    assert read(stream, "CLAIM 9223372036854775807") is NULL_ARRAY
    assert read(stream, "CLAIM 100")[0][1][0][0] == b"1-0"


def test_idle_time_of_zero_claims_all(stream):
    read(stream, "CLAIM 0", consumer="c")

    [(_, entries)] = read(stream, "CLAIM 0", consumer="c")
    assert [entry[3] for entry in entries] == [2, 2, 1]


def test_longest_idle_comes_first(stream):
    now_ms = stream.clock.at_ms
    stream(f"XCLAIM s g a 0 2-0 TIME {now_ms - 5000} JUSTID")

    [(_, entries)] = read(stream, "COUNT 1 CLAIM 50")
    assert [entry[:1] + entry[2:] for entry in entries] == [[b"2-0", 5000, 1]]
    [(_, entries)] = read(stream, "CLAIM 50 COUNT 2")
    assert [entry[0] for entry in entries] == [b"1-0", b"3-0"]


def test_count_is_for_all_streams_and_kinds_together(client):
    for key in ("s", "t"):
        for number in (1, 2, 3):
            client(f"XADD {key} {number}-0 f v")
        client(f"XGROUP CREATE {key} g 0")
    client("XREADGROUP GROUP g a COUNT 1 STREAMS s t > >")
    client.clock.at_ms += 100

    reply = read(client, "COUNT 3 CLAIM 50", "s t", "> >")
    found = [(key, entry[0], entry[3]) for key, entries in reply for entry in entries]
    assert found == [(b"s", b"1-0", 1), (b"s", b"2-0", 0), (b"t", b"1-0", 1)]
    reply = read(client, "COUNT 1 CLAIM 50", "s t", "> >")
    assert [(key, len(entries)) for key, entries in reply] == [(b"s", 1)]


def test_new_entries_alone_are_acknowledged_by_noack(stream):
    [(_, entries)] = read(stream, "NOACK CLAIM 50")

    assert len(entries) == 3
    assert pending(stream) == [("1-0", "b", 2), ("2-0", "b", 2)]


def test_it_is_ignored_where_a_consumer_reads_what_it_has(stream):
    [(_, entries)] = read(stream, "CLAIM 0", ids="0", consumer="a")

    assert entries == [[b"1-0", (b"f", b"v1")], [b"2-0", (b"f", b"v2")]]


def test_entries_that_are_gone_are_passed_over_and_stay_pending(stream):
    stream("XTRIM s MAXLEN 0")

    assert read(stream, "CLAIM 50") is NULL_ARRAY
    assert pending(stream) == [("1-0", "a", 1), ("2-0", "a", 1)]


def test_entries_that_a_group_goes_back_to_are_not_pending_twice(stream):
    stream("XGROUP SETID s g 0")

    [(_, entries)] = read(stream, "CLAIM 50")
    found = [(entry[0], entry[3]) for entry in entries]
    new = [(b"1-0", 0), (b"2-0", 0), (b"3-0", 0)]
    assert found == [(b"1-0", 1), (b"2-0", 1), *new]
    assert pending(stream) == [("1-0", "b", 1), ("2-0", "b", 1), ("3-0", "b", 1)]


@pytest.mark.parametrize("text", ["x", "5.5", "+10", "-0", "", "COUNT"])
def test_idle_time_that_is_no_integer_is_refused(stream, text):
    words = ["XREADGROUP", "GROUP", "g", "b", "CLAIM", text, "STREAMS", "s", ">"]
    assert stream(*words).text == b"ERR min-idle-time is not an integer"


def test_refusals_are_those_of_redis(stream):
    refused = read(stream, "CLAIM -10").text
    assert refused == b"ERR min-idle-time must be a positive integer"
    assert stream("XREADGROUP GROUP g CLAIM 50 b STREAMS s >").text.startswith(b"ERR")
    assert read(stream, "CLAIM").text == b"ERR min-idle-time is not an integer"
    assert stream("COMMAND GETKEYS XREADGROUP CLAIM 5 GROUP g a STREAMS s >") == [b"s"]
    assert stream("XREAD CLAIM 5 STREAMS s 0").text.startswith(b"ERR The CLAIM option")


def wait(client, options):
    """Let another client, the consumer c, wait for what it reads."""
    session = client.engine.clients.open(2)
    session.is_described = True
    words = f"XREADGROUP GROUP g c {options} STREAMS s >"
    assert client.engine.run(session, [words.encode().split()]) == b""
    assert session.waiter is not None


def woken_after(client, ms):
    """Let time pass; return the reply of who goes on then, if anybody does."""
    client.clock.at_ms += ms
    client.engine.context.read_clock()
    client.engine.blocking.expire()
    woken = client.engine.outbox.woken
    return woken.pop()[1] if woken else None


def test_who_blocks_goes_on_when_an_entry_has_been_idle_for_so_long(stream):
    read(stream, "CLAIM 50")
    wait(stream, "BLOCK 0 CLAIM 500")

    assert woken_after(stream, 499) is None
    reply = woken_after(stream, 1)

    assert reply.startswith(b"*1\r\n*2\r\n$1\r\ns\r\n*3\r\n*4\r\n$3\r\n1-0")
    assert [entry[1:] for entry in pending(stream)] == [("c", 3), ("c", 3), ("c", 2)]


def test_who_blocks_sees_what_others_were_given_meanwhile(stream):
    read(stream, "CLAIM 0")
    stream("XACK s g 1-0 2-0 3-0")
    wait(stream, "BLOCK 0 CLAIM 300")
    assert woken_after(stream, 200) is None
    stream("XCLAIM s g d 0 2-0 FORCE")

    assert woken_after(stream, 100) is None
    assert woken_after(stream, 199) is None
    assert b"2-0" in woken_after(stream, 1)
    assert pending(stream) == [("2-0", "c", 3)]


def test_what_is_idle_is_not_given_out_while_clients_are_held(stream):
    read(stream, "CLAIM 0")
    wait(stream, "BLOCK 0 CLAIM 500")
    stream("CLIENT PAUSE 1000 WRITE")

    assert woken_after(stream, 900) is None
    assert woken_after(stream, 100) is None
    stream.engine.upkeep.look_after(100)
    assert b"1-0" in woken_after(stream, 100)


def test_time_that_is_over_ends_the_wait(stream):
    read(stream, "CLAIM 0")
    wait(stream, "BLOCK 100 CLAIM 500")

    assert woken_after(stream, 100) == b"*-1\r\n"
    assert woken_after(stream, 1000) is None


def test_who_is_gone_is_given_nothing(stream):
    read(stream, "CLAIM 0")
    wait(stream, "BLOCK 0 CLAIM 500")
    [session] = [one for one in stream.engine.server.sessions.values() if one.waiter]
    stream.engine.clients.disconnect(session)

    assert woken_after(stream, 1000) is None
    assert pending(stream)[0] == ("1-0", "b", 2)
