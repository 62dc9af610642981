"""What a client leaves behind when it goes: nothing, and without the collector's help.

The server runs in a thread of this process, so that its objects can be counted, and the
collector is off. Each kind of client comes ten thousand times.
"""

import gc
import os
import shutil
import socket
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from joblog.actors.system import Server
from joblog.app.config import Config
from tests.parity.wire import Connection
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

PASSWORD = "secret"
CONNECTIONS = 10_000
AT_ONCE = 50
SECONDS = 300.0
TICKS = 3
COUNTED = {
    *("Connection", "Wire", "Inbox", "RequestParser", "ActorRef", "socket"),
    *("Session", "Waiter", "Batch", "HeldReply", "Subscriptions", "TrackingMode"),
    *("Visit", "OpenMoment", "RunInPast"),
}
FEW = 5
"""The last client of all is still in a variable or two."""

OUT_OF_MEMORY = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
MIB = 1 << 20

AUTH = b"AUTH secret\r\n"
BIG = 300_000
"""More than a Unix socket takes."""

HALF = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%b"
KINDS = [
    pytest.param(AUTH + b"PING\r\n", id="plain"),
    pytest.param(b"", id="silent"),
    pytest.param(AUTH + HALF % (BIG, b"x" * 9000), id="killed in a request"),
    pytest.param(HALF % (9999, b"x" * 9000), id="unauthenticated, in a request"),
    pytest.param(HALF % (99999, b""), id="unauthenticated, refused"),
    pytest.param(AUTH + b"GET big\r\n", id="unread replies"),
    pytest.param(AUTH + b"*1\r\n$x\r\n", id="broken protocol"),
    pytest.param(AUTH + b"WATCH k\r\nMULTI\r\nSET k v\r\nGET k\r\n", id="in MULTI"),
    pytest.param(AUTH + b"SUBSCRIBE a b\r\nPSUBSCRIBE c*\r\n", id="subscribed"),
    pytest.param(AUTH + b"BLPOP none 0\r\n", id="in BLPOP"),
    pytest.param(AUTH + b"BLPOP none 9999\r\nPING\r\n", id="in BLPOP with a timeout"),
    pytest.param(AUTH + b"GET k\r\nWAIT 1 9999999\r\n", id="in WAIT"),
    pytest.param(AUTH + b"HELLO 3\r\nCLIENT TRACKING on\r\nGET k\r\n", id="tracking"),
    pytest.param(AUTH + b"CLIENT REPLY off\r\nSET k v\r\n", id="without replies"),
    pytest.param(AUTH + b"QUIT\r\n", id="QUIT"),
    pytest.param(AUTH + b"MONITOR\r\n", id="in MONITOR"),
]


class Running:
    """A server in a thread."""

    def __init__(self, folder, appendonly="no"):
        self.path = f"{folder}/s"
        is_ready = threading.Event()
        server = Server(
            Config(
                {
                    "port": "0",
                    "unixsocket": self.path,
                    "dir": folder,
                    "requirepass": PASSWORD,
                    "appendonly": appendonly,
                }
            ),
            on_ready=is_ready.set,
        )
        self.server = server
        self._thread = threading.Thread(target=server.run)
        self._thread.start()
        assert is_ready.wait(SECONDS)
        self._others = []
        self.control = self.connect()

    def connect(self):
        """Return a connection that stays."""
        client = Connection(self.path)
        client.ask("AUTH", PASSWORD)
        self._others.append(client)
        return client

    def stop(self):
        for client in self._others:
            client.close()
        self.server.stop()
        self._thread.join()

    def is_alone(self):
        """Say whether none are connected but those that stay."""
        clients = b"connected_clients:%d\r\n" % len(self._others)
        return clients in self.control.ask("INFO", "clients")


