"""Rows that tools for all servers lack, beside redis-server: hand-overs and starts.

    python -m tests.bench.beside_redis [--rounds N] [--records N] [ROW ...]

    hset P16        pipelines of 16 HSETs of one field
    mset P16        pipelines of 16 MSETs of ten keys
    blpop 100       a value goes to one of 100 clients who wait in BLPOP, and wait anew
    blpop 3000      the same of 3,000
    start           a start over mixed records: the log alone, to redis-server's AOF
    start snapshot  a start with a snapshot of all of them, to the same AOF

A row is processor time of the server, ours, theirs and ours / theirs, the median of
rounds in turn: microseconds of a request, seconds of a start. Both keep a log that is
synced each second.
"""

from __future__ import annotations

import argparse
import random
import selectors
import socket
import statistics
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.support.servers import cpu_ticks, start_joblog, start_redis

if TYPE_CHECKING:
    from tests.support.servers import ServerProcess

SETTINGS = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxclients", "10000"]
# Redis loads a file that it has rewritten as the snapshot that this then is.
AS_WRITTEN = ["--auto-aof-rewrite-percentage", "0"]
STARTS = {
    "joblog": lambda: start_joblog(*SETTINGS),
    "Redis": lambda: start_redis(*SETTINGS, *AS_WRITTEN),
}
HANDED_OVER = 20_000
REQUESTS = 400_000
PIPELINES = {
    "hset P16": "HSET h f:__rand_int__ xxx",
    "mset P16": "MSET" + " k:__rand_int__ xxx" * 10,
}
AT_ONCE = 500
POP = b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n"
PUSH = b"*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$1\r\nx\r\n"
POPPED = b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n"


def encode(*words: bytes) -> bytes:
    """Return a request."""
    bulks = (b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%b" % (len(words), b"".join(bulks))


def connect(server: ServerProcess) -> socket.socket:
    """Return a new connection to a server."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(server.path)
    return client


def pipeline(server: ServerProcess, request: str) -> float:
    """Return what a request in pipelines takes."""
    before = cpu_ticks(server)
    options = f"-s {server.path} -q -P 16 -c 50 -n {REQUESTS} -r 100000"
    subprocess.run(
        ["redis-benchmark", *options.split(), *request.split()],
        check=True,
        capture_output=True,
        timeout=600,
    )
    return (cpu_ticks(server) - before) * 1e4 / REQUESTS


def hand_over(server: ServerProcess, waiters: int) -> float:
    """Return what it takes to hand a value to one of those who wait."""
    chosen = selectors.DefaultSelector()
    clients = [connect(server) for _ in range(waiters)]
    for client in clients:
        chosen.register(client, selectors.EVENT_READ)
        client.sendall(POP)
    with closing(connect(server)) as producer:
        while f"blocked_clients:{waiters}\r\n".encode() not in _ask(producer, b"INFO"):
            time.sleep(0.05)
        before = cpu_ticks(server)
        done = 0
        while done < HANDED_OVER:
            producer.sendall(PUSH)
            for key, _ in chosen.select(5):
                assert isinstance(key.fileobj, socket.socket)
                assert key.fileobj.recv(64) == POPPED
                key.fileobj.sendall(POP)
                done += 1
            producer.recv(64)
    took = (cpu_ticks(server) - before) * 1e4 / done
    for client in clients:
        client.close()
    return took


def _ask(client: socket.socket, line: bytes) -> bytes:
    client.sendall(line + b"\r\n")
    return client.recv(1 << 20)


def fill(server: ServerProcess, records: int) -> None:
    """Write mixed records: jobs, queues, delays, locks, sets and counters."""
    chance = random.Random(1)
    with closing(connect(server)) as client, client.makefile("rb") as replies:
        for first in range(0, records, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, records))
            client.sendall(b"".join(_mixed(chance, i, records) for i in numbers))
            for _ in numbers:
                line = replies.readline()
                assert not line.startswith(b"-"), line
                if line.startswith(b"$") and line != b"$-1\r\n":
                    replies.readline()


def _mixed(chance: random.Random, i: int, records: int) -> bytes:
    number, job = b"%d" % i, b"job:%d" % i
    queue = b"queue:%d" % chance.randrange(50)
    requests = [
        (b"LPUSH", queue, job),
        (b"RPOP", queue),
        (b"ZADD", b"delayed", b"%d" % chance.randrange(1_000_000), job),
        (b"SET", b"lock:" + number, b"worker", b"EX", b"1000000"),
        (b"DEL", b"lock:%d" % (i - 1 - 10 * chance.randrange(200))),
        (b"SADD", b"active:%d" % chance.randrange(20), job),
        (b"INCR", b"counter:%d" % chance.randrange(1000)),
    ]
    if i % 10 < len(requests):
        return encode(*requests[i % 10])
    made = (b"job:%d" % chance.randrange(records // 4), b"id", number, b"state")
    rest = (b"ready", b"tries", b"0", b"queue", b"mail", b"data", b"payload-" + number)
    return encode(b"HSET", *made, *rest)


def start(server: ServerProcess, *, has_snapshot: bool) -> float:
    """Return what a start takes, in seconds, until the server serves."""
    if has_snapshot and server.name == "joblog":
        with closing(connect(server)) as client:
            _ask(client, b"BGSAVE")
            while b"rdb_bgsave_in_progress:0" not in _ask(client, b"INFO persistence"):
                time.sleep(0.1)
    server.stop()
    server.start()
    return cpu_ticks(server) / 100


def measure(row: str, rounds: int, records: int) -> None:
    """Write one row."""
    figures: dict[str, list[float]] = {name: [] for name in STARTS}
    made = {name: make() for name, make in STARTS.items()}
    try:
        for server in made.values():
            if row.startswith("start"):
                fill(server, records)
        for _ in range(rounds):
            for name, server in made.items():
                if row in PIPELINES:
                    took = pipeline(server, PIPELINES[row])
                elif row.startswith("blpop"):
                    took = hand_over(server, int(row.split()[1]))
                else:
                    took = start(server, has_snapshot=row.endswith("snapshot"))
                figures[name].append(took)
    finally:
        for server in made.values():
            server.__exit__()
    ours, theirs = map(statistics.median, figures.values())
    sys.stdout.write(f"{row:<16}{ours:10.2f}{theirs:10.2f}{ours / theirs:8.2f}\n")
    sys.stdout.flush()


def main() -> None:
    """Write the rows that are asked for, or all."""
    rows = [*PIPELINES, "blpop 100", "blpop 3000", "start", "start snapshot"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", default=rows)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=2_500_000)
    options = parser.parse_args()
    for row in options.rows:
        measure(row, options.rounds, options.records)


if __name__ == "__main__":
    main()
