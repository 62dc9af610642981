"""What a hostile client does with a connection or some: each behaviour is one case.

A behaviour gets the door of a server and a seeded source of chance. It knows what it
may expect (replies that are RESP, a marker that comes back, an element that is still
there) and raises a Finding where that does not come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from tests.fuzz import endings, shapes
from tests.fuzz.commands import any_command
from tests.fuzz.door import Door
from tests.fuzz.endings import PAIRS, Stage
from tests.parity.wire import encode

Behaviour = Callable[[Door, Random], None]
SHORT_SECONDS = 0.05
MARKER = b"marker-of-the-fuzz"


def send_a_stream(door: Door, random: Random) -> None:
    """Send bytes that are RESP or not, in pieces, and end in some way."""
    client = door.open(random)
    for piece in shapes.cut(random, shapes.stream(random)):
        if not client.send(piece):
            break
    if random.random() < 0.3:
        client.wait_for(MARKER, SHORT_SECONDS)
    endings.end(client, door, random)


def call(door: Door, random: Random) -> None:
    """Send well-formed commands with arguments at random; the last must be answered.

    Some of them wait, subscribe or hang up: then the marker need not come.
    """
    client = door.open(random)
    if random.random() < 0.3:
        client.send(encode(["HELLO", "3"]))
    for _ in range(random.choice((1, 2, 4))):
        commands = [any_command(random) for _ in range(random.choice((1, 5, 20)))]
        client.send(b"".join(map(encode, commands)) + encode(["ECHO", MARKER]))
        if not client.wait_for(MARKER, SHORT_SECONDS):
            break
    endings.end(client, door, random)


def reach_a_stage_and_end(door: Door, random: Random) -> None:
    """End a connection at some stage of its life."""
    stage, ending = random.choice(PAIRS)
    play_a_pair(door, random, stage, ending)


def play_a_pair(
    door: Door, random: Random, stage: Stage, ending: Callable[..., None]
) -> None:
    """End a connection at this stage, in this way."""
    client = door.open(random)
    client.send(stage.sent)
    if stage.marker:
        client.wait_for(stage.marker)
    ending(client, door, random)


def lie_about_lengths(door: Door, random: Random) -> None:
    """Announce more than comes, or less, and wait a moment before the end."""
    client = door.open(random)
    client.send(shapes.lying(random) + random.randbytes(random.choice((0, 10, 70_000))))
    client.wait_for(MARKER, random.choice((0.001, SHORT_SECONDS)))
    endings.end(client, door, random)


def flood(door: Door, random: Random) -> None:
    """Connect many times at once, and hang up without a word, or with one."""
    with door.alone:
        clients = [door.open(random) for _ in range(random.choice((20, 60, 200)))]
        word = random.choice((b"", b"", b"PING\r\n", b"*1\r\n$4\r\nPI"))
        for client in clients:
            client.send_what_fits(word)
            if random.random() < 0.7:
                client.reset()
            else:
                client.close()


def reset_before_accept(door: Door, random: Random) -> None:
    """Connect and reset at once, again and again: a port scan."""
    for _ in range(random.choice((1, 5, 40))):
        door.open(random).reset()


def send_slowly(door: Door, random: Random) -> None:
    """Send commands byte by byte, with pauses."""
    client = door.open(random)
    for byte in encode(["ECHO", MARKER]) + shapes.spoilt(random)[:30]:
        client.send(bytes([byte]))
        time.sleep(random.choice((0, 0, 0.001, 0.005)))
    endings.end(client, door, random)


def read_slowly(door: Door, random: Random) -> None:
    """Ask for much, and read little of it or nothing."""
    client = door.open(random)
    size = random.choice((1000, 100_000, 1_000_000))
    client.send(encode(["SETRANGE", b"string:big:%d" % size, size, "x"]))
    asked = encode(["GET", b"string:big:%d" % size]) * random.choice((5, 20, 60))
    client.send_what_fits(asked)
    for _ in range(random.choice((0, 3, 20))):
        if not client.read_a_little(random.choice((1, 1000, 60_000))):
            break
    endings.end(client, door, random)


def subscribe_and_read_nothing(door: Door, random: Random) -> None:
    """Subscribe, be told much, and read none of it."""
    deaf = door.open(random)
    channel = b"channel:%d" % random.randrange(1 << 30)
    deaf.send(encode(["SUBSCRIBE", channel]))
    deaf.wait_for(b"subscribe")
    other = door.open(random)
    message = b"m" * random.choice((10, 10_000, 200_000))
    other.send(
        encode(["PUBLISH", channel, message]) * random.choice((10, 50))
        + encode(["ECHO", MARKER])
    )
    other.wait_for(MARKER)
    other.close()
    endings.end(deaf, door, random)


def monitor_and_read_nothing(door: Door, random: Random) -> None:
    """Ask to be told of every command, and read none of it."""
    deaf = door.open(random)
    deaf.send(encode(["MONITOR"]))
    deaf.wait_for(b"OK")
    other = door.open(random)
    value = b"v" * random.choice((10, 10_000, 100_000))
    other.send(
        encode(["ECHO", value]) * random.choice((5, 30)) + encode(["ECHO", MARKER])
    )
    other.wait_for(MARKER)
    other.close()
    endings.end(deaf, door, random)
