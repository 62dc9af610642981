"""Start, stop, and what one client cannot do to the others."""

import resource
import socket
import time
from pathlib import Path

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from tests.parity.wire import encode
from tests.support.processes import free_port, run_joblog
from tests.support.servers import cpu_ticks
from tests.support.waiting import wait_until

FOUND_MAX_SECONDS = 60.0


@pytest.mark.parametrize(
    ("host", "family"),
    [
        pytest.param("127.0.0.1", socket.AF_INET, id="IPv4"),
        pytest.param("::1", socket.AF_INET6, id="IPv6"),
    ],
)
def test_server_listens_on_every_address_by_default(start, host, family):
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    port = free_port()
    start("--port", str(port))

    with socket.create_connection((host, port), 5) as client:
        client.sendall(b"PING\r\n")

        assert client.recv(64) == b"+PONG\r\n"


def test_port_in_use_is_one_clear_line_and_exit_1(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, output = run_joblog(
            *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path))
        )

    assert code == 1
    lines = output.splitlines()
    assert len(lines) == 1
    assert f"127.0.0.1:{port}: bind: Address already in use" in lines[0]


def test_locked_data_folder_is_one_clear_line_and_exit_10(server):
    code, output = run_joblog("--port", "0", "--dir", str(server.folder))

    assert code == 10
    lines = output.splitlines()
    assert len(lines) == 1
    assert str(server.folder) in lines[0]
    assert "in use" in lines[0] or "open" in lines[0] or "lock" in lines[0]


def test_sigterm_stops_cleanly_and_the_data_is_there_again(server):
    client = server.connect()
    client.ask("SET", "k", "v")

    code = server.stop()
    server.start()

    assert code == 0
    assert server.connect().ask("GET", "k") == b"$1\r\nv\r\n"


def test_server_without_a_log_forgets_and_writes_only_that_it_does(start):
    server = start("--appendonly", "no")
    client = server.connect()
    client.ask("SET", "k", "v")

    server.stop()
    server.start()

    assert server.connect().ask("GET", "k") == b"$-1\r\n"
    assert [path.name for path in server.folder.iterdir()] == ["memory-only"]


def test_client_beyond_maxclients_is_refused(start):
    server = start("--maxclients", "2")
    first, second = server.connect(), server.connect()
    assert first.ask("PING") == second.ask("PING") == b"+PONG\r\n"

    third = server.connect()

    assert third.read() == b"-ERR max number of clients reached\r\n"
    assert third.read() == b"<closed>"
    first.close()
    wait_until(lambda: _is_served(server))


def _is_served(server):
    client = server.connect()
    try:
        return client.ask("PING") == b"+PONG\r\n"
    finally:
        client.close()


def test_more_clients_than_the_system_has_files_for_are_refused(server):
    client = server.connect()

    reply = client.ask("CONFIG", "SET", "maxclients", 2_000_000_000)

    assert b"not able to handle the specified number of clients, try with " in reply
    assert client.ask("CONFIG", "GET", "maxclients").endswith(b"\r\n10000\r\n")
    assert client.ask("CONFIG", "SET", "maxclients", 500) == b"+OK\r\n"


def test_client_that_sends_a_line_without_end_is_cut_off(server):
    client = server.connect()

    client.send(b"x" * (64 * 1024 + 1))

    assert client.read() == b"-ERR Protocol error: too big inline request\r\n"
    assert client.read() == b"<closed>"


def test_client_that_never_ends_its_command_is_cut_off_and_counted(start):
    server = start("--client-query-buffer-limit", "1mb")
    greedy, other = server.connect(), server.connect()

    greedy.send(b"*2\r\n$3\r\nGET\r\n$4000000\r\n" + b"x" * 3_000_000)

    assert greedy.read() == b"<closed>"
    cut_off = b"client_query_buffer_limit_disconnections:1\r\n"
    wait_until(lambda: cut_off in other.ask("INFO", "stats"))


def test_client_that_speaks_http_is_cut_off_before_its_body_runs(server):
    browser, other = server.connect(), server.connect()

    browser.send(b"POST / HTTP/1.1\r\nHost: here\r\n\r\nSET k v\r\n")

    assert browser.read() == b"<closed>"
    assert other.ask("GET", "k") == b"$-1\r\n"
    assert "speaks HTTP" in server.output()


def test_client_that_never_reads_is_held_to_its_output_limit(start):
    server = start("--client-output-buffer-limit", "normal 4mb 0 0")
    greedy, other = server.connect(), server.connect()
    other.ask("SET", "big", "x" * 1024 * 1024)

    for _ in range(32):
        greedy.send(encode(["GET", "big"]))
    pings = [other.ask("PING") for _ in range(10)]

    assert pings == [b"+PONG\r\n"] * 10
    wait_until(lambda: b"id=" in other.ask("CLIENT", "LIST") and _gone(greedy))


def _gone(client):
    client.send(encode(["PING"]))
    return client.is_closed


def test_replies_larger_than_the_socket_takes_arrive_whole(server):
    client = server.connect()
    value = b"0123456789abcdef" * 512 * 1024
    client.ask("SET", "big", value)

    client.send(encode(["GET", "big"]) * 3 + encode(["PING"]))
    replies = [client.read() for _ in range(4)]

    assert replies[:3] == [b"$%d\r\n%b\r\n" % (len(value), value)] * 3
    assert replies[3] == b"+PONG\r\n"


def test_pipeline_of_any_depth_is_answered_in_order(server):
    client = server.connect()
    depth = 20_000

    client.send(b"".join(encode(["ECHO", number]) for number in range(depth)))
    replies = [client.read() for _ in range(depth)]

    assert replies == [b"$%d\r\n%d\r\n" % (len(str(n)), n) for n in range(depth)]


@pytest.mark.slow
def test_idle_connections_cost_little_memory_and_no_time(start):
    server = start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    number = 2000
    control = server.connect()
    control.ask("PING")
    before = _resident_kib(server)

    idle = []
    for _ in range(number):
        # One by one: no more than `tcp-backlog` may wait to be accepted.
        idle.append(server.connect())
        assert idle[-1].ask("PING") == b"+PONG\r\n"
    grown = _resident_kib(server) - before

    assert grown / number <= 12
    # The calmest of some seconds: a machine under load makes the same work dearer.
    assert any(_ticks_of_a_second(server) <= 5 for _ in range(5))
    for client in idle:
        client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _resident_kib(server):
    with Path(f"/proc/{server.process.pid}/status").open() as status:
        return next(int(x.split()[1]) for x in status if x.startswith("VmRSS"))


def _ticks_of_a_second(server):
    ticks = cpu_ticks(server)
    time.sleep(1.0)
    return cpu_ticks(server) - ticks


def test_a_socket_that_cannot_be_removed_does_not_keep_it_from_stopping(server):
    path = Path(server.path)
    path.unlink()
    path.mkdir()

    assert server.stop() == 0

    assert "cannot be removed" in server.output()
    assert "Traceback" not in server.output()
    path.rmdir()


def test_log_that_cannot_be_applied_stops_the_start(server):
    server.stop()
    _append_garbage(server.folder)

    with pytest.raises(RuntimeError, match="cannot be applied"):
        server.start()

    assert server.process.returncode == 19


def _append_garbage(folder):
    log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 1)
    log.append([(1, 0, [[b"FROBNICATE", b"k"]], 0)], log.last_seq)
    log.close()
