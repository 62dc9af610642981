"""A queue under load for a long time: nothing is lost, and nothing grows.

    python -m tests.crash.soak --minutes 60

Producers put jobs into a list by a script; workers move them to a list of their own
with a blocking command, and finish them in a transaction. Beside them locks expire,
jobs are scheduled, clients wait in vain, segments are sealed, packed and pruned,
snapshots are made, and every now and then the server is killed with SIGKILL. Hostile
clients of every kind (`tests.fuzz`) are there all the time.

A job is in one place at any time: the queue, a worker's list, or the finished ones,
from which it goes after a while. After each kill every job that was acknowledged is
looked for. For the last third of the time the server lives on, and is killed at its
end. Memory and open files are compared with those of the first rounds, and in that long
life with those of its beginning. Exit status 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.storage.filesystem import FileSystem
from joblog.storage.verify import verify_log
from tests.fuzz.background import HostileClients
from tests.fuzz.playing import serving
from tests.parity.wire import Connection, encode, parse
from tests.support.folding import live_digest
from tests.support.servers import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

PRODUCERS, WORKERS, IDLE = 2, 4, 20
ROUND_SECONDS = 20.0
LONG_SECONDS = 60.0
LONG_SHARE = 1 / 3
FILES_MORE_MAX = 80
"""Hostile clients have some tens of connections open, now more and now less."""
SETTINGS = (
    *("--appendfsync", "everysec", "--segment-bytes-max", "2000000"),
    *("--log-retention-bytes", "12000000", "--log-compression", "zlib"),
    *("--save", "5 2000", "--proto-max-bulk-len", "8mb"),
)
ENQUEUE = """
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('HINCRBY', 'counters', 'enqueued', 1)
redis.call('ZADD', 'due', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', 'due', 0, -500)
return 1
"""


class SoakError(Exception):
    """Something was lost, or grew."""


class Load:
    """Producers, workers and others, until the server is gone or told to stop."""

    def __init__(self, server: ServerProcess, port: int) -> None:
        self._server = server
        self.hostile = HostileClients(server, port)
        self._lock = threading.Lock()
        self._next = 0
        self.open_jobs: set[bytes] = set()
        self.unsure: set[bytes] = set()
        self.leaving: set[bytes] = set()
        self.acknowledged = self.finished = 0
        self.snapshots = self.last_seq = 0
        self.first_seq = 1
        self.is_stopping = False

    def run_round(self, seconds: float) -> None:
        """Load the server for a while, then kill it."""
        self.is_stopping = False
        targets = [self._produce] * PRODUCERS
        targets += [self._lock_and_let_expire, self._put_aside_finished]
        threads = [threading.Thread(target=target) for target in targets]
        threads += [
            threading.Thread(target=self._work, args=(number,))
            for number in range(WORKERS)
        ]
        idle = [self._server.connect() for _ in range(IDLE)]
        for number, connection in enumerate(idle):
            connection.send(encode(["BLPOP", f"never:{number}", "0"]))
        for thread in threads:
            thread.start()
        self.hostile.begin()
        sizes = self._watch(seconds)
        self.memory, self.files = sizes[-1]
        self._read_info()
        self.hostile.expect_a_kill()
        self._server.kill()
        for thread in threads:
            thread.join()
        self.hostile.end()
        if self.hostile.findings:
            raise SoakError(self.hostile.findings[0])
        for connection in idle:
            connection.close()
        if seconds >= LONG_SECONDS:
            begun = len(sizes) // 4  # what is there at first is still made
            memories, files = zip(*sizes[begun:], strict=True)
            require_flat(memories, files)

    def _watch(self, seconds: float) -> list[tuple[int, int]]:
        """Let time pass; return memory in KiB and open files, about once a second."""
        ends = time.monotonic() + seconds
        sizes = []
        while (left := ends - time.monotonic()) > 0 or not sizes:
            time.sleep(max(min(left, 1.0), 0.0))
            self._give_back()
            sizes.append((_memory(self._server), _open_files(self._server)))
        return sizes

    def _give_back(self) -> None:
        """Have the C library keep nothing of what hostile clients made the server free.

        What it keeps goes up and down by some hundred megabytes, and is not used.
        """
        connection = self._server.connect()
        connection.ask("MEMORY", "PURGE")
        connection.close()

    def _read_info(self) -> None:
        """Note what the log and its snapshots have come to."""
        connection = self._server.connect()
        text = connection.ask("INFO", "persistence").decode()
        connection.close()
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        self.snapshots += int(fields["rdb_saves"])
        self.last_seq = int(fields.get("log_last_seq", self.last_seq))
        self.first_seq = int(fields.get("log_first_seq", self.first_seq))

    def _produce(self) -> None:
        connection = self._server.connect()
        while not connection.is_closed:
            with self._lock:
                self._next += 1
                job = b"job:%d:%b" % (self._next, b"x" * 80)
                self.unsure.add(job)
            due = random.random() * 1e9
            reply = connection.ask("EVAL", ENQUEUE, "1", "queue", job, due)
            if reply != b":1\r\n":
                break
            with self._lock:
                self.acknowledged += 1
                if job in self.unsure:  # else it is finished and put aside already
                    self.unsure.discard(job)
                    self.open_jobs.add(job)
            time.sleep(0.002)
        connection.close()

    def _work(self, number: int) -> None:
        connection = self._server.connect()
        mine = f"active:{number}"
        while not connection.is_closed:
            reply = connection.ask("BLMOVE", "queue", mine, "RIGHT", "LEFT", "1")
            if reply.startswith(b"$"):
                job = parse(reply).data
                commands = [
                    ["MULTI"],
                    ["LREM", mine, "1", job],
                    ["SADD", "finished", job],
                    ["HINCRBY", "counters", "finished", "1"],
                    ["EXEC"],
                ]
                connection.send(b"".join(map(encode, commands)))
                for _ in commands:
                    reply = connection.read()
            elif not reply.startswith(b"*-1"):
                break
        connection.close()

    def _put_aside_finished(self) -> None:
        connection = self._server.connect()
        while not connection.is_closed:
            reply = connection.ask("SRANDMEMBER", "finished", "500")
            if not reply.startswith(b"*"):
                break
            jobs = {item.data for item in parse(reply).items}
            with self._lock:
                self.leaving |= jobs
            if jobs and not connection.ask("SREM", "finished", *jobs).startswith(b":"):
                break
            with self._lock:
                self.leaving -= jobs
                self.open_jobs -= jobs
                self.unsure -= jobs
                self.finished += len(jobs)
            time.sleep(0.1)
        connection.close()

    def _lock_and_let_expire(self) -> None:
        connection = self._server.connect()
        number = 0
        while not connection.is_closed:
            number += 1
            connection.ask("SET", f"lock:{number % 100}", number, "NX", "PX", "40")
            connection.ask("HSET", f"lease:{number % 20}", "worker", number)
            connection.ask(
                "HPEXPIRE", f"lease:{number % 20}", "60", "FIELDS", "1", "worker"
            )
            time.sleep(0.003)
        connection.close()

    def settle(self) -> None:
        """Look for every job after a restart, and put aside those that are finished.

        Raises:
            SoakError: one is lost, or in two places.
        """
        connection = self._server.connect()
        lists = ["queue", *(f"active:{number}" for number in range(WORKERS))]
        places = [_list(connection, "LRANGE", name, "0", "-1") for name in lists]
        places.append(_list(connection, "SMEMBERS", "finished"))
        found: set[bytes] = set()
        for jobs in places:
            if len(set(jobs)) != len(jobs) or found & set(jobs):
                raise SoakError("a job is in two places")
            found |= set(jobs)
        lost = self.open_jobs - found - self.leaving
        if lost:
            raise SoakError(
                f"{len(lost)} acknowledged jobs are lost: {min(lost)[:20]!r}"
            )
        unknown = found - self.open_jobs - self.unsure
        if unknown:
            raise SoakError(f"{len(unknown)} jobs came from nowhere")
        finished = places[-1]
        for start in range(0, len(finished), 500):
            connection.ask("SREM", "finished", *finished[start : start + 500])
        self.open_jobs = found - set(finished)
        self.finished += len(finished) + len(self.leaving - found)
        self.unsure.clear()
        self.leaving.clear()
        for number in range(WORKERS):  # what a killed worker had goes back
            while (
                connection.ask(
                    "LMOVE", f"active:{number}", "queue", "RIGHT", "RIGHT"
                ).startswith(b"$")
                and not connection.is_closed
            ):
                if connection.ask("LLEN", f"active:{number}") == b":0\r\n":
                    break
        connection.close()


def require_flat(memories: Sequence[int], files: Sequence[int]) -> None:
    """Compare the last quarter of some figures with the first.

    Args:
        memories: resident memory in KiB, in the order of time.
        files: numbers of open files.

    Raises:
        SoakError: one of them has grown.
    """
    few = max(len(memories) // 4, 1)
    first, last = statistics.median(memories[:few]), statistics.median(memories[-few:])
    if last > 1.3 * first + 20_000:
        raise SoakError(f"memory has grown from {first:,.0f} to {last:,.0f} KiB")
    first, last = statistics.median(files[:few]), statistics.median(files[-few:])
    if last > first + FILES_MORE_MAX:
        raise SoakError(f"open files have grown from {first:.0f} to {last:.0f}")


def _list(connection: Connection, *words: str) -> list[bytes]:
    return [item.data for item in parse(connection.ask(*words)).items]


def _memory(server: ServerProcess) -> int:
    """Return the server's resident memory in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def _open_files(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def soak(minutes: float, round_seconds: float) -> None:
    """Run rounds for some minutes.

    Raises:
        SoakError: something was lost, or grew.
    """
    memories: list[int] = []
    files: list[int] = []
    ends = time.monotonic() + minutes * 60
    with serving(*SETTINGS) as (server, port):
        load = Load(server, port)
        while not memories or time.monotonic() < ends:
            left = ends - time.monotonic()
            is_long = left < minutes * 60 * LONG_SHARE
            load.run_round(max(left, round_seconds) if is_long else round_seconds)
            memories.append(load.memory)
            files.append(load.files)
            server.start()
            load.settle()
            print(  # noqa: T201 - it runs by hand and in CI
                f"round {len(memories)}: {load.acknowledged:,} jobs, "
                f"{load.finished:,} finished, {memories[-1]:,} KiB, "
                f"{files[-1]} open files",
                flush=True,
            )
        report = verify_log(server.folder, filesystem=FileSystem())
        if report.damage:
            raise SoakError(f"the log is damaged: {report.damage[0]}")
        if not live_digest(server):
            raise SoakError("the server has no digest")
        print(  # noqa: T201 - as above
            f"{len(memories)} kills, {load.snapshots} snapshots, "
            f"{load.last_seq:,} records, of which {load.first_seq - 1:,} are pruned; "
            f"{load.hostile.played:,} cases of hostile clients",
            flush=True,
        )
    require_flat(memories, files)


def main() -> int:
    """Soak as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    options = parser.parse_args()
    try:
        soak(options.minutes, options.round_seconds)
    except SoakError as error:
        print(f"soak: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print("soak: nothing was lost, nothing grew")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
