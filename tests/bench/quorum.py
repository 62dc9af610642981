"""Writes that a quorum has: `python -m tests.bench.quorum [NAME=VALUE ...]`.

joblog over three nats-servers (R3, `sync_interval: always`), beside redis-server with
one replica whose clients send `WAIT 1 0` behind each batch, under `everysec` and under
`always`; in turn, on one machine:

    P=1, 50 clients    SETs of 100 bytes a second, p50 and p99 of a batch in ms
    P=16, 50 clients   the same in pipelines of 16
    P=1, one client    the same of one client

and of joblog alone:

    failover           the leader is killed, another stands by: seconds until the next
                       write is acknowledged, the median and the longest
    catching up        records a second that a start with an empty folder takes

Names: `seconds` (5, of each measurement), `rounds` (3), `failovers` (5), `records`
(200000). The load of the machine is told.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.parity.wire import encode
from tests.support.servers import ROOT, ServerProcess, start_joblog, start_redis
from tests.support.stores import Store
from tests.support.waiting import wait_until

_SETTINGS = {"seconds": "5", "rounds": "3", "failovers": "5", "records": "200000"}
_VALUE = b"v" * 100
_SHAPES = ((1, 50), (16, 50), (1, 1))
_OK, _ONE = b"+OK\r\n", b":1\r\n"
_LEASE = ("--log-store-lease", "3000")


def main(words: list[str]) -> None:
    settings = _SETTINGS | dict(word.split("=", 1) for word in words)
    seconds, rounds = float(settings["seconds"]), int(settings["rounds"])
    _tell(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with Store() as store:
        store.wait_until_whole()
        with (
            start_joblog("--log-store", store.address("BENCH")) as joblog,
            _pair("everysec") as (master, _),
            _pair("always") as (careful, _),
        ):
            for pipeline, clients in _SHAPES:
                rows: dict[str, list[tuple[float, float, float]]] = {}
                for _ in range(rounds):
                    for server in (joblog, master, careful):
                        batch = _batch(pipeline, waits=server is not joblog)
                        found = _drive(server, batch, clients, seconds)
                        rate, *times = found
                        row = (rate * pipeline, *times)
                        rows.setdefault(server.name, []).append(row)
                _tell_rows(f"P={pipeline}, clients {clients}", rows)
            joblog.stop()
        _fail_over(store, int(settings["failovers"]))
        _catch_up(store, int(settings["records"]))
    _tell(f"load of the machine {os.getloadavg()[0]:.1f}")


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _tell_rows(name: str, rows: dict[str, list[tuple[float, float, float]]]) -> None:
    told = []
    for server, found in rows.items():
        rate, middle, late = (
            statistics.median(one) for one in zip(*found, strict=True)
        )
        told.append(f"{server} {rate:,.0f}/s p50 {middle:.2f} p99 {late:.2f} ms")
    ours, *theirs = (
        statistics.median(one[0] for one in found) for found in rows.values()
    )
    times = ", ".join(f"{ours / one:.2f}" for one in theirs)
    _tell(f"{name}: {'; '.join(told)}; {times} times")


@contextlib.contextmanager
def _pair(policy: str) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Have one redis-server replicate another, both with a log of that policy."""
    options = ("--appendonly", "yes", "--appendfsync", policy)
    with start_redis(*options) as master, start_redis(*options) as replica:
        master.name = f"Redis {policy}"
        _follow(master, replica)
        yield master, replica


