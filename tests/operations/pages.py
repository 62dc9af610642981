"""The commands of docs/operations.md, run as they stand on a machine of their own.

Only paths and ports are others: `/var/lib` and its like lie in a folder of the test,
and 6379, 6380 and 6381 are free ports.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.servers import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
SECONDS = 120.0
_BLOCK = re.compile(r"^```sh(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?<![\w.])/(var/lib|srv|backup|archive)\b")


def blocks_of(section: str) -> list[str]:
    """Return the commands of a section, a text for each block."""
    _, found, rest = PAGE.partition(f"\n## {section}\n")
    assert found, section
    text = rest.partition("\n## ")[0]
    return [match[2] for match in _BLOCK.finditer(text)]


def named_block(name: str) -> str:
    """Return the block of that name."""
    [text] = [match[2] for match in _BLOCK.finditer(PAGE) if match[1] == name]
    return text


class Machine:
    """A folder with what an operator's machine has, and free ports.

    Attributes:
        home: where all paths of the page lie.
        data: `/var/lib/joblog`.
        ports: what stands for 6379, 6380 and 6381.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "var/lib/joblog"
        for folder in ("var/lib/redis", "srv", "backup", "archive"):
            (home / folder).mkdir(parents=True)
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        free = [one.getsockname()[1] for one in sockets]
        self.ports = dict(zip((6379, 6380, 6381), free, strict=True))
        for one in sockets:
            one.close()

    def own(self, text: str) -> str:
        """Return commands with the paths and ports of this machine."""
        text = _PATH.sub(lambda match: f"{self.home}/{match[1]}", text)
        for port, own in self.ports.items():
            text = text.replace(str(port), str(own))
        return text

    def start(self, text: str, **environment: str) -> subprocess.Popen[str]:
        """Begin to run commands; the first that fails ends them."""
        # Wheels that tests take servers from have a redis-server of their own.
        path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
        return subprocess.Popen(
            [shutil.which("bash") or "sh", "-euo", "pipefail", "-c", self.own(text)],
            cwd=self.home,
            env={**os.environ, "PATH": path, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str, **environment: str) -> str:
        """Run commands that must go well; return what they say."""
        process = self.start(text, **environment)
        output, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, f"{self.own(text)}\n{output}"
        return output

    def ask(self, *words: str, port: int = 6379) -> str:
        """Ask a server by redis-cli; "" while none answers."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.ports[port]), *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return done.stdout.strip()

    def serve(self, folder: Path | None = None, port: int = 6379) -> None:
        """Start a server as the page does, and wait until it serves."""
        self.run(
            f"joblog --port {port} --dir {folder or self.data} --daemonize yes "
            "--enable-debug-command yes"
        )
        self.wait_for(port)

    def wait_for(self, port: int = 6379) -> None:
        """Wait until a server serves."""
        deadline = time.monotonic() + SECONDS
        while self.ask("PING", port=port) != "PONG":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def wait_for_end(self, port: int = 6379) -> None:
        """Wait until nobody answers there."""
        deadline = time.monotonic() + SECONDS
        while self.ask("PING", port=port):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def close(self) -> None:
        """Stop all servers."""
        for port in self.ports:
            self.ask("SHUTDOWN", "NOSAVE", port=port)
