"""Roots of their own: this machine's files, with all changes kept aside.

An overlay lies over the whole root in a mount namespace, so that a test may install,
add users and start services as on a fresh machine, and nothing of it stays.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 1500
_MOUNT = """
cd {home}
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t tmpfs tmpfs root/tmp
"""


class Root:
    """A root whose changes are kept aside."""

    def __init__(self, home: Path) -> None:
        """Take a folder for the changes; it must not lie in an overlay itself."""
        self._home = home
        self.changes = home / "up"
        for name in ("up", "work", "root"):
            (home / name).mkdir()
        # Python may lie below a home folder that only its owner enters.
        python = Path(sys.base_prefix)
        for folder in (python, *python.parents):
            self.run(f"chmod o+x {folder}")

    def command(self, script: str, *, before: str = "") -> list[str]:
        """Return the command that runs a script in the root, as root."""
        home = shlex.quote(str(self._home))
        steps = _MOUNT.format(home=home) + before.format(root="root")
        # Not chroot: within one nobody may make the namespaces that a sandbox takes.
        change = "cd root\npivot_root . mnt\numount -l mnt\n"
        inner = f"set -e{steps}{change}exec sh -ec {shlex.quote(script)}"
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        if "pip" in script or "apt-get" in script:  # which fetch packages
            namespaces.remove("--net")
        unshare = ["unshare", *namespaces, "--fork", "--kill-child=KILL"]
        return [*unshare, "sh", "-c", inner]

    def run(self, script: str, **environment: str) -> str:
        """Run a script that has to go well, and return what it wrote."""
        done = subprocess.run(
            self.command(script),
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout[-4000:]}"
        return done.stdout

    def copy_in(self, source: Path, path: str) -> None:
        """Lay a file or a folder into the root."""
        target = self.changes / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


@contextlib.contextmanager
def fresh_root() -> Iterator[Root]:
    """Give a root; skip where this user may not make one."""
    with tempfile.TemporaryDirectory(prefix="joblog-root-", dir="/var/tmp") as home:
        try:
            root = Root(Path(home))
        except (AssertionError, OSError) as error:
            pytest.skip(f"this machine lets nobody make a root of their own: {error}")
        yield root
