"""Clients that pause, kill and name each other, over real sockets."""

import pytest

from joblog.app.history.notes import ClientNote, read_note
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records


def number_of(connection):
    """Return a connection's client id."""
    return int(connection.ask("CLIENT", "ID")[1:])


@pytest.fixture
def connect(server):
    """Return a function that opens a connection; all are closed at the end."""
    opened = []

    def open_one():
        opened.append(server.connect())
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def send(connection, *commands):
    """Send commands as one batch."""
    connection.send(b"".join(command.encode() + b"\r\n" for command in commands))


def test_a_held_client_goes_on_where_it_stopped(connect):
    boss, writer, reader = connect(), connect(), connect()
    boss.ask("CLIENT", "PAUSE", "100000", "WRITE")

    send(writer, "PING", "SET k 1", "GET k", "PING")
    assert writer.read() == b"+PONG\r\n"
    assert reader.ask("GET", "k") == b"$-1\r\n"
    assert b"flags=bU " in boss.ask("CLIENT", "LIST")

    assert boss.ask("CLIENT", "UNPAUSE") == b"+OK\r\n"
    assert [writer.read() for _ in range(3)] == [
        b"+OK\r\n",
        b"$1\r\n1\r\n",
        b"+PONG\r\n",
    ]
    assert b"flags=bU " not in boss.ask("CLIENT", "LIST")


def test_a_pause_for_all_ends_by_itself(connect):
    boss, other = connect(), connect()
    boss.ask("CLIENT", "PAUSE", "50")

    assert other.ask("PING") == b"+PONG\r\n"
    assert boss.ask("SET", "k", "1") == b"+OK\r\n"


def test_a_held_client_may_be_killed(connect):
    boss, writer = connect(), connect()
    number = number_of(writer)
    boss.ask("CLIENT", "PAUSE", "100000", "WRITE")
    send(writer, "SET k 1")
    boss.ask("PING")

    assert boss.ask("CLIENT", "KILL", "ID", number) == b":1\r\n"
    assert writer.read() == b"<closed>"
    assert boss.ask("CLIENT", "UNPAUSE") == b"+OK\r\n"
    assert boss.ask("GET", "k") == b"$-1\r\n"


def test_killed_clients_are_gone_at_once(connect):
    boss, other = connect(), connect()
    number = number_of(other)

    send(boss, f"CLIENT KILL ID {number}", f"CLIENT LIST ID {number}")

    assert [boss.read(), boss.read()] == [b":1\r\n", b"$0\r\n\r\n"]
    assert other.read() == b"<closed>"


def test_a_client_that_kills_itself_gets_its_reply_first(connect):
    boss = connect()

    send(boss, "CLIENT KILL TYPE normal SKIPME no", "SET k 1")

    assert [boss.read(), boss.read()] == [b":1\r\n", b"<closed>"]
    assert connect().ask("GET", "k") == b"$-1\r\n"


def test_a_client_kills_another_by_its_address(connect):
    boss, other = connect(), connect()
    line = other.ask("CLIENT", "INFO").decode()
    address = line.split(" addr=")[1].split(" ")[0]

    # All clients of a Unix socket have the same address.
    assert boss.ask("CLIENT", "KILL", "ADDR", address) == b":1\r\n"
    assert other.read() == b"<closed>"


def test_limits_are_lifted_by_auth(connect):
    boss = connect()
    boss.ask("CONFIG", "SET", "requirepass", "secret")
    connection, stranger = connect(), connect()

    assert connection.ask("AUTH", "secret") == b"+OK\r\n"
    assert connection.ask("ECHO", "x" * 20000).startswith(b"$20000\r\n")
    assert stranger.ask("ECHO", "x" * 20000).startswith(b"-ERR Protocol error")
    boss.ask("CONFIG", "SET", "requirepass", "")


def test_the_log_knows_who_wrote_and_when_they_took_another_name(server, connect):
    client = connect()
    client.ask("CLIENT", "SETNAME", "one")
    client.ask("SET", "k", "1")
    client.ask("CLIENT", "SETNAME", "two")
    client.ask("CLIENT", "SETINFO", "LIB-NAME", "lib")
    client.ask("SET", "k", "2")

    notes = [
        read_note(record.origin)
        for record in read_records(server.folder, filesystem=FileSystem())
    ]
    described = [note for note in notes if isinstance(note, ClientNote)]
    assert [(note.name, note.library) for note in described] == [
        (b"one", b""),
        (b"two", b"lib"),
    ]


def test_a_client_that_asked_for_little_may_ask_for_much(connect):
    client = connect()
    for _ in range(40):
        assert client.ask("PING") == b"+PONG\r\n"

    send(client, *("PING",) * 1000)
    assert [client.read() for _ in range(1000)] == [b"+PONG\r\n"] * 1000
    for size in (1, 400, 447, 448, 449, 65_536, 300_000, 1):
        assert client.ask("SET", "k", b"x" * size) == b"+OK\r\n"
        assert client.ask("STRLEN", "k") == b":%d\r\n" % size