@contextmanager
def collector_off():
    """Run without the garbage collector, which the server sets for its process."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.callbacks[:] = callbacks
        gc.set_threshold(*thresholds)
        gc.enable()


def count_live():
    names = Counter(type(one).__name__ for one in gc.get_objects())
    return {name: names[name] for name in COUNTED}


def come_and_go(running, sent, count):
    """Let clients connect, some at a time, send something, and go without reading."""
    for _ in range(count // AT_ONCE):
        clients = [socket.socket(socket.AF_UNIX) for _ in range(AT_ONCE)]
        for client in clients:
            client.connect(running.path)
            if sent:
                client.sendall(sent)
        for _ in range(TICKS):
            running.control.ask("PING")  # they have been accepted, read and served
        for client in clients:
            client.close()


@contextmanager
def run_server(**settings):
    folder = tempfile.mkdtemp(prefix="joblog-")
    with collector_off():
        server = Running(folder, **settings)
        try:
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running():
    with run_server() as server:
        yield server


@pytest.fixture
def remembering():
    """Return a server one of whose clients looks at the past."""
    with run_server(appendonly="yes") as server:
        for value in ("v", "w"):
            assert server.control.ask("SET", "k", value) == b"+OK\r\n"
        looker = server.connect()
        assert looker.ask("CLIENT", "AT", "@2") == b":2\r\n"
        assert looker.ask("GET", "k") == b"$1\r\nv\r\n"
        yield server


def wait_until_gone(before):
    """Return when no more objects are alive than before: some end a turn later."""

    def more():
        counts = count_live().items()
        return {name: n - before[name] for name, n in counts if n - before[name] > FEW}

    wait_until(lambda: not more(), lambda: f"still alive: {more()}")


@pytest.mark.slow
@pytest.mark.parametrize("sent", KINDS)
def test_ten_thousand_clients_leave_no_object_behind(running, sent):
    running.control.ask("SET", "big", "x" * BIG)
    come_and_go(running, sent, AT_ONCE)
    wait_until(running.is_alone)
    before = count_live()

    come_and_go(running, sent, CONNECTIONS)
    wait_until(running.is_alone)
    wait_until_gone(before)


@pytest.mark.slow
def test_ten_thousand_clients_that_look_at_the_past_leave_no_object(remembering):
    look = AUTH + b"CLIENT AT @2\r\nGET k\r\nGET none\r\n"
    come_and_go(remembering, look, AT_ONCE)
    wait_until(remembering.is_alone)
    before = count_live()

    come_and_go(remembering, look, CONNECTIONS)
    wait_until(remembering.is_alone)
    wait_until_gone(before)


def test_idle_client_keeps_no_long_argument(running):
    running.control.ask("ECHO", "x" * MIB)

    sessions = list(running.server._engine.server.sessions.values())
    assert sum(len(word) for one in sessions for word in one.last_words) < 1000


# --- a process of its own: what the system says ---------------------------------------

REQUEST = 20 * MIB
WORKERS = 10
SLACK = 48 * MIB
"""A buffer as it grows, and what the C library keeps of the last one."""


@pytest.fixture
def server():
    with start_joblog("--appendonly", "no", "--maxmemory", "200mb") as running:
        yield running


def resident_bytes(server):
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def begin_request(server):
    """Return a connection on which most of a long SET was sent."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(server.path)
    client.sendall(HALF % (REQUEST, b"x" * (REQUEST - 9)))
    return client


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux's /proc")
@pytest.mark.parametrize("at_once", [1, WORKERS], ids=["one by one", "all at once"])
def test_workers_killed_in_a_long_request_cost_no_memory(server, at_once):
    control = server.connect()
    before = resident_bytes(server)

    for _ in range(WORKERS // at_once):
        clients = [begin_request(server) for _ in range(at_once)]
        for client in clients:
            client.close()

    assert control.ask("SET", "big", "x" * MIB) in (b"+OK\r\n", OUT_OF_MEMORY)
    wait_until(lambda: resident_bytes(server) < before + SLACK)
    wait_until(lambda: control.ask("SET", "k", "v") == b"+OK\r\n")
