"""Clients that are killed in the middle of what they do, and what must be left."""

from __future__ import annotations

import time
from random import Random

from tests.fuzz import endings
from tests.fuzz.door import PATIENCE_SECONDS, Client, Door
from tests.fuzz.findings import Finding
from tests.parity.wire import encode, parse

MOMENTS_MAX = 3000
BUSY_SCRIPT = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i end return n"
LONG, VERY_LONG = 3_000_000, 60_000_000
"""How often that script goes round: it ends by itself, after a second at the most."""


def in_exec(door: Door, random: Random) -> None:
    """Hang up in the middle of EXEC: all of it is done, or nothing."""
    pair = b"pair:%d" % random.randrange(8)
    one, two = pair + b":a", pair + b":b"
    client = door.open(random)
    fill = encode(["PING"]) * random.choice((0, 10, 300))
    client.send(encode(["MULTI"]) + encode(["INCR", one]) + fill)
    client.send(encode(["INCR", two]) + encode(["EXEC"]))
    endings.end(client, door, random)
    other = door.open()
    values = parse(other.ask("MGET", one, two)).items
    other.close()
    if values[0] != values[1]:
        raise Finding(f"half of an EXEC was done: {one} {two} are {values}")


def in_blocking(door: Door, random: Random) -> None:
    """Hang up while waiting: what is pushed then is for somebody else, or stays."""
    key = b"blocked:%d" % random.randrange(1 << 40)
    wait = random.choice(
        (
            ["BLPOP", key, "0"],
            ["BRPOP", "none", key, "0"],
            ["BLMOVE", key, key + b":to", "LEFT", "RIGHT", "0"],
            ["BLMPOP", "0", "1", key, "LEFT"],
        )
    )
    client = door.open(random)
    client.send(encode(["PING"]) + encode(wait))
    if not client.wait_for(b"PONG"):
        raise Finding("a client that was about to wait got no answer")
    _hang_up(client, door, random)
    other = door.open()
    pushed = other.ask("LPUSH", key, "element")
    left = other.ask("LLEN", key)
    other.ask("DEL", key)
    other.close()
    if (pushed, left) != (b":1\r\n", b":1\r\n"):
        raise Finding(
            f"{wait[0]} of a client that was gone took an element: "
            f"LPUSH {pushed!r}, LLEN {left!r}"
        )


def in_a_busy_script(door: Door, random: Random) -> None:
    """Hang up while a script runs for long, and have it killed."""
    with door.alone:
        client = door.open(random)
        turns = random.choice((LONG, VERY_LONG))
        words = encode(["EVAL", BUSY_SCRIPT, "0", turns])
        if random.random() < 0.3:
            words = encode(["MULTI"]) + words + encode(["EXEC"])
        client.send(words)
        time.sleep(random.choice((0, 0.01, 0.1)))
        endings.reset(client, door, random)
        other = door.open()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            other.send(encode(["SCRIPT", "KILL"]))
            if other.wait_for(b"-NOTBUSY", 0.2):
                break
            if time.monotonic() > deadline:
                raise Finding("a script cannot be killed")
        other.close()


def in_the_past(door: Door, random: Random) -> None:
    """Hang up while looking at a moment of the past, or while it is opened."""
    client = door.open(random)
    first, last = _numbers(client.ask("LOG.INFO"))[:2]
    seq = min(first + random.randrange(MOMENTS_MAX), last)
    client.send(encode(["CLIENT", "AT", f"@{seq}"]))
    if random.random() < 0.7:
        client.send(encode(["GET", "string:1"]) + encode(["ECHO", "then"]))
        client.wait_for(b"then", random.choice((0.001, 0.05, PATIENCE_SECONDS)))
    if random.random() < 0.2:
        client.send(encode(["CLIENT", "AT", "now"]))
    endings.end(client, door, random)


def _hang_up(client: Client, door: Door, random: Random) -> None:
    """End a connection so that it is gone for sure."""
    ways = (endings.close, endings.reset, endings.half_close, endings.be_killed)
    random.choice(ways)(client, door, random)


def _numbers(reply: bytes) -> list[int]:
    return [int(line[1:]) for line in reply.split(b"\r\n") if line.startswith(b":")]
