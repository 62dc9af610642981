"""Bytes an item, resident, beside another server: `python -m tests.bench.memory`.

Each row starts one server and then the other, has it make so many items, waits until it
holds no less than before, and divides what it holds more than at the start. So the name
of a key and its share of the table of keys count. The mixed row is divided by commands.

    python -m tests.bench.memory [ROW ...] [--items N] [--ours COMMAND] [--peer COMMAND]
"""

import argparse
import random
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

PEER = "redis-server --port {port} --save '' --dir {dir}"
OURS = f"{sys.executable} -m joblog --port {{port}} --save '' --dir {{dir}}"
BATCH = 1000
START_SECONDS = 60
STILL_SECONDS = 7
"""Ours packs five seconds after it has seen a key, as long as it takes."""


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def strings(count):
    for number in range(count):
        yield [b"SET", b"key:%08d" % number, b"value:%06d" % number]


def deadlines(count):
    for number in range(count):
        value = b"value:%06d" % number
        yield [b"SET", b"key:%08d" % number, value, b"EX", b"%d" % (90_000 + number)]


def jobs(count):
    for number in range(count):
        fields = [b"state", b"waiting", b"queue", b"mail", b"attempts", b"0"]
        fields += [
            b"payload",
            b"user:%08d" % number,
            b"created",
            b"%d" % (10**9 + number),
        ]
        yield [b"HSET", b"job:%08d" % number, *fields]


def lists_of(size):
    def commands(count):
        for number in range(count):
            yield [b"LPUSH", b"queue:%d" % (number // size), b"job:%08d" % number]

    return commands


def sets_of(size):
    def commands(count):
        for number in range(count):
            yield [b"SADD", b"set:%d" % (number // size), b"job:%08d" % number]

    return commands


def sorted_sets_of(size):
    def commands(count):
        for number in range(count):
            score = b"%d" % (1_700_000_000_000 + number * 7)
            member = b"job:%08d" % number
            yield [b"ZADD", b"zset:%d" % (number // size), score, member]
            if number % size == size - 1:
                yield [b"ZRANGE", b"zset:%d" % (number // size), b"0", b"0"]

    return commands


def hashes_of(size):
    def commands(count):
        for number in range(count):
            field, value = b"field:%08d" % number, b"value:%06d" % number
            yield [b"HSET", b"hash:%d" % (number // size), field, value]

    return commands


def entries(count):
    for number in range(count):
        fields = [
            b"job",
            b"%08d" % number,
            b"state",
            b"done",
            b"ms",
            b"%d" % (number % 999),
        ]
        yield [b"XADD", b"stream", b"*", *fields]


def mixed(count):
    """Yield a queue's life; of 2.5 million commands some 730,000 keys remain."""
    chance = random.Random(1)
    for number in range(count):
        job, kind = b"%08d" % number, number % 10
        if kind < 3:
            yield [b"HSET", b"job:" + job, b"state", b"waiting", b"payload", b"x" * 20]
        elif kind < 5:
            yield [b"LPUSH", b"queue:%d" % chance.randrange(100_000), b"job:" + job]
        elif kind == 5:
            yield [b"RPOP", b"queue:%d" % chance.randrange(100_000)]
        elif kind == 6:
            yield [b"ZADD", b"later:%d" % chance.randrange(50_000), job, b"job:" + job]
        elif kind == 7:
            yield [
                b"SET",
                b"lock:" + job,
                b"worker:%d" % (number % 100),
                b"EX",
                b"99999",
            ]
        elif kind == 8:
            yield [b"SADD", b"tags:%d" % chance.randrange(50_000), b"job:" + job]
        else:
            yield [b"INCR", b"count:%d" % chance.randrange(100_000)]
            yield [b"DEL", b"job:%08d" % (chance.randrange(number + 1) // 10 * 10)]


ROWS = {
    "string": strings,
    "deadline": deadlines,
    "job": jobs,
    "list": lists_of(10**9),
    "lists of 10": lists_of(10),
    "lists of 200": lists_of(200),
    "set": sets_of(10**9),
    "sets of 10": sets_of(10),
    "sorted set": sorted_sets_of(10**9),
    "sorted sets of 10": sorted_sets_of(10),
    "sorted sets of 1000": sorted_sets_of(1000),
    "hash": hashes_of(10**9),
    "hashes of 300": hashes_of(300),
    "stream": entries,
    "mixed": mixed,
}


def free_port():
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def connect(port):
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


def wait_until_loaded(port):
    with closing(connect(port)) as client:
        while True:
            client.sendall(b"PING\r\n")
            if client.recv(100).startswith(b"+PONG"):
                return
            time.sleep(0.05)


def run_all(port, commands):
    """Send all commands, so many at a time."""
    with closing(connect(port)) as client, client.makefile("rb") as replies:
        batch = []
        for command in commands:
            batch.append(encode(command))
            if len(batch) == BATCH:
                client.sendall(b"".join(batch))
                _read(replies, len(batch))
                batch.clear()
        client.sendall(b"".join(batch))
        _read(replies, len(batch))


def _read(replies, count):
    while count:
        line = replies.readline()
        assert line[:1] != b"-", line
        if line[:1] == b"$" and line != b"$-1\r\n":
            replies.read(int(line[1:]) + 2)
        elif line[:1] == b"*":
            count += int(line[1:])
        count -= 1


def resident(process):
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def settled(process):
    """Return what a process holds when it has held no less for some seconds."""
    least, since = resident(process), time.monotonic()
    while time.monotonic() - since < STILL_SECONDS:
        time.sleep(0.2)
        now = resident(process)
        if now < least - 100_000:
            least, since = now, time.monotonic()
    return least


def measure(command, commands):
    """Return how many bytes a server holds more for having run some commands."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="joblog-") as home:
        words = shlex.split(command.format(port=port, dir=home))
        process = subprocess.Popen(words, cwd=Path.cwd(), stdout=subprocess.DEVNULL)
        try:
            wait_until_loaded(port)
            before = resident(process)
            run_all(port, commands)
            return settled(process) - before
        finally:
            process.terminate()
            process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--ours", default=OURS)
    parser.add_argument("--peer", default=PEER)
    options = parser.parse_args()
    for row in options.rows:
        count = options.items * 5 // 2 if row == "mixed" else options.items
        ours, theirs = (
            measure(command, ROWS[row](count)) / count
            for command in (options.ours, options.peer)
        )
        sys.stdout.write(f"{row:<20} {ours:7.1f} {theirs:7.1f} {ours / theirs:6.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
