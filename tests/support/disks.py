"""Small disks: file systems in memory that a test may fill up, for real."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import ServerProcess, start_joblog

BLOCK = 4096


class SmallDisk:
    """A mounted tmpfs.

    Attributes:
        path: where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def free_bytes(self) -> int:
        """What is free on it."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, left: int = 0, name: str = "ballast") -> Path:
        """Let a file of somebody else take all but so many bytes."""
        path = self.path / name
        size = (self.free_bytes - left) // BLOCK * BLOCK
        with path.open("ab") as file:
            if size > 0:
                os.posix_fallocate(file.fileno(), file.tell(), size)
        return path

    def resize(self, size: str) -> None:
        """Give it another size, such as `20m`."""
        subprocess.run(
            ["mount", "-o", f"remount,size={size}", str(self.path)], check=True
        )


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[SmallDisk]:
    """Mount a small disk; skip the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    folder = Path(tempfile.mkdtemp(prefix="joblog-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=False)
        folder.rmdir()


@contextlib.contextmanager
def server_on(disk: SmallDisk, *options: str) -> Iterator[ServerProcess]:
    """Start a server whose data folder is on a small disk."""
    data = disk.path / "data"
    with start_joblog("--dir", str(data), *options) as server:
        server.folder = data
        yield server
