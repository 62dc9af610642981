"""What a replica costs its master: `python -m tests.bench.leading [NAME=VALUE ...]`.

redis-server and joblog are masters in turn, each of one redis-server:

    SET P=1, P=16   requests a second, without a replica and with one
    dataset         seconds from REPLICAOF until the replica is up
    p99             of a SET beside it, before and while the dataset is made and sent

Names, and what they are where not given: `keys` (1000000; of the dataset), `requests`
(200000; at P=1, and four times as many at P=16), and `joblog` (this tree's; the
program to start).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.replica_sync import fill
from tests.replication.pairs import fields
from tests.support.processes import free_port
from tests.support.servers import ServerProcess, require_program, start_redis

_SETTINGS = {"keys": "1000000", "requests": "200000"}
_SHARE = 0.99
_BEFORE_SECONDS = 5.0


def main(words: list[str]) -> None:
    settings = _SETTINGS | dict(word.split("=", 1) for word in words)
    joblog = settings.get("joblog", str(Path(sys.executable).parent / "joblog"))
    masters = {
        "redis": [require_program("redis-server")],
        "joblog": [joblog, "--loglevel", "warning"],
    }
    for name, program in masters.items():
        with ExitStack() as stack:
            port = str(free_port())
            options = ("--port", port, "--repl-diskless-sync-delay", "0")
            limit = ("--client-output-buffer-limit", "replica 0 0 0")
            server = ServerProcess(name, program, *options, *limit)
            told = _lead(stack.enter_context(server), port, settings)
        sys.stdout.write(f"{name:8}" + "  ".join(told) + "\n")
        sys.stdout.flush()


def _lead(server: ServerProcess, port: str, settings: dict[str, str]) -> list[str]:
    requests, told = int(settings["requests"]), []
    alone = {depth: _measure(server, depth, requests) for depth in (1, 16)}
    with start_redis("--replicaof", f"127.0.0.1 {port}") as replica:
        _wait_until_up(replica)
        for depth, before in alone.items():
            after = _measure(server, depth, requests)
            share = after / before
            told.append(f"SET P={depth} {before:.0f} {after:.0f} ({share:.2f})")
    fill(server.connect(), int(settings["keys"]))
    with start_redis() as replica:
        before = _delays(server, lambda: time.sleep(_BEFORE_SECONDS))
        started = time.perf_counter()

        def follow() -> None:
            replica.connect().ask("REPLICAOF", "127.0.0.1", port)
            _wait_until_up(replica)

        meanwhile = _delays(server, follow)
        told.append(f"dataset {time.perf_counter() - started:.2f} s")
    told.append(f"p99 {before:.2f} ms, meanwhile {meanwhile:.2f} ms")
    return told


def _measure(server: ServerProcess, depth: int, requests: int) -> float:
    """Return how many SETs a second redis-benchmark counts."""
    count = requests if depth == 1 else 4 * requests
    words = ["-s", server.path, "-P", str(depth), "-n", str(count), "-r", "100000"]
    done = subprocess.run(
        [require_program("redis-benchmark"), *words, "-t", "set", "--csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1].split(",")[1].strip('"'))


def _wait_until_up(replica: ServerProcess) -> None:
    client = replica.connect()
    while True:
        told = fields(client.ask("INFO", "replication"))
        if told.get("master_link_status") == "up":
            return
        time.sleep(0.005)


def _delays(server: ServerProcess, run) -> float:
    """Return the p99 of SETs one behind the other while something runs, in ms."""
    client, seconds, is_over = server.connect(), [], threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            started = time.perf_counter()
            client.ask("SET", "beside", 1)
            seconds.append(time.perf_counter() - started)
            time.sleep(0.0005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        run()
    finally:
        is_over.set()
        thread.join()
    return sorted(seconds)[int(len(seconds) * _SHARE)] * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
