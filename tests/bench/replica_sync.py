"""What it takes to follow a Redis: `python -m tests.bench.replica_sync [NAME=N ...]`.

A redis-server is filled, then followed by another redis-server and by joblog, each by
itself. For each:

    dataset    seconds from REPLICAOF until the link is up
    MiB        what the process holds then
    PING ms    the longest that a client of the replica waited meanwhile
    catching   seconds until as many records had come that were written while it was
               away, and how many of them a second

Names, and what they are where not given: `keys` (1000000; strings, hashes of 5 fields,
lists of 3 jobs), `large` (0; elements of a hash, a list, a set, a sorted set and a
stream besides), `text` (0; MiB of one more string), `records` (200000), and `joblog`
(this tree's; the program to start).
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.replication.pairs import fields
from tests.support.cutting import CuttingRelay
from tests.support.servers import ServerProcess, start_redis

_KEYS = """
for n = ARGV[1], ARGV[2] do
  redis.call('SET', 's:' .. n, ('x'):rep(n % 100))
  redis.call('HSET', 'h:' .. n, 'name', 'mail', 'data', '{"to":' .. n .. '}',
             'timestamp', 1700000000000 + n, 'delay', 0, 'opts', '{"attempts":3}')
  redis.call('RPUSH', 'l:' .. n, 'job:' .. n, 'job:' .. n + 1, 'job:' .. n + 2)
end"""
_LARGE = """
for n = ARGV[1], ARGV[2] do
  redis.call('HSET', 'hash', 'field' .. n, n) redis.call('RPUSH', 'list', 'job:' .. n)
  redis.call('SADD', 'set', 'member' .. n) redis.call('ZADD', 'zset', n, 'm' .. n)
  redis.call('XADD', 'stream', '1-' .. n, 'data', 'job:' .. n)
end"""
_TEXT = """
local words = {}
for n = 1, 90000 do words[n] = 'word ' .. n % 977 .. ' of many' end
local text = table.concat(words, ' '):sub(1, 1024 * 1024)
for _ = 1, ARGV[1] do redis.call('APPEND', 'text', text) end"""
_PORTION = 1000
_SETTINGS = {"keys": "1000000", "large": "0", "text": "0", "records": "200000"}


def main(words: list[str]) -> None:
    settings = _SETTINGS | dict(word.split("=", 1) for word in words)
    limits = ("--client-output-buffer-limit", "replica 0 0 0")
    with start_redis("--repl-diskless-sync-delay", "0", *limits) as master:
        client = master.connect()
        client.ask("CONFIG", "SET", "repl-backlog-size", 1 << 30)
        fill(client, int(settings["keys"]))
        _run(client, _LARGE, int(settings["large"]))
        if int(settings["text"]):
            client.ask("EVAL", _TEXT, 0, settings["text"])
        joblog = settings.get("joblog", str(Path(sys.executable).parent / "joblog"))
        for name, start in (
            ("redis", start_redis),
            ("joblog", lambda: ServerProcess("joblog", [joblog])),
        ):
            with CuttingRelay(master.path) as relay, start() as replica:
                told = _follow(replica, relay, client, int(settings["records"]))
            sys.stdout.write(f"{name:8}" + "  ".join(told) + "\n")


def fill(client, keys):
    """Write so many keys: strings, hashes and lists by turns."""
    _run(client, _KEYS, keys // 3)


def _run(client, script, count):
    for first in range(1, count + 1, _PORTION):
        reply = client.ask("EVAL", script, 0, first, min(first + _PORTION - 1, count))
        assert not reply.startswith(b"-"), reply


def _follow(replica, relay, client, records):
    asked = replica.connect()
    longest = Longest(replica)
    started = time.perf_counter()
    asked.ask("REPLICAOF", "127.0.0.1", relay.port)
    _wait_until_up(asked)
    seconds = time.perf_counter() - started
    wait_ms = longest.stop()
    held = _resident_mib(replica.process.pid)
    relay.shut(is_shut=True)
    script = "for n = 1, ARGV[1] do redis.call('INCR', 'c:' .. n % 100) end"
    for _ in range(records // _PORTION):
        client.ask("EVAL", script, 0, _PORTION)
    offset = int(fields(client.ask("INFO", "replication"))["master_repl_offset"])
    started = time.perf_counter()
    relay.shut(is_shut=False)
    while _offset(asked) < offset:
        time.sleep(0.005)
    caught = time.perf_counter() - started
    assert fields(client.ask("INFO", "stats"))["sync_partial_ok"] != "0"
    return (
        f"dataset {seconds:6.2f} s",
        f"{held:6.0f} MiB",
        f"PING {wait_ms:6.1f} ms",
        f"catching {caught:6.2f} s, {records / caught:8.0f} records/s",
    )


def _offset(asked):
    return int(fields(asked.ask("INFO", "replication"))["slave_repl_offset"])


def _wait_until_up(asked):
    while True:
        told = fields(asked.ask("INFO", "replication"))
        if told.get("master_link_status") == "up":
            return
        time.sleep(0.005)


def _resident_mib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    return int(kib) / 1024


class Longest:
    """Asks PING over and over, in a thread; a server that loads may say so."""

    def __init__(self, server) -> None:
        self._client = server.connect()
        self._is_over = False
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self):
        while not self._is_over:
            started = time.perf_counter()
            self._client.ask("PING")
            self._seconds = max(self._seconds, time.perf_counter() - started)
            time.sleep(0.0005)

    def stop(self) -> float:
        """Return the longest, in milliseconds."""
        self._is_over = True
        self._thread.join()
        return self._seconds * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
