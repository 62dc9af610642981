"""Blocking over real sockets: who is gone is not served, and thousands may wait."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.parity.wire import encode
from tests.support.servers import cpu_ticks

WORKER = """
import socket, sys
worker = socket.socket(socket.AF_UNIX)
worker.connect(sys.argv[1])
worker.sendall(eval(sys.argv[2]))
print("sent", flush=True)
sys.stdin.read()
"""


def start_worker(server, *words):
    """Start a process that sends a command and then only waits to be killed."""
    program = [sys.executable, "-c", WORKER, server.path, repr(encode(words))]
    worker = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout.readline() == b"sent\n"
    return worker


def wait_until_blocked(control, count):
    """Return when so many clients wait; two turns of the loop are enough."""
    deadline = time.monotonic() + 60
    while f"blocked_clients:{count}\r\n".encode() not in control.ask("INFO", "clients"):
        assert time.monotonic() < deadline


@pytest.fixture
def control(server):
    connection = server.connect()
    yield connection
    connection.close()


BLOCKED = [
    pytest.param(["BLPOP", "q", 0], id="BLPOP"),
    pytest.param(["BLMOVE", "q", "d", "LEFT", "LEFT", 0], id="BLMOVE"),
    pytest.param(["BLMPOP", 0, 1, "q", "LEFT"], id="BLMPOP"),
]


@pytest.mark.parametrize("words", BLOCKED)
def test_worker_that_was_killed_while_it_waited_takes_no_job(server, control, words):
    worker = start_worker(server, *words)
    wait_until_blocked(control, 1)
    # The server stands still while the worker dies and a job comes: it learns of both
    # at once, and in whichever order.
    server.process.send_signal(signal.SIGSTOP)
    worker.kill()
    worker.wait()
    control.send(encode(["RPUSH", "q", "job"]))
    server.process.send_signal(signal.SIGCONT)
    pushed = control.read()

    assert pushed == b":1\r\n"
    assert control.ask("LRANGE", "q", 0, -1) == b"*1\r\n$3\r\njob\r\n"
    assert control.ask("EXISTS", "d") == b":0\r\n"
    wait_until_blocked(control, 0)
    worker.stdin.close(), worker.stdout.close()


def test_worker_that_died_right_after_it_asked_takes_no_job(server, control):
    control.ask("RPUSH", "q", "job")
    server.process.send_signal(signal.SIGSTOP)
    worker = start_worker(server, "BRPOP", "q", 0)
    worker.kill()
    worker.wait()
    server.process.send_signal(signal.SIGCONT)
    control.ask("PING"), control.ask("PING")

    assert control.ask("LLEN", "q") == b":1\r\n"
    worker.stdin.close(), worker.stdout.close()


def test_next_worker_gets_the_job_of_one_that_is_gone(server, control):
    first, second = server.connect(), server.connect()
    first.send(encode(["BLPOP", "q", 0]))
    wait_until_blocked(control, 1)
    second.send(encode(["BLPOP", "q", 0]))
    wait_until_blocked(control, 2)
    server.process.send_signal(signal.SIGSTOP)
    # What is sent behind must not hide that the client is gone.
    first.send(encode(["PING"]))
    first.close()
    control.send(encode(["RPUSH", "q", "job"]))
    server.process.send_signal(signal.SIGCONT)

    assert second.read() == b"*2\r\n$1\r\nq\r\n$3\r\njob\r\n"
    assert control.read() == b":1\r\n"
    second.close()


def test_hang_up_is_noticed_while_bytes_wait_to_be_read(server, control):
    waiting = server.connect()
    waiting.send(encode(["BLPOP", "q", 0]))
    wait_until_blocked(control, 1)
    waiting.send(encode(["SET", "never", "run"]))
    control.ask("PING"), control.ask("PING")
    waiting.close()
    wait_until_blocked(control, 0)

    assert control.ask("EXISTS", "never") == b":0\r\n"


def test_waiter_that_is_killed_takes_no_job(server, control):
    waiting = server.connect()
    waiting.send(encode(["BLPOP", "q", 0]))
    wait_until_blocked(control, 1)
    control.send(encode(["CLIENT", "KILL", "SKIPME", "yes"]))
    control.send(encode(["RPUSH", "q", "job"]))

    assert [control.read(), control.read()] == [b":1\r\n", b":1\r\n"]
    assert control.ask("LLEN", "q") == b":1\r\n"
    assert waiting.read() == b"<closed>"
    waiting.close()


def test_timeouts_end_in_their_order_and_not_too_early(server):
    connections = []
    started = time.monotonic()
    for hundredths in (30, 10, 20):
        connections.append((hundredths, server.connect()))
        connections[-1][1].send(encode(["BLPOP", "q", hundredths / 100]))
    ended = []
    for hundredths, connection in sorted(connections, key=lambda pair: pair[0]):
        assert connection.read() == b"*-1\r\n"
        ended.append((hundredths / 100, time.monotonic() - started))
        connection.close()

    # How late they are is the machine's affair.
    for expected, seconds in ended:
        assert expected - 0.002 <= seconds < expected + 20


def test_thousands_wait_and_the_first_is_served(start):
    server = start("--maxclients", "4000")
    control = server.connect()
    count = 2000
    waiting = []
    for _ in range(count):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(server.path)
        connection.sendall(encode(["BLPOP", "q", 0]))
        waiting.append(connection)
    wait_until_blocked(control, count)
    ticks = cpu_ticks(server)
    for _ in range(500):
        control.ask("RPUSH", "q", "job")
    ticks = cpu_ticks(server) - ticks
    served = [connection.recv(100) for connection in waiting[:500]]

    assert set(served) == {b"*2\r\n$1\r\nq\r\n$3\r\njob\r\n"}
    assert f"blocked_clients:{count - 500}\r\n".encode() in control.ask(
        "INFO", "clients"
    )
    assert ticks < 150, "a waiter must not cost a push anything"
    for connection in waiting:
        connection.close()
    control.close()


def test_what_a_waiter_took_is_in_the_log_with_the_waiter_as_origin(server, control):
    waiting = server.connect()
    number = int(waiting.ask("CLIENT", "ID")[1:-2])
    waiting.send(encode(["BLMOVE", "q", "d", "LEFT", "RIGHT", 0]))
    wait_until_blocked(control, 1)
    control.ask("EVAL", "return redis.call('RPUSH', 'q', 'a', 'b')", 0)
    waiting.read()
    waiting.close()
    records = list(read_records(server.folder, filesystem=FileSystem()))

    taken = [
        r for r in records if r.effects == [[b"LMOVE", b"q", b"d", b"LEFT", b"RIGHT"]]
    ]
    assert [(r.origin.client_id, r.origin.command) for r in taken] == [
        (number, [b"BLMOVE", b"q", b"d", b"LEFT", b"RIGHT", b"0"])
    ]


def test_waiters_are_shown(server, control):
    waiting = server.connect()
    number = waiting.ask("CLIENT", "ID")[1:-2]
    waiting.send(encode(["BRPOP", "q", 0]))
    wait_until_blocked(control, 1)
    line = control.ask("CLIENT", "LIST", "ID", number)

    assert b" flags=b" in line
    assert b" cmd=brpop " in line
    waiting.close()


def test_pause_keeps_waiters_waiting_until_it_ends(server, control):
    waiting = server.connect()
    waiting.send(encode(["BLPOP", "q", 0]))
    wait_until_blocked(control, 1)
    control.ask("MULTI")
    control.ask("RPUSH", "q", "job")
    control.ask("CLIENT", "PAUSE", 10_000, "WRITE")
    control.ask("EXEC")
    is_there = control.ask("LLEN", "q")
    control.ask("CLIENT", "UNPAUSE")

    assert is_there == b":1\r\n"
    assert waiting.read() == b"*2\r\n$1\r\nq\r\n$3\r\njob\r\n"
    waiting.close()


def test_monitor_shows_a_blocking_command_when_it_is_given(server, control):
    watcher, waiting = server.connect(), server.connect()
    watcher.ask("MONITOR")
    waiting.send(encode(["BLPOP", "q", 0]))
    shown = watcher.read()
    control.ask("RPUSH", "q", "job")
    pushed = watcher.read()

    assert shown.endswith(b'"BLPOP" "q" "0"\r\n')
    assert pushed.endswith(b'"RPUSH" "q" "job"\r\n')
    assert waiting.read().endswith(b"job\r\n")
    watcher.close(), waiting.close()


def test_server_stops_while_clients_wait(server, control):
    waiting = server.connect()
    waiting.send(encode(["BLPOP", "q", 60]))
    wait_until_blocked(control, 1)

    assert server.stop() == 0
    assert waiting.read() == b"<closed>"
    waiting.close()
