"""RESP from the outside: where a reply ends, and what is in it.

Nothing here comes from joblog.app.protocol: a harness that reads with the server's own
code would not see the server's own mistakes.
"""

from __future__ import annotations

import socket
from select import POLLIN, poll
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 30.0
NO_REPLY = b"<no reply>"


class Line(NamedTuple):
    """A reply of one line: its type and what follows it."""

    type: str
    text: bytes


class Bulk(NamedTuple):
    """A bulk string, verbatim string or bulk error."""

    type: str
    data: bytes


class Aggregate(NamedTuple):
    """An array, set, push, map or attribute: its items, keys and values in turn."""

    type: str
    items: tuple[Any, ...]


class Connection:
    """One client of a server, which reads raw replies.

    Attributes:
        is_closed: the server has closed the connection.
    """

    def __init__(self, path: str) -> None:
        """Connect to a Unix socket."""
        self.is_closed = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT_SECONDS)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send bytes; on a closed connection that does nothing."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.close()

    def has_reply(self, seconds: float = 0.05) -> bool:
        """Say whether there is something to read within so long."""
        ready = poll()
        ready.register(self._socket, POLLIN)
        return bool(self._buffer or ready.poll(seconds * 1000))

    def read(self) -> bytes:
        """Return the bytes of the next reply, or `<closed>` or `<no reply>`."""
        while True:
            end = find_end(self._buffer)
            if end is not None:
                reply, self._buffer = self._buffer[:end], self._buffer[end:]
                return reply
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError:
                return NO_REPLY + self._buffer
            except OSError:
                data = b""
            if not data:
                self.close()
                return b"<closed>" + self._buffer
            self._buffer += data

    def ask(self, *words: Any) -> bytes:
        """Send a command and return the bytes of its reply."""
        self.send(encode(words))
        return self.read()

    def close(self) -> None:
        """Close the connection."""
        self.is_closed = True
        self._socket.close()


def encode(words: Any) -> bytes:
    """Return a command as RESP; a command that is bytes already goes as it is."""
    if isinstance(words, bytes):
        return words
    argv = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    parts = [b"*%d\r\n" % len(argv)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in argv]
    return b"".join(parts)


def find_end(data: bytes, at: int = 0) -> int | None:
    """Return where the reply that starts at an offset ends, or None if it is cut."""
    due = 1
    while due:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        kind, after = data[at : at + 1], line_end + 2
        due -= 1
        if kind in (b"$", b"=", b"!"):
            length = int(data[at + 1 : line_end])
            after += length + 2 if length >= 0 else 0
        elif kind in (b"*", b"~", b">"):
            due += max(int(data[at + 1 : line_end]), 0)
        elif kind == b"%":
            due += 2 * int(data[at + 1 : line_end])
        elif kind == b"|":
            # Attributes stand before the reply that they describe.
            due += 2 * int(data[at + 1 : line_end]) + 1
        else:
            assert kind in (b"+", b"-", b":", b"_", b"#", b",", b"("), data[
                at : at + 80
            ]
        at = after
        if at > len(data):
            return None
    return at


def parse(data: bytes) -> Any:
    """Return a whole reply as a tree of Line, Bulk and Aggregate."""
    if data.startswith(b"<"):
        return Line("<", data[1:])
    reply, end = _parse(data, 0)
    assert end == len(data), data
    return reply


def _parse(data: bytes, at: int) -> tuple[Any, int]:
    line_end = data.index(b"\r\n", at)
    kind, text, after = chr(data[at]), data[at + 1 : line_end], line_end + 2
    if kind in "$=!" and text != b"-1":
        end = after + int(text)
        return Bulk(kind, data[after:end]), end + 2
    if kind in "*~>%|" and text != b"-1":
        items = []
        for _ in range(int(text) * (2 if kind in "%|" else 1)):
            item, after = _parse(data, after)
            items.append(item)
        return Aggregate(kind, tuple(items)), after
    return Line(kind, text), after


def without_order(reply: Any) -> Any:
    """Return a reply with arrays, sets and maps sorted; pairs of a map stay pairs."""
    if not isinstance(reply, Aggregate):
        return reply
    items = [without_order(item) for item in reply.items]
    if reply.type in "%|":
        items = list(zip(items[::2], items[1::2], strict=True))
    return Aggregate(reply.type, tuple(sorted(items, key=repr)))
