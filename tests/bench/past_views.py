"""What others notice of a view of the past: `python -m tests.bench.past_views`.

One client asks PING and SET in turn, first alone and then while others open moments of
a log of many records; so does the same on any joblog whose tree is given.

    python -m tests.bench.past_views [--records N] [--keys N] [--views N] [--tree DIR]
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

QUIET_SECONDS = 5.0
START_SECONDS = 60.0
LEFT_SECONDS = 2.0
BATCH = 1000


class Client:
    """One connection that reads replies of one line."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")

    def ask(self, line):
        self._socket.sendall(line + b"\r\n")
        return self._file.readline()

    def ask_all(self, lines):
        self._socket.sendall(b"".join(line + b"\r\n" for line in lines))
        for _ in lines:
            self._file.readline()

    def close(self):
        self._file.close()
        self._socket.close()


def measure(path, is_over):
    """Return how long PING and SET took, in ms, until something is over."""
    took = []
    with closing(Client(path)) as client:
        while not is_over():
            for line in (b"PING", b"SET other x"):
                start = time.perf_counter()
                client.ask(line)
                took.append((time.perf_counter() - start) * 1000)
    return sorted(took)


def report(name, took):
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    sys.stdout.write(
        f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {took[-1]:.2f} ms" + "\n"
    )


def megabytes(process):
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096 / 1024 / 1024


def fill(path, records, keys):
    with closing(Client(path)) as client:
        for start in range(0, records, BATCH):
            client.ask_all(
                [
                    b"SET key:%d %050d" % (number % keys, number)
                    for number in range(start, start + BATCH)
                ]
            )


def open_views(path, records, views, opened):
    clients = []
    for number in range(views):
        client = Client(path)
        clients.append(client)
        start = time.perf_counter()
        reply = client.ask(b"CLIENT AT @%d" % (records - number))
        opened.append((time.perf_counter() - start, reply))
    return clients


def run(options, home):
    path = f"{home}/s"
    command = [options.python, "-m", "joblog", "--port", "0", "--unixsocket", path]
    command += ["--save", "", "--dir", f"{home}/data", "--loglevel", "warning"]
    process = subprocess.Popen(command, cwd=options.tree)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not Path(path).exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fill(path, options.records, options.keys)
        sys.stdout.write(f"the server holds {megabytes(process):.0f} MiB" + "\n")
        until = time.monotonic() + QUIET_SECONDS
        report("alone", measure(path, lambda: time.monotonic() > until))
        opened, clients = [], []
        opening = threading.Thread(
            target=lambda: clients.extend(
                open_views(path, options.records, options.views, opened)
            )
        )
        opening.start()
        report("meanwhile", measure(path, lambda: not opening.is_alive()))
        for seconds, reply in opened:
            sys.stdout.write(
                f"opened in {seconds:.1f} s: {reply.decode().strip()}" + "\n"
            )
        sys.stdout.write(f"the server holds {megabytes(process):.0f} MiB" + "\n")
        for client in clients:
            client.close()
        time.sleep(LEFT_SECONDS)
        sys.stdout.write(
            f"the server holds {megabytes(process):.0f} MiB when all have left" + "\n"
        )
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--tree", default=".")
    parser.add_argument("--python", default=sys.executable)
    with tempfile.TemporaryDirectory(prefix="joblog-") as home:
        run(parser.parse_args(), home)
