"""Servers as a service manager has them: started, and not waited for."""

import contextlib
import re

from tests.parity.wire import Connection
from tests.support.servers import STOP_SECONDS
from tests.support.waiting import wait_until

LINE = re.compile(
    r"\d+ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d "
    r"(DEBUG|VERBOSE|NOTICE|WARNING|ERROR|CRITICAL) \S"
)
OPENED: list[Connection] = []
"""The connections of a test; its `home` closes them."""


def open_client(home):
    """Return a connection to a server that listens."""
    OPENED.append(Connection(str(home / "s")))
    return OPENED[-1]


def connect(home):
    """Return a connection as soon as the server takes one that it answers."""

    def serves():
        with contextlib.suppress(OSError):
            client = open_client(home)
            if client.ask("PING").startswith((b"+PONG", b"-NOAUTH")):
                return True
            client.close()  # it would be one client of those that there may be
        return False

    wait_until(serves)
    return OPENED[-1]


def stop(process):
    """Stop a server and return its exit code and all that it wrote."""
    process.terminate()
    output, _ = process.communicate(timeout=STOP_SECONDS)
    return process.returncode, output
