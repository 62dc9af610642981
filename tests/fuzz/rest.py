"""A rest: nobody hostile is connected, and the server must be as it was before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.door import Client
from tests.fuzz.findings import Finding
from tests.fuzz.watcher import DATABASE
from tests.support.servers import ServerProcess

SECONDS_MAX = 60.0
KIB_MORE_MAX = 48 * 1024
"""What came back at the last rest: 26 MiB more than at the first after a million cases,
once 35 after 56,000. What clients leave behind would grow with their number."""
FILES_MORE_MAX = 20
"""Sixteen places in the log are kept open for whoever reads on (LOG.READ); a seal, a
snapshot or a proof has a few open just then."""
TURNS_SECONDS = 0.2
"""Some turns of the server's upkeep."""


class Size(NamedTuple):
    """What a server has taken.

    Attributes:
        kib: resident memory in KiB.
        files: open files.
    """

    kib: int
    files: int


def size_of(server: ServerProcess) -> Size:
    """Return what a server takes now."""
    root = Path(f"/proc/{server.process.pid}")
    status = (root / "status").read_text()
    kib = int(status.split("VmRSS:")[1].split()[0])
    return Size(kib, len(list((root / "fd").iterdir())))


def clean_up(client: Client, others: int) -> None:
    """Delete what was left, and wait until only some clients are connected.

    Raises:
        Finding: there are more after a long time.
    """
    for database in range(DATABASE):
        client.ask("SELECT", database)
        client.ask("FLUSHDB")
    for words in (["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"], ["SLOWLOG", "RESET"]):
        client.ask(*words)
    deadline = time.monotonic() + SECONDS_MAX
    while (found := _clients(client)) > others + 1:
        if time.monotonic() > deadline:
            listed = client.ask("CLIENT", "LIST").decode(errors="replace")
            raise Finding(f"{found} clients are connected at rest:\n{listed[:2000]}")
        time.sleep(0.02)


def _clients(client: Client) -> int:
    info = client.ask("INFO", "clients")
    return int(info.split(b"connected_clients:")[1].split()[0])


def require_size(server: ServerProcess, before: Size) -> Size:
    """Wait until a server is as small as before, or nearly; return its size.

    What the C library keeps of freed memory goes back within some seconds by itself; no
    collector runs then, so what only it would find is a finding.

    Raises:
        Finding: it is not after a long time.
    """
    deadline = time.monotonic() + SECONDS_MAX
    most = before.kib + KIB_MORE_MAX
    while True:
        now = size_of(server)
        if now.kib <= most and now.files <= before.files + FILES_MORE_MAX:
            return now
        if time.monotonic() > deadline:
            raise Finding(f"the server took {before} before, and {now} at rest")
        time.sleep(TURNS_SECONDS)