def _follow(master: ServerProcess, replica: ServerProcess) -> None:
    """Have a server replicate another, by a port of its choice."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert master.connect().ask("CONFIG", "SET", "port", port) == _OK
    assert replica.connect().ask("REPLICAOF", "127.0.0.1", port) == _OK
    client = master.connect()
    wait_until(
        lambda: client.ask("SET", "k", "v") and client.ask("WAIT", 1, 100) == _ONE
    )


def _batch(pipeline: int, *, waits: bool) -> tuple[bytes, int]:
    """Return a batch, and how long its answer is."""
    words = [encode(["SET", f"k{number}", _VALUE]) for number in range(pipeline)]
    size = len(_OK) * pipeline
    if waits:
        return b"".join([*words, encode(["WAIT", 1, 0])]), size + len(_ONE)
    return b"".join(words), size


def _drive(
    server: ServerProcess, batch: tuple[bytes, int], clients: int, seconds: float
) -> tuple[float, float, float]:
    """Return batches a second, and p50 and p99 of one in ms."""
    data, size = batch
    ready = selectors.DefaultSelector()
    sent, left = {}, {}
    for _ in range(clients):
        one = socket.socket(socket.AF_UNIX)
        one.connect(server.path)
        ready.register(one, selectors.EVENT_READ)
        sent[one], left[one] = time.perf_counter(), size
        one.sendall(data)
    took, ends = [], time.perf_counter() + seconds
    while (now := time.perf_counter()) < ends:
        for key, _ in ready.select(1):
            one = key.fileobj
            left[one] -= len(one.recv(size))
            if left[one] <= 0:
                now = time.perf_counter()
                took.append(now - sent[one])
                sent[one], left[one] = now, size
                one.sendall(data)
    for one in sent:
        one.close()
    took.sort()
    middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
    return len(took) / seconds, middle * 1000, late * 1000


def _fail_over(store: Store, count: int) -> None:
    """Kill who leads; another one stands by already."""
    address = store.address("FAILOVERS")
    gaps = []
    leader = start_joblog("--log-store", address, *_LEASE)
    for _ in range(count):
        client = leader.connect()
        assert client.ask("SET", "k", _VALUE) == _OK
        with _standing_by(address) as (process, path, log):
            wait_until(lambda log=log: "stands by" in _text(log))
            began = time.perf_counter()
            leader.kill()
            wait_until(lambda path=path: _is_written(path))
            gaps.append(time.perf_counter() - began)
            process.kill()
            process.wait()
        leader.start()
    leader.__exit__()
    _tell(
        f"failover: {statistics.median(gaps):.2f} s, longest {max(gaps):.2f} s of "
        f"{count} (lease 3 s)"
    )


class _standing_by:  # noqa: N801 - a context manager
    """A joblog that waits for the lease."""

    def __init__(self, address: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="joblog-")
        home = Path(self._home.name)
        data = home / "data"
        data.mkdir()
        self._path, self._log = str(home / "s"), home / "output"
        command = [sys.executable, "-m", "joblog", "--port", "0", "--dir", str(data)]
        command += ["--unixsocket", self._path, "--logfile", str(self._log)]
        self._process = subprocess.Popen(
            [*command, "--log-store", address, *_LEASE],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> tuple[subprocess.Popen[bytes], str, Path]:
        return self._process, self._path, self._log

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._home.cleanup()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _is_written(path: str) -> bool:
    """Say whether a write is acknowledged."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            client.sendall(encode(["SET", "k", "after"]))
            return client.recv(100) == _OK
    except OSError:
        return False


def _catch_up(store: Store, records: int) -> None:
    """Start with an empty folder, over a stream that is empty, and one that is not."""
    took = []
    for stream, count in (("EMPTY", 0), ("FULL", records)):
        address = store.address(stream)
        with start_joblog("--log-store", address) as writer:
            client = writer.connect()
            for _ in range(count // 1000):
                client.send(encode(["SET", "k", _VALUE]) * 1000)
                for _ in range(1000):
                    assert client.read() == _OK
            writer.stop()
        began = time.perf_counter()
        with start_joblog("--log-store", address):
            took.append(time.perf_counter() - began)
    rate = records / (took[1] - took[0])
    _tell(f"catching up: {rate:,.0f} records/s ({records:,} records)")


if __name__ == "__main__":
    main(sys.argv[1:])
