"""Starts of the server in forked processes, where a test needs hundreds of them.

The fork has all modules imported already, so that a start takes as long as the server's
own work does. Real processes with real sockets and signals all the same.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.parity.wire import Connection

_SECONDS = 60.0


class Start(NamedTuple):
    """How a start went.

    Attributes:
        is_serving: whether it answered PING.
        exit_code: what it ended with, after a SIGTERM where it served.
        output: what it wrote.
    """

    is_serving: bool
    exit_code: int | None
    output: str


def _run(arguments: list[str], output: str) -> None:
    from joblog.actors.service.cli import main  # noqa: PLC0415 - in the forked process only

    number = os.open(output, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(number, stream)
    main(arguments)


def start(text: str, *, keeps_dir: bool = False) -> Start:
    """Start the server with a configuration file and stop it again.

    Options behind the file give it a socket and a data folder of its own.

    Args:
        text: the file.
        keeps_dir: leave the data folder to the file.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["joblog.actors.service.cli", "tests.support.starts"]
    )
    with tempfile.TemporaryDirectory(prefix="joblog-") as home:
        path, output = Path(home, "redis.conf"), Path(home, "output")
        path.write_text(text)
        options = [
            *(str(path), "--port", "0", "--unixsocket", f"{home}/s"),
            *("--daemonize", "no", "--logfile", "", "--pidfile", ""),
        ]
        if not keeps_dir:
            options += ["--dir", f"{home}/data"]
        process = context.Process(target=_run, args=(options, str(output)))
        process.start()
        is_serving = _wait(process, f"{home}/s")
        if is_serving:
            process.terminate()
        process.join(_SECONDS)
        return Start(is_serving, process.exitcode, output.read_text())


def _wait(process: multiprocessing.process.BaseProcess, path: str) -> bool:
    deadline = time.monotonic() + _SECONDS
    while process.is_alive():
        assert time.monotonic() < deadline, "it neither serves nor ends"
        try:
            connection = Connection(path)
        except OSError:
            time.sleep(0.005)
            continue
        answer = connection.ask("PING")
        connection.close()
        if answer.startswith((b"+PONG", b"-NOAUTH")):
            return True
        time.sleep(0.005)
    return False
