"""Starts beside redis-server, and a snapshot's child: `python -m tests.bench.start`.

Both servers run the same mixed commands (`tests.bench.memory`, row `mixed`), Redis's
with an AOF. Then each is started some times on what it has written, and the processor
time is taken until it answers; ours from the log alone, and from a snapshot. What the
child that makes this holds at the most is told beside what the server holds.

    python -m tests.bench.start [--commands N] [--rounds N] [--ours ...] [--peer ...]
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from tests.bench.memory import (
    OURS,
    PEER,
    connect,
    encode,
    free_port,
    mixed,
    run_all,
    settled,
    wait_until_loaded,
)

PEER_AOF = f"{PEER} --appendonly yes --auto-aof-rewrite-percentage 0"
KIB = 1024


@contextmanager
def running(command, home):
    """Start a server, and yield its process and port once it has loaded."""
    port = free_port()
    words = shlex.split(command.format(port=port, dir=home))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        wait_until_loaded(port)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def processor_seconds(process):
    words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")


def start_seconds(command, home, rounds):
    seconds = []
    for _ in range(rounds):
        with running(command, home) as (process, _):
            seconds.append(processor_seconds(process))
    return median(seconds)


def most_of_children(process):
    """Return the most memory that a child of a process has had."""
    most = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
            most = max([most, *(int(kib) * KIB for kib in found)])
    return most


def child_bytes(process, port):
    """Have a snapshot made; return the most memory that its process had."""
    with closing(connect(port)) as client:
        client.sendall(encode([b"SAVE"]))
        client.settimeout(0.02)
        most = 0
        while True:
            most = max(most, most_of_children(process))
            try:
                assert client.recv(100) == b"+OK\r\n"
            except TimeoutError:
                continue
            return most


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", type=int, default=2_500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", default=OURS)
    parser.add_argument("--peer", default=PEER_AOF)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="joblog-") as folder:
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        for command, home in ((options.ours, ours), (options.peer, theirs)):
            home.mkdir()
            with running(command, home) as (_, port):
                run_all(port, mixed(options.commands))
        aof = start_seconds(options.peer, theirs, options.rounds)
        log = start_seconds(options.ours, ours, options.rounds)
        with running(options.ours, ours) as (process, port):
            held = settled(process)
            child = child_bytes(process, port)
        snapshot = start_seconds(options.ours, ours, options.rounds)
    for name, value, other, unit in (
        ("log alone", log, aof, "s"),
        ("with a snapshot", snapshot, aof, "s"),
        ("the snapshot's child", child / 2**20, held / 2**20, "MiB"),
    ):
        line = f"{name:<20} {value:7.2f} {other:7.2f} {value / other:6.2f} {unit}\n"
        sys.stdout.write(line)


if __name__ == "__main__":
    main()
