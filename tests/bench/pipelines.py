"""What a pipelined command costs without sockets: `python -m tests.bench.pipelines`.

Processor time in nanoseconds to parse a command, to run it and to encode its record, in
pipelines of 16, the least of several rounds. For two versions run it from both trees in
turn; the machine may be busy, since only the time of this process counts.
"""

import random
import sys
import time

from joblog.app import collector
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.protocol.parser import RequestParser
from joblog.storage.batch import BatchEncoder
from joblog.storage.frame import FrameHeads
from tests.bench.beside_redis import encode

ROUNDS, COMMANDS, DEPTH, KEYS = 5, 32_000, 16, 100_000


def requests(chance):
    """Return what makes a request of each row."""

    def key():
        return b"key:%012d" % chance.randrange(KEYS)

    return {
        "SET": lambda: encode(b"SET", key(), b"xxx"),
        "GET": lambda: encode(b"GET", key()),
        "LPUSH": lambda: encode(b"LPUSH", b"list", b"xxx"),
        "RPOP": lambda: encode(b"RPOP", b"list"),
        "HSET": lambda: encode(b"HSET", b"hash", key(), b"xxx"),
        "MSET of 10": lambda: encode(
            b"MSET", *(w() for _ in "0123456789" for w in (key, key))
        ),
    }


def nanoseconds(engine, session, make):
    """Return what a command takes."""
    reads = [b"".join(make() for _ in range(DEPTH)) for _ in range(COMMANDS // DEPTH)]
    parser, encoder, heads = RequestParser(), BatchEncoder(), FrameHeads(7)
    seq = at_ms = 0
    start = time.process_time()
    for data in reads:
        engine.context.read_clock()
        engine.run(session, parser.feed(data))
        drafts, engine.outbox.entries = engine.outbox.entries, []
        _, seq, at_ms = encoder.encode(drafts, heads, seq, seq, at_ms)
    return (time.process_time() - start) / COMMANDS * 1e9


def main():
    """Write the rows."""
    collector.calm()
    engine = Engine(Config())
    session = engine.clients.open(1)
    for name, make in requests(random.Random(1)).items():
        least = min(nanoseconds(engine, session, make) for _ in range(ROUNDS))
        sys.stdout.write(f"{name:<12}{least:8.0f}\n")


if __name__ == "__main__":
    main()
