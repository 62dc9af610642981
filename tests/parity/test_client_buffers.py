"""What CLIENT LIST says of buffers, beside redis-server; INFO's most of late."""

import re

import pytest

from tests.parity.wire import encode

HALF = b"*2\r\n$3\r\nGET\r\n$10\r\nabc"
COMPARED = ("flags", "multi", "qbuf", "argv-mem", "multi-mem", "oll", "omem", "events")


@pytest.fixture
def servers(running):
    return running("joblog"), running("redis")


def line_of(server, client, control):
    """Return the fields of a client's line that do not depend on the server."""
    number = client if isinstance(client, str) else number_of(client)
    line = control.ask("CLIENT", "LIST", "ID", number).decode()
    fields = dict(re.findall(r"(\S+)=(\S*)", line))
    return {name: fields[name] for name in COMPARED}


def number_of(client):
    return client.ask("CLIENT", "ID")[1:-2].decode()


def told(servers, act):
    """Let a client do something on each server, and return what is told of it."""
    found = []
    for server in servers:
        client, control = server.connect(), server.connect()
        control.ask("FLUSHALL")
        number = number_of(client)
        act(client)
        for _ in range(2):
            control.ask("PING")
        found.append(line_of(server, number, control))
        client.close(), control.close()
    return found


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda client: client.ask("PING"), id="idle"),
        pytest.param(lambda client: client.send(HALF), id="half a command"),
        pytest.param(
            lambda client: [
                client.ask(*words)
                for words in (["MULTI"], ["SET", "aaa", "bb"], ["GET", "aaa"])
            ],
            id="a transaction",
        ),
        pytest.param(
            lambda client: client.send(encode(["BLPOP", "queue", 0])), id="waiting"
        ),
        pytest.param(
            lambda client: client.send(
                encode(["BLPOP", "queue", 0]) + encode(["SET", "k", "v"])
            ),
            id="more behind what it waits for",
        ),
    ],
)
def test_what_a_client_has_sent_is_told_as_in_redis(servers, act):
    ours, theirs = told(servers, act)

    assert ours == theirs


def test_client_that_asks_is_told_of_its_own_command(servers):
    found = []
    for server in servers:
        client = server.connect()
        alone = client.ask("CLIENT", "INFO")
        client.send(encode(["PING"]) + encode(["CLIENT", "INFO"]))
        client.read()
        behind = client.read()
        found.append(
            [re.findall(rb" (qbuf|argv-mem)=(\d+)", line) for line in (alone, behind)]
        )
        client.close()

    assert found[0] == found[1]


def test_most_that_waited_is_remembered_for_a_while(running):
    server = running("joblog")
    client, control = server.connect(), server.connect()
    client.send(b"*2\r\n$3\r\nGET\r\n$500000\r\n" + b"x" * 300_000)
    for _ in range(50):
        clients = control.ask("INFO", "clients")
        most = int(re.search(rb"recent_max_input_buffer:(\d+)", clients)[1])
        if most >= 300_000:
            break
    client.close(), control.close()

    assert most >= 300_000


@pytest.mark.parametrize("size", [2**20 - 3, 2**20 - 2, 2**20 - 1, 2**20])
def test_largest_argument_is_the_query_buffer_limit_without_its_end(servers, size):
    found = []
    for server in servers:
        client, control = server.connect(), server.connect()
        control.ask("CONFIG", "SET", "client-query-buffer-limit", 2**20)
        try:
            client.send(encode(["SET", "k", "x" * size]))
            found.append(client.read())
        finally:
            control.ask("CONFIG", "SET", "client-query-buffer-limit", 2**30)
            client.close(), control.close()

    assert found[0] == found[1]


def total_of(number, control):
    line = control.ask("CLIENT", "LIST", "ID", number).decode()
    return int(re.search(r"tot-mem=(\d+)", line)[1])


@pytest.mark.parametrize("count", [1, 3, 4, 32])
@pytest.mark.parametrize("name", ["WATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"])
def test_what_a_client_watches_and_hears_is_part_of_what_it_holds(servers, name, count):
    found = []
    for server in servers:
        client, control = server.connect(), server.connect()
        number = number_of(client)
        before = total_of(number, control)
        client.send(encode([name, *(f"{index:06}" for index in range(count))]))
        for _ in range(1 if name == "WATCH" else count):
            client.read()
        found.append(total_of(number, control) - before)
        client.close(), control.close()

    assert found[0] == found[1]
