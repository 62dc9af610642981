r"""Byte streams as no client of good faith sends them.

Each shape is a function of a `random.Random`. The driver passes one that is seeded with
the number of the case, so that any case can be played again; `streams` makes a
hypothesis strategy of them, which can shrink what it found.

    good    commands as RESP arrays, or as lines
    spoilt  the same with a few changes: bits, cuts, doubled parts, lying lengths
    noise   bytes of no meaning, or of RESP's alphabet only
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from hypothesis import strategies as st

from tests.fuzz.commands import any_command
from tests.parity.wire import encode

Maker = Callable[[Random], list[bytes]]
"""Makes one command."""


def tame_command(random: Random) -> list[bytes]:
    """Return any command that stays cheap also where its numbers are changed."""
    return any_command(random, is_tame=True)


LIES = (
    *(b"0", b"-1", b"-2", b"1", b"2", b"1023", b"1024", b"16385", b"65537", b"1048576"),
    *(b"2147483647", b"2147483648", b"4294967296", b"9223372036854775807"),
    *(b"9223372036854775808", b"-9223372036854775809", b"1" * 30, b"01", b"+1", b" 1"),
    *(b"1 ", b"", b"-", b"abc", b"1e3", b"0x10", b"1.0", b"\0", b"\xff"),
)
"""Lengths that are wrong, or no lengths."""

MARKS = (
    *(b"*", b"$", b"+", b"-", b":", b"%", b"~", b">", b"|", b"#", b"_", b","),
    *(b"\r\n", b"\r", b"\n", b"\0", b" ", b'"', b"'", b"\\x", b"*1\r\n", b"*0\r\n"),
    *(b"$0\r\n\r\n", b"$-1\r\n", b"*-1\r\n", b"$1\r\n", b"PING\r\n", b"\r\n\r\n"),
)
HEADER = re.compile(rb"(?<=[*$])-?\d+(?=\r\n)")


def noise(random: Random) -> bytes:
    """Return bytes of no meaning."""
    size = random.choice((1, 2, 8, 40, 300))
    if random.random() < 0.5:
        return random.randbytes(random.randint(1, size))
    return b"".join(random.choices(MARKS, k=random.randint(1, size)))


def good(random: Random, make: Maker = tame_command) -> bytes:
    """Return one to six commands, each as an array or as a line."""
    commands = [make(random) for _ in range(random.choice((1, 1, 2, 3, 6)))]
    return b"".join(
        _line(argv) if random.random() > 0.9 else encode(argv) for argv in commands
    )


def _line(argv: list[bytes]) -> bytes:
    words = b" ".join(argv).replace(b"\r", b"").replace(b"\n", b"")
    return words + b"\r\n"


def spoilt(random: Random, make: Maker = tame_command) -> bytes:
    """Return commands with one to four changes."""
    data = good(random, make)
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(CHANGES)(random, data)
    return data or b"\n"


def lying(random: Random, make: Maker = tame_command) -> bytes:
    """Return commands of which a length is not true."""
    return _lie(random, good(random, make))


def stream(random: Random, make: Maker = tame_command) -> bytes:
    """Return any of the shapes, or several behind each other."""
    shape = random.choice((good, spoilt, spoilt, spoilt, lying, lying, None))
    data = shape(random, make) if shape is not None else noise(random)
    # Not `< 0.2`: zero must end it, as hypothesis takes that for the simplest.
    return data + stream(random, make) if random.random() > 0.8 else data


def streams(make: Maker = tame_command) -> st.SearchStrategy[bytes]:
    """Return a hypothesis strategy of streams, which can shrink what it found."""
    return st.randoms().map(lambda random: stream(random, make))


def cut(random: Random, data: bytes) -> list[bytes]:
    """Return the bytes in pieces, none empty."""
    if random.random() > 0.9:
        return [data[at : at + 1] for at in range(len(data))]
    count = min(random.choice((1, 1, 2, 3, 8)), len(data) - 1)
    places = sorted(random.sample(range(1, len(data)), max(count, 0)))
    edges = [0, *places, len(data)]
    return [data[edges[at] : edges[at + 1]] for at in range(len(edges) - 1)]


# --- changes ----------------------------------------------------------------------


def _flip(random: Random, data: bytes) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _remove(random: Random, data: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at + random.choice((1, 2, 5, 30)) :]


def _double(random: Random, data: bytes) -> bytes:
    at = random.randint(0, len(data))
    part = data[at : at + random.choice((1, 2, 8, 60))]
    return data[:at] + part * random.choice((2, 3)) + data[at + len(part) :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randint(0, len(data))
    what = random.choice(MARKS) if random.random() < 0.8 else random.randbytes(4)
    return data[:at] + what + data[at:]


def _cut_off(random: Random, data: bytes) -> bytes:
    return data[: random.randint(0, len(data))]


def _end_lines_otherwise(random: Random, data: bytes) -> bytes:
    end = random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b""))
    return data.replace(b"\r\n", end, random.choice((1, 2, -1)))


def _lie(random: Random, data: bytes) -> bytes:
    headers = list(HEADER.finditer(data))
    if not headers:
        return data
    found = random.choice(headers)
    true = int(found[0])
    near = (b"%d" % (true + 1), b"%d" % (true - 1), b"%d" % (true + 2))
    lie = random.choice(near if random.random() < 0.4 else LIES)
    return data[: found.start()] + lie + data[found.end() :]


CHANGES = (_flip, _remove, _double, _insert, _cut_off, _end_lines_otherwise, _lie, _lie)
