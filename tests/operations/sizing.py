"""What data takes: of the log's disk, of memory, of a snapshot, of the child's memory.

`python -m tests.operations.sizing [KEYS]` prints the table of docs/operations.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.frame import FRAME_HEAD_BYTES
from joblog.storage.segment import SegmentReader
from tests.parity.wire import encode
from tests.support.servers import ROOT, ServerProcess, start_joblog

KEYS = 100_000
LIBRARIES = ("rq", "celery", "asynq", "saq", "arq", "sidekiq")
_BATCH = 500
_SECONDS = 600.0


class Workload(NamedTuple):
    """Something that is written again and again.

    Attributes:
        name: what the table calls it.
        command: the n-th write, which adds a key or an element.
    """

    name: str
    command: Callable[[int], list[bytes]]


class Size(NamedTuple):
    """What one write, and what it adds, takes.

    Attributes:
        log_bytes: of the log.
        memory_bytes: of the server's memory.
        snapshot_bytes: of a snapshot.
        child_share: the memory of the snapshot's child, for one byte of the server's.
    """

    log_bytes: float
    memory_bytes: float
    snapshot_bytes: float
    child_share: float


def _string(number: int) -> list[bytes]:
    return [b"SET", b"session:%012d" % number, b"%0100d" % number]


def _element(number: int) -> list[bytes]:
    return [b"LPUSH", b"queue", b"%0200d" % number]


def _hash(number: int) -> list[bytes]:
    fields = (b"created_at", b"data", b"description", b"origin", b"status", b"timeout")
    pairs = [part for name in fields for part in (name, b"%030d" % number)]
    return [b"HSET", b"rq:job:%012d" % number, *pairs]


def _member(number: int) -> list[bytes]:
    return [b"ZADD", b"delayed", b"%d" % number, b"job:%012d" % number]


def _entry(number: int) -> list[bytes]:
    return [b"XADD", b"events", b"*", b"id", b"%012d" % number, b"state", b"done"]


WORKLOADS = (
    Workload("string of 100 bytes under a key of 20", _string),
    Workload("element of 200 bytes in a list", _element),
    Workload("hash of 6 fields of 30 bytes (a job)", _hash),
    Workload("member of 16 bytes in a sorted set", _member),
    Workload("stream entry of 2 fields", _entry),
)


def measure(workload: Workload, keys: int) -> Size:
    """Write so often, make a snapshot, and see what that took."""
    with start_joblog("--appendfsync", "no") as server:
        connection = server.connect()
        connection._socket.settimeout(_SECONDS)
        memory = _resident(server.process.pid, "VmRSS")
        log = _size(server.folder / "log")
        for batch in _batches(workload, keys):
            connection.send(b"".join(map(encode, batch)))
            for _ in batch:
                assert not connection.read().startswith(b"-")
        memory = _resident(server.process.pid, "VmRSS") - memory
        log = _size(server.folder / "log") - log
        own = _resident(server.process.pid, "VmRSS")
        child = _save(server)
        snapshot = _size(server.folder / "snapshots")
        return Size(log / keys, memory / keys, snapshot / keys, child / own)


def _batches(workload: Workload, keys: int) -> Iterator[list[list[bytes]]]:
    for start in range(0, keys, _BATCH):
        yield [workload.command(n) for n in range(start, min(start + _BATCH, keys))]


def _save(server: ServerProcess) -> int:
    """Have a snapshot made; return the most memory that its process had."""
    connection = server.connect()
    connection._socket.settimeout(0.02)
    connection.send(encode([b"SAVE"]))
    most = 0
    while True:
        for pid in _children(server.process.pid):
            most = max(most, _resident(pid, "VmHWM"))
        reply = connection.read()
        if reply == b"+OK\r\n":
            return most
        assert reply == b"<no reply>"


def _children(pid: int) -> list[int]:
    words = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        words += (task / "children").read_text().split()
    return list(map(int, words))


def _resident(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(found[0]) * 1024 if found else 0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def measure_job(library: str) -> tuple[int, int]:
    """Return how many records name a job that went well, and how long they are."""
    history = ROOT / "tests" / "data" / "histories" / library
    job = json.loads((history / "jobs.json").read_text())["normal"].encode()
    records = size = 0
    folder = LogFolder(history / "data", FileSystem())
    for first_seq in folder.find_segments():
        reader = SegmentReader(FileSystem(), folder.segment_path(first_seq))
        while payloads := reader.read_payloads():
            found = [len(payload) for payload in payloads if job in payload]
            records += len(found)
            size += sum(found) + FRAME_HEAD_BYTES * len(found)
        reader.close()
    return records, size


def row(workload: Workload, size: Size) -> str:
    """Return the row of a workload, as the page has it."""
    numbers = f"{size.log_bytes:.0f} | {size.memory_bytes:.0f} | "
    numbers += f"{size.snapshot_bytes:.0f} | {size.child_share:.1f}"
    return f"| {workload.name} | {numbers} |"


def main() -> None:
    """Print the tables."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else KEYS
    for workload in WORKLOADS:
        sys.stdout.write(row(workload, measure(workload, keys)) + "\n")
        sys.stdout.flush()
    for library in LIBRARIES:
        records, size = measure_job(library)
        sys.stdout.write(f"| {library} | {records} | {size} |\n")


if __name__ == "__main__":
    main()
