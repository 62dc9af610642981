"""Processes of joblog that tests start by hand, and ports for them."""

import socket
import subprocess
import sys

from tests.support.servers import ROOT

END_SECONDS = 60.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_joblog(*options):
    """Run a server that is expected to end by itself; return it and its output."""
    done = subprocess.run(
        [sys.executable, "-m", "joblog", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
