"""Arrays of very many elements: sent a part at a time, and the same bytes."""

import pytest

from tests.parity.wire import encode
from tests.support.waiting import wait_until

COUNT = 60_000
WIDE = [b"%0400d" % number for number in range(15_000)]
"""So much that neither the socket nor the server's queue takes it all."""

CHANGES = [
    "RPUSH wide new",
    "LPUSH wide new",
    "RPOP wide",
    "LPOP wide 9000",
    "LSET wide 7000 new",
    "LTRIM wide 100 200",
    f"LINSERT wide AFTER {WIDE[10_000].decode()} new",
    f"LREM wide 0 {WIDE[12_000].decode()}",
    "LMOVE wide list LEFT LEFT",
    "DEL wide",
    "RENAME list wide",
    "COPY list wide REPLACE",
    "SORT list BY nosort STORE wide",
    "SET wide new",
    "PEXPIRE wide 0",
    "SWAPDB 0 1",
    "FLUSHALL",
]


def elements(prefix):
    return [b"%b:%06d" % (prefix, number) for number in range(COUNT)]


def bulk_array(values, head=b"*"):
    bulks = b"".join(b"$%d\r\n%b\r\n" % (len(value), value) for value in values)
    return head + b"%d\r\n" % len(values) + bulks


def take(connection, size):
    """Return so many bytes, wherever a reply ends."""
    pieces = []
    while size > 0:
        pieces.append(connection._socket.recv(min(size, 1 << 20)))
        assert pieces[-1]
        size -= len(pieces[-1])
    return b"".join(pieces)


def fill_wide(connection):
    connection.ask("RPUSH", "wide", *WIDE)


def begin_to_read_wide(connection):
    """Have the list sent, and return the beginning of it: the rest waits."""
    connection.send(encode(("LRANGE", "wide", "0", "-1")))
    return take(connection, 1000)


@pytest.fixture
def client(server):
    connection = server.connect()
    for at in range(0, COUNT, 10_000):
        connection.ask("RPUSH", "list", *elements(b"e")[at : at + 10_000])
    return connection


def test_what_comes_behind_a_long_reply_waits_for_its_end(client):
    expected = bulk_array(elements(b"e"))
    requests = [("ECHO", "a"), ("LRANGE", "list", "0", "-1"), ("LLEN", "list")] * 2

    client.send(b"".join(encode(request) for request in requests))

    assert take(client, len(expected) * 2 + 2 * len(b"$1\r\na\r\n:60000\r\n")) == (
        (b"$1\r\na\r\n" + expected + b":60000\r\n") * 2
    )


def test_a_long_reply_is_of_the_moment_when_it_was_asked_for(server, client):
    expected = bulk_array(elements(b"e"))
    other = server.connect()
    client.send(encode(("LRANGE", "list", "0", "-1")))
    begun = take(client, 1000)

    assert other.ask("LTRIM", "list", "1", "0") == b"+OK\r\n"
    assert other.ask("RPUSH", "list", "new") == b":1\r\n"

    assert begun + take(client, len(expected) - 1000) == expected
    assert client.ask("LRANGE", "list", "0", "-1") == bulk_array([b"new"])


def test_a_long_reply_is_of_its_moment_whatever_changes_while_it_is_read(server):
    other = server.connect()
    expected = bulk_array(WIDE)
    for change in CHANGES:
        for wrap in (False, True):
            other.ask("FLUSHALL")
            other.ask("RPUSH", "list", "a", "b")
            fill_wide(other)
            reader = server.connect()
            begun = begin_to_read_wide(reader)

            if wrap:
                words = ", ".join(f"'{word}'" for word in change.split())
                other.ask("MULTI")
                other.ask("EVAL", f"return redis.call({words})", "0")
                assert b"\r\n-" not in other.ask("EXEC"), change
            else:
                assert not other.ask(*change.split()).startswith(b"-"), change

            assert begun + take(reader, len(expected) - 1000) == expected, change
            reader.close()


