"""What scripts cost without sockets and log: `make bench ARGS="-k scripts"`.

The first row is a script that does nothing; a row below is what its one line adds to a
script. Processor time, the least of several rounds, so that load matters little.
"""

import sys
import time

from joblog.app.config import Config
from joblog.app.engine.engine import Engine

ROUNDS, RUNS, LINES = 15, 20, 10

SET_UP = (
    "redis.call('SET', 's', 'value') redis.call('RPUSH', 'l', 'a', 'b')"
    "redis.call('HSET', 'h', 'state', 'ready', 'n', 1)"
    "redis.call('ZADD', 'z', 1, 'm', 2, 'n')"
)
JOB = (
    "local job = {id = '1234567890', name = 'mail', ts = 1700000000000, tries = 3,"
    "opts = {delay = 0, attempts = 3, backoff = {type = 'fixed', delay = 1000}},"
    "data = {to = 'somebody@example.org', body = ('x'):rep(100)}}"
    "local text, packed = cjson.encode(job), cmsgpack.pack(job) "
)
CASES = {
    "GET": "redis.call('GET', 's')",
    "SET": "redis.call('SET', 's', 'value')",
    "LPUSH and RPOP": "redis.call('LPUSH', 'l', 'x') redis.call('RPOP', 'l')",
    "HSET of 1": "redis.call('HSET', 'h', 'state', 'ready')",
    "HSET of 3": "redis.call('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')",
    "HMGET of 2": "redis.call('HMGET', 'h', 'state', 'none')",
    "HINCRBY": "redis.call('HINCRBY', 'h', 'n', 1)",
    "ZADD and ZPOPMIN": "redis.call('ZADD', 'p', 5, 'm') redis.call('ZPOPMIN', 'p')",
    "ZSCORE": "redis.call('ZSCORE', 'z', 'm')",
    "ZRANGEBYSCORE": "redis.call('ZRANGEBYSCORE', 'z', 0, 9, 'LIMIT', 0, 1)",
    "cjson.encode": "local _ = cjson.encode(job)",
    "cjson.decode": "local _ = cjson.decode(text)",
    "cmsgpack.pack": "local _ = cmsgpack.pack(job)",
    "cmsgpack.unpack": "local _ = cmsgpack.unpack(packed)",
}


def microseconds(engine, session, line, lines):
    """Return what a script with so many equal lines takes."""
    source = f"{JOB} for _ = 1, {lines} do {line} end".encode()
    commands = [[b"EVAL", source, b"0"]] * RUNS
    least = float("inf")
    for _ in range(ROUNDS):
        start = time.thread_time()
        engine.run(session, commands)
        least = min(least, time.thread_time() - start)
        engine.outbox.entries.clear()
    return least / RUNS * 1e6


def test_scripts(capsys):
    engine = Engine(Config())
    session = engine.clients.open(1)
    engine.run(session, [[b"EVAL", SET_UP.encode(), b"0"]])

    nothing = microseconds(engine, session, "", LINES)
    rows = {
        name: (microseconds(engine, session, line, LINES) - nothing) / LINES
        for name, line in CASES.items()
    }

    with capsys.disabled():
        sys.stdout.write(f"\na script that makes one job: {nothing:.2f} us\n")
        for name, each in rows.items():
            sys.stdout.write(f"{name:18}{each:8.2f} us\n")
