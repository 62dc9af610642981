"""MIGRATE with a target that is played here."""

import pytest

from joblog.app.errors import CommandError

HEAD = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"


class PlayedLink:
    """A target with its replies ready; then the connection breaks."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.sent = b""
        self.is_closed = False
        self.dialled = None

    def __call__(self, host, port, wait_ms):
        self.dialled = (host, port, wait_ms)
        return self

    def send(self, data):
        self.sent += data

    def read_line(self):
        if not self.replies:
            raise ConnectionResetError
        return self.replies.pop(0)

    def close(self):
        self.is_closed = True


def migrate(client, link, *words):
    client.engine.server.dial = link
    reply = client("MIGRATE", "host", "6379", *words)
    assert link.is_closed
    return reply


def test_what_moved_is_removed_and_recorded_as_del(client):
    client("MSET a 1 b 2")
    link = PlayedLink(b"+OK", b"+OK", b"+OK")

    assert migrate(client, link, "", 3, 0, "KEYS", "a", "none", "b") == b"OK"

    assert link.dialled == ("host", 6379, 1000)
    assert link.sent.startswith(HEAD + b"*4\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$1\r\n0\r\n")
    assert client.events == [("del", "a"), ("del", "b")]
    assert client.effects == [[b"DEL", b"a", b"b"]]


def test_a_copy_leaves_no_trace(client):
    client("SET a 1")

    migrate(client, PlayedLink(b"+OK", b"+OK"), "a", 3, 50, "COPY")

    assert (client.effects, client.events) == ([], [])


@pytest.mark.parametrize(
    ("replies", "text", "moved"),
    [
        (
            [b"-NOAUTH no", b"-NOAUTH no"],
            b"ERR Target instance replied with error: ",
            0,
        ),
        (
            [b"+OK", b"+OK", b"-OOM full"],
            b"ERR Target instance replied with error: ",
            1,
        ),
        (
            [b"+OK", b"-OOM full", b"+OK"],
            b"ERR Target instance replied with error: ",
            1,
        ),
        ([b"+OK", b"+OK"], b"IOERR error or timeout reading to", 1),
        ([], b"IOERR error or timeout reading to", 0),
    ],
)
def test_an_error_tells_and_keeps_what_the_target_has_not(client, replies, text, moved):
    client("MSET a 1 b 2")

    reply = migrate(client, PlayedLink(*replies), "", 3, 50, "KEYS", "a", "b")

    assert isinstance(reply, CommandError)
    assert reply.text.startswith(text)
    assert len(client.effects) == moved
    assert client("EXISTS a b") == 2 - moved


def test_the_password_is_not_in_the_log(client):
    client("MSET a 1 b 2")
    words = ("a", 3, 50, "AUTH2", "me", "secret")

    link = PlayedLink(b"+OK", b"+OK", b"+OK")
    migrate(client, link, *words)

    assert b"$6\r\nsecret" in link.sent
    assert client.engine.outbox.entries[-1][3][1] == [
        *(b"MIGRATE", b"host", b"6379", b"a", b"3", b"50", b"AUTH2"),
        *(b"(redacted)", b"(redacted)"),
    ]

    client("MULTI")
    client.engine.server.dial = PlayedLink(b"+OK", b"+OK", b"+OK")
    client("MIGRATE", "host", "1", "b", *words[1:])
    client("EXEC")
    assert b"secret" not in repr(client.engine.outbox.entries).encode()


def test_without_a_network_nothing_is_moved(client):
    client("SET a 1")

    reply = client("MIGRATE host 6379 a 0 50")

    assert reply.text == b"IOERR error or timeout connecting to the client"
    assert client("GET a") == b"1"