@pytest.mark.parametrize("way", ["subscribed", "tracked", "redirected"])
def test_no_push_comes_in_the_middle_of_a_long_reply(server, way):
    reader, writer = server.connect(), server.connect()
    fill_wide(writer)
    reader.ask("HELLO", "3")
    writer.ask("HELLO", "3")
    push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
    if way == "subscribed":
        reader.ask("SUBSCRIBE", "k")
        push = b">3\r\n$7\r\nmessage\r\n$1\r\nk\r\n$1\r\nv\r\n"
    elif way == "tracked":
        reader.ask("CLIENT", "TRACKING", "ON")
        reader.ask("GET", "k")
    else:
        number = reader.ask("CLIENT", "ID").strip(b":\r\n")
        writer.ask("CLIENT", "TRACKING", "ON", "REDIRECT", number)
        writer.ask("GET", "k")
    begun = begin_to_read_wide(reader)
    reader.send(encode(("ECHO", "end")))

    writer.ask(*(("PUBLISH", "k", "v") if way == "subscribed" else ("SET", "k", "v")))

    expected = bulk_array(WIDE) + push + b"$3\r\nend\r\n"
    assert begun + take(reader, len(expected) - 1000) == expected


def test_what_a_script_pushes_while_others_are_served_waits_for_the_reply(start):
    server = start("--busy-reply-threshold", "1")
    reader, writer = server.connect(), server.connect()
    fill_wide(writer)
    reader.ask("HELLO", "3")
    reader.ask("SUBSCRIBE", "k")
    begun = begin_to_read_wide(reader)
    script = """
        redis.call('PUBLISH', 'k', 'v')
        local count = 0
        for _ = 1, 3000000 do count = count + 1 end
        return 'done'
    """
    writer.send(encode(("EVAL", script, "0")))
    rest = take(reader, len(bulk_array(WIDE)) - 1000)

    assert begun + rest == bulk_array(WIDE)
    assert take(reader, 7) == b">3\r\n$7\r"
    assert take(writer, 10) == b"$4\r\ndone\r\n"


def test_a_client_that_reads_nothing_has_little_of_it_encoded(server, client):
    for _ in range(6):
        client.ask("COPY", "list", "longer", "REPLACE")
    reader, control = server.connect(), server.connect()
    reader.send(encode(("CLIENT", "SETNAME", "reader")) + encode(("KEYS", "*")))
    reader.send(encode(("LRANGE", "list", "0", "-1")) * 20)

    def waits():
        listed = control.ask("CLIENT", "LIST").decode().splitlines()
        [line] = [line for line in listed if "name=reader" in line]
        fields = dict(field.split("=", 1) for field in line.split(" ") if "=" in field)
        return int(fields["omem"]) > 0

    wait_until(waits)
    assert control.ask("PING") == b"+PONG\r\n"


def test_a_client_may_go_in_the_middle_of_a_long_reply(server, client):
    for _ in range(20):
        leaving = server.connect()
        leaving.send(encode(("LRANGE", "list", "0", "-1")) * 3)
        take(leaving, 100)
        leaving.close()

    assert client.ask("LLEN", "list") == b":60000\r\n"
    wait_until(lambda: client.ask("CLIENT", "LIST").count(b" addr=") == 1)


def test_long_replies_of_each_kind_are_whole_in_both_protocols(server, client):
    for at in range(0, COUNT, 10_000):
        part = elements(b"m")[at : at + 10_000]
        client.ask("SADD", "set", *part)
        client.ask("HSET", "hash", *(word for name in part for word in (name, b"v")))
        client.ask("ZADD", "zset", *(w for i, n in enumerate(part) for w in (b"1", n)))
    for protocol, set_head in (("2", b"*"), ("3", b"~")):
        client.ask("HELLO", protocol)
        client.send(encode(("SMEMBERS", "set")))
        whole = bulk_array(elements(b"m"), set_head)
        found = take(client, len(whole))
        assert found[:20] == whole[:20]
        assert sorted(found.split(b"\r\n")) == sorted(whole.split(b"\r\n"))
        client.send(encode(("ZRANGE", "zset", "0", "-1")))
        assert take(client, len(whole)) == bulk_array(elements(b"m"))
        client.send(encode(("HGETALL", "hash")))
        pairs = b"".join(b"$8\r\n%b\r\n$1\r\nv\r\n" % name for name in elements(b"m"))
        head = b"*120000\r\n" if protocol == "2" else b"%60000\r\n"
        assert take(client, len(head + pairs)) == head + pairs
