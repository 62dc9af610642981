"""Greedy clients: the loads that bench_fairness plays against a server.

    prepare(path)   puts there what the load needs; nobody is measured yet
    play(path)      is measured; returns when the server is done with it

Requests are made before the clock runs, so that the clients take little of the machine
while they are served.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import NamedTuple

Play = Callable[[str], None]

MILLION = 1_000_000
MEGABYTE = 1_000_000
DRAIN_BYTES = 1 << 18
SLOW_SECONDS = 3.0
SLOW_PAUSE_SECONDS = 0.002
SLOW_BYTES = 1 << 16
DUE_AFTER_MS = 3000
DUE_SECONDS = 6.0
TIMEOUT_SECONDS = 300.0
END = b"the end\r\n"


class Load(NamedTuple):
    """One row of the table."""

    name: str
    prepare: Play
    play: Play


def request(*words: bytes) -> bytes:
    """Return a command as RESP."""
    pieces = [b"*%d\r\n" % len(words)]
    for word in words:
        pieces += [b"$%d\r\n" % len(word), word, b"\r\n"]
    return b"".join(pieces)


def connect(path: str) -> socket.socket:
    """Return a connection to a server's Unix socket."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(TIMEOUT_SECONDS)
    while True:
        try:
            client.connect(path)
        except BlockingIOError:
            time.sleep(0.001)  # the backlog is full
        else:
            return client


def send_and_drain(client: socket.socket, data: bytes) -> None:
    """Send requests and read their replies, as many as there are, without keeping them.

    They end with the reply to an ECHO of `END`.
    """
    sender = Thread(target=client.sendall, args=(data + request(b"ECHO", END[:-2]),))
    sender.start()
    tail = b""
    while not tail.endswith(END):
        piece = client.recv(DRAIN_BYTES)
        assert piece, "the server closed the connection"
        tail = (tail + piece[-64:])[-64:]
    sender.join()


def sending(*requests: bytes) -> Play:
    """Return a load of one client that sends all in one go and reads all replies."""
    data = b"".join(requests)

    def play(path: str) -> None:
        with contextlib.closing(connect(path)) as client:
            send_and_drain(client, data)

    return play


def unread(*words: bytes) -> Play:
    """Return a load of one request whose reply nobody reads."""
    data = request(*words)

    def play(path: str) -> None:
        with contextlib.closing(connect(path)) as client:
            client.sendall(data)
            time.sleep(1.5)

    return play


def reading_slowly(clients: int, megabytes: int) -> Play:
    """Return a load of clients that ask for so much each, and read a little of it."""
    asked = request(b"GET", b"big") * megabytes

    def play(path: str) -> None:
        readers = [connect(path) for _ in range(clients)]
        for reader in readers:
            reader.sendall(asked)
        deadline = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < deadline:
            for reader in readers:
                reader.recv(SLOW_BYTES)
            time.sleep(SLOW_PAUSE_SECONDS)
        for reader in readers:
            reader.close()

    return play


