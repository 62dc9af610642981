"""Stages of a connection's life, and the ways in which it may end there.

Every ending is played at every stage: `PAIRS` are all of them, in order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.fuzz.door import Client, Door
from tests.parity.wire import encode

BIG = b"v" * 300_000


class Stage(NamedTuple):
    """Where a connection stands.

    Attributes:
        name: what a report calls it.
        sent: what it has sent; whole commands, then perhaps a part of one.
        marker: what it reads before it goes on; nothing where it is empty.
    """

    name: str
    sent: bytes
    marker: bytes = b""


def _commands(*lines: str) -> bytes:
    return b"".join(encode(line.split()) for line in lines)


STAGES = (
    Stage("connected", b""),
    Stage("in a star", b"*"),
    Stage("behind an array's header", b"*2\r\n"),
    Stage("in a bulk's header", b"*2\r\n$3\r"),
    Stage("in a name", b"*2\r\n$3\r\nGE"),
    Stage("behind a name", b"*2\r\n$3\r\nGET\r\n"),
    Stage("in a line", b"GET string:0"),
    Stage("behind broken RESP", b"*1\r\n+PING\r\n"),
    Stage("in a big value", b"*3\r\n$3\r\nSET\r\n$8\r\nstring:0\r\n$300000\r\n" + BIG),
    Stage("in a huge value", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$7000000\r\n" + BIG * 10),
    Stage("in many arguments", b"*100000\r\n" + b"$1\r\na\r\n" * 20_000),
    Stage("asking", _commands("GET string:0")),
    Stage("answered", _commands("ECHO answered"), b"answered"),
    Stage("in RESP3", _commands("HELLO 3", "ECHO answered"), b"answered"),
    Stage("in MULTI", _commands("MULTI", "INCR string:1"), b"QUEUED"),
    Stage("in a MULTI to be aborted", _commands("MULTI", "NOSUCH"), b"unknown"),
    Stage("in EXEC", _commands("MULTI", *["INCR string:1"] * 50, "EXEC")),
    Stage("watching", _commands("WATCH string:1 list:0", "MULTI"), b"OK"),
    Stage("subscribed", _commands("SUBSCRIBE a b", "PSUBSCRIBE c*"), b"psubscribe"),
    Stage("monitoring", _commands("MONITOR"), b"OK"),
    Stage("in BLPOP", _commands("PING", "BLPOP none:1 none:2 0"), b"PONG"),
    Stage("in BLMOVE", _commands("PING", "BLMOVE none:1 none:2 LEFT LEFT 0"), b"PONG"),
    Stage("in BZPOPMIN", _commands("PING", "BZPOPMIN none:3 0"), b"PONG"),
    Stage("in XREAD", _commands("PING", "XREAD BLOCK 0 STREAMS none:4 $"), b"PONG"),
    Stage("in WAIT", _commands("SET string:2 v", "WAIT 1 0")),
    Stage("tracking", _commands("HELLO 3", "CLIENT TRACKING ON BCAST"), b"OK"),
    Stage("silent", _commands("ECHO silent", "CLIENT REPLY OFF"), b"silent"),
    Stage(
        "owed much",
        _commands("SET string:9 x", "SETRANGE string:9 500000 x")
        + _commands(*["GET string:9"] * 40),
    ),
    Stage("behind QUIT", _commands("QUIT", "PING")),
    Stage("reading the log", _commands("LOG.READ 1 COUNT 10", "LOG.HISTORY string:1")),
)


def close(client: Client, door: Door, random: Random) -> None:
    """Close it."""
    client.close()


def reset(client: Client, door: Door, random: Random) -> None:
    """Reset it."""
    client.reset()


def half_close(client: Client, door: Door, random: Random) -> None:
    """Close half of it, and read what comes until the server closes the other."""
    client.half_close()
    client.read_to_end()
    client.close()


def half_close_and_reset(client: Client, door: Door, random: Random) -> None:
    """Close half of it, then reset it."""
    client.half_close()
    client.reset()


def stop_reading(client: Client, door: Door, random: Random) -> None:
    """Close the half that reads, ask for more, then close."""
    client.stop_reading()
    client.send_what_fits(encode(["PING"]) * 50)
    client.close()


def be_killed(client: Client, door: Door, random: Random) -> None:
    """Have it closed by another client."""
    if client.address:
        other = door.open()
        other.ask("CLIENT", "KILL", "ADDR", client.address)
        other.close()
    client.close()


def leave(client: Client, door: Door, random: Random) -> None:
    """Leave it as it is, until the next rest."""
    door.keep(client)


ENDINGS: tuple[Callable[[Client, Door, Random], None], ...] = (
    *(close, reset, half_close, half_close_and_reset, stop_reading, be_killed, leave),
)
PAIRS = tuple(itertools.product(STAGES, ENDINGS))


def end(client: Client, door: Door, random: Random) -> None:
    """End a connection in one of the ways."""
    random.choice(ENDINGS)(client, door, random)
