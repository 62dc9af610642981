"""How long others wait beside a greedy client: `make bench ARGS="-k fairness"`.

Each load of `tests.bench.greedy` is played against this server and redis-server in
turn, for some rounds. Meanwhile one client sends PING and another SET, half a
millisecond after the last answer, and note how long each answer took. Both servers
keep a log that is synced each second. A row is the median of the rounds;
FAIRNESS_ROUNDS and FAIRNESS_ROWS (a part of a row's name) in the environment choose.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.greedy import connect, loads, request
from tests.support.servers import cpu_ticks, start_joblog, start_redis

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.bench.greedy import Load
    from tests.support.servers import ServerProcess

ROUNDS = int(os.environ.get("FAIRNESS_ROUNDS", "3"))
ROWS = os.environ.get("FAIRNESS_ROWS", "")
PAUSE_SECONDS = 0.0005
REQUESTS = {"PING": request(b"PING"), "SET": request(b"SET", b"probe", b"value")}
SETTINGS = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxclients", "10000"]


class Waits(NamedTuple):
    """What one round of a load came to, in ms; `cpu` is the server's own."""

    ping_worst: float
    ping_p99: float
    set_worst: float
    set_p99: float
    cpu: float


def probe(path: str, data: bytes, control: Connection) -> None:
    """Send a request again and again until told to stop; tell how long each took."""
    client = connect(path)
    waits = []
    control.send("ready")
    while not control.poll():
        start = time.perf_counter()
        client.sendall(data)
        client.recv(64)
        waits.append((time.perf_counter() - start) * 1000)
        time.sleep(PAUSE_SECONDS)
    control.send(sorted(waits))


def measure(server: ServerProcess, load: Load) -> Waits:
    """Play a load once."""
    load.prepare(server.path)
    time.sleep(0.5)
    controls, children = [], []
    for data in REQUESTS.values():
        mine, theirs = multiprocessing.Pipe()
        child = multiprocessing.Process(target=probe, args=(server.path, data, theirs))
        child.start()
        assert mine.recv() == "ready"
        controls.append(mine)
        children.append(child)
    time.sleep(0.1)
    ticks = cpu_ticks(server)
    load.play(server.path)
    cpu = (cpu_ticks(server) - ticks) * 10.0
    figures = []
    for control, child in zip(controls, children, strict=True):
        control.send("stop")
        waits = control.recv()
        child.join()
        figures += [waits[-1], waits[len(waits) * 99 // 100]]
    return Waits(*figures, cpu)


def median(rounds: list[Waits]) -> Waits:
    """Return the median of each figure."""
    return Waits(*[statistics.median(figures) for figures in zip(*rounds, strict=True)])


def test_fairness(capsys):
    table = [load for load in loads() if ROWS in load.name]
    with capsys.disabled():
        sys.stdout.write(
            "\nms, ours / theirs = ratio\n"
            f"{'load':36}{'PING worst':>24}{'PING p99':>24}"
            f"{'SET worst':>24}{'cpu':>22}\n"
        )
        for load in table:
            ours, theirs = [], []
            for _ in range(ROUNDS):
                for start, rounds in ((start_joblog, ours), (start_redis, theirs)):
                    with start(*SETTINGS) as server:
                        rounds.append(measure(server, load))
            a, b = median(ours), median(theirs)
            sys.stdout.write(
                f"{load.name:36}{_pair(a.ping_worst, b.ping_worst):>24}"
                f"{_pair(a.ping_p99, b.ping_p99):>24}"
                f"{_pair(a.set_worst, b.set_worst):>24}{_pair(a.cpu, b.cpu):>22}\n"
            )
            sys.stdout.flush()


def _pair(ours: float, theirs: float) -> str:
    return f"{ours:.1f} / {theirs:.1f} = {ours / max(theirs, 0.1):.2f}"