def at_once(requests: Sequence[bytes]) -> Play:
    """Return a load of one client for each request, all at the same time."""

    def play(path: str) -> None:
        clients = [connect(path) for _ in requests]
        threads = [
            Thread(target=send_and_drain, args=pair)
            for pair in zip(clients, requests, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()

    return play


def connecting(count: int) -> Play:
    """Return a load of many connections made at once, and closed at once."""

    def play(path: str) -> None:
        clients = [connect(path) for _ in range(count)]
        for client in clients:
            client.close()
        time.sleep(0.5)

    return play


def put_due_at_once(path: str) -> None:
    """Make keys that all expire in the same millisecond, soon."""
    ms = b"%d" % (int(time.time() * 1000) + DUE_AFTER_MS)
    sets = [request(b"SET", b"k" + word, word, b"PXAT", ms) for word in words(50_000)]
    sending(*sets)(path)


def nothing(_: str) -> None:
    """Do nothing."""


def idle(seconds: float) -> Play:
    """Return a load that is none, for so long."""
    return lambda _: time.sleep(seconds)


def words(count: int) -> list[bytes]:
    """Return so many different words of 12 bytes."""
    return [b"%012d" % number for number in range(count)]


def in_portions(name: bytes, key: bytes, arguments: list[bytes]) -> Play:
    """Return what fills a key, some arguments at a time."""
    step = 10_000
    return sending(
        *[
            request(name, key, *arguments[start : start + step])
            for start in range(0, len(arguments), step)
        ]
    )


def pairs(count: int) -> list[bytes]:
    """Return a number and a word, so many times."""
    return [each for word in words(count) for each in (b"%d" % int(word), word)]


def loads() -> list[Load]:
    """Return all rows, the requests of each made."""
    big = b"x" * (100 * MEGABYTE)
    million = words(MILLION)
    half = words(500_000)
    sets = [request(b"SET", b"k" + word, word) for word in words(50_000)]
    fill_set = in_portions(b"SADD", b"big", million)
    fill_list = in_portions(b"RPUSH", b"big", million)
    fill_hash = in_portions(b"HSET", b"big", pairs(500_000))
    fill_zset = in_portions(b"ZADD", b"big", pairs(500_000))
    fill_keys = sending(*[request(b"SET", word, word) for word in million])
    fill_half = in_portions(b"RPUSH", b"big", half)
    put_big = sending(request(b"SET", b"big", big))
    put_megabyte = sending(request(b"SET", b"big", b"x" * MEGABYTE))
    arguments = [b"x"] * 100_000
    many = [request(b"RPUSH", b"list%d" % n, *arguments) for n in range(50)]
    return [
        Load("nothing", nothing, idle(2.0)),
        Load(
            "LRANGE of 500,000, unread",
            fill_half,
            unread(b"LRANGE", b"big", b"0", b"-1"),
        ),
        Load(
            "LRANGE of 500,000",
            fill_half,
            sending(request(b"LRANGE", b"big", b"0", b"-1")),
        ),
        Load("HGETALL of 500,000", fill_hash, sending(request(b"HGETALL", b"big"))),
        Load("SMEMBERS of 1,000,000", fill_set, sending(request(b"SMEMBERS", b"big"))),
        Load("GET of 100 MB", put_big, sending(request(b"GET", b"big"))),
        Load("slow reader of 200 MB", put_megabyte, reading_slowly(1, 200)),
        Load("4 slow readers of 100 MB", put_megabyte, reading_slowly(4, 100)),
        Load("12 slow readers of 100 MB", put_megabyte, reading_slowly(12, 100)),
        Load("SET of 100 MB", nothing, put_big),
        Load(
            "MULTI, 50,000 SET, EXEC",
            nothing,
            sending(request(b"MULTI"), *sets, request(b"EXEC")),
        ),
        Load("pipeline of 50,000 SET", nothing, sending(*sets)),
        Load("50 clients, RPUSH of 100,000 each", nothing, at_once(many)),
        Load("SADD of 1,000,000", nothing, sending(request(b"SADD", b"big", *million))),
        Load("50,000 keys due at once", put_due_at_once, idle(DUE_SECONDS)),
        Load("5,000 connects", nothing, connecting(5000)),
        Load("DEL of a set of 1,000,000", fill_set, sending(request(b"DEL", b"big"))),
        Load(
            "UNLINK of a list of 1,000,000",
            fill_list,
            sending(request(b"UNLINK", b"big")),
        ),
        Load(
            "SET over a hash of 500,000",
            fill_hash,
            sending(request(b"SET", b"big", b"x")),
        ),
        Load(
            "PEXPIRE of a sorted set of 500,000",
            fill_zset,
            sending(request(b"PEXPIRE", b"big", b"1")),
        ),
        Load("FLUSHALL of 1,000,000 keys", fill_keys, sending(request(b"FLUSHALL"))),
    ]
