"""A script that runs for long, over real sockets: the others are served meanwhile."""

import time

import pytest

from joblog.app import errors
from tests.parity.wire import encode

ENDLESS = "while true do end"
LIBRARY = f"#!lua name=l\nredis.register_function('f', function() {ENDLESS} end)"
WAIT_SECONDS = 60.0


@pytest.fixture
def server(start):
    return start("--busy-reply-threshold", "20")


@pytest.fixture
def control(server):
    return server.connect()


def error(text):
    return b"-" + text + b"\r\n"


def begin(server, control, *words, busy=errors.BUSY_SCRIPT):
    """Send a command that runs for long, and return when others are told so."""
    connection = server.connect()
    connection.send(encode(words))
    deadline = time.monotonic() + WAIT_SECONDS
    while control.ask("PING") != error(busy):
        assert time.monotonic() < deadline
    return connection


def test_others_are_told_busy_and_may_kill_the_script(server, control):
    script = begin(server, control, "EVAL", ENDLESS, 0)

    assert control.ask("GET", "k") == error(errors.BUSY_SCRIPT)
    assert control.ask("FUNCTION", "KILL") == error(errors.BUSY_SCRIPT)
    assert control.ask("SCRIPT", "KILL") == b"+OK\r\n"
    assert script.read().startswith(b"-ERR Script killed by user with SCRIPT KILL...")
    assert control.ask("PING") == b"+PONG\r\n"


def test_a_new_client_may_connect_and_kill(server, control):
    script = begin(server, control, "EVAL", ENDLESS, 0)
    late = server.connect()

    assert late.ask("HELLO", 3).startswith(b"%7\r\n")
    assert late.ask("SCRIPT", "KILL") == b"+OK\r\n"
    assert script.read().startswith(b"-ERR Script killed")


def test_a_transaction_that_was_begun_meanwhile_is_aborted(server, control):
    begin(server, control, "EVAL", ENDLESS, 0)

    assert control.ask("MULTI") == b"+OK\r\n"
    assert control.ask("SET", "k", "v") == error(errors.BUSY_SCRIPT)
    assert control.ask("EXEC").startswith(b"-EXECABORT")
    control.ask("SCRIPT", "KILL")


def test_a_function_is_killed_by_its_own_command(server, control):
    control.ask("FUNCTION", "LOAD", LIBRARY)
    function = begin(server, control, "FCall", "f", 0, busy=errors.BUSY_FUNCTION)

    assert control.ask("SCRIPT", "KILL") == error(errors.BUSY_FUNCTION)
    stats = control.ask("FUNCTION", "STATS")
    assert b"name\r\n$1\r\nf\r\n" in stats
    assert b"command\r\n*3\r\n$5\r\nFCall\r\n$1\r\nf\r\n$1\r\n0\r\n" in stats
    assert control.ask("FUNCTION", "KILL") == b"+OK\r\n"
    assert function.read().startswith(b"-ERR Script killed by user with SCRIPT KILL...")


def test_a_client_may_hang_up_while_its_script_runs(server, control):
    begin(server, control, "EVAL", ENDLESS, 0).close()

    assert control.ask("SCRIPT", "KILL") == b"+OK\r\n"
    assert control.ask("PING") == b"+PONG\r\n"


def test_a_shutdown_without_saving_ends_a_script_that_has_written(server, control):
    source = "redis.call('SET', 'k', 1) " + ENDLESS
    begin(server, control, "EVAL", source, 0)

    assert control.ask("SCRIPT", "KILL") == error(errors.UNKILLABLE)
    control.ask("SHUTDOWN", "NOSAVE")

    assert server.process.wait(WAIT_SECONDS) == 0
    server.start()
    assert server.connect().ask("EXISTS", "k") == b":0\r\n"


def test_libraries_and_what_scripts_wrote_are_there_after_a_crash(server, control):
    library = "#!lua name=l\nredis.register_function('one', function() return 1 end)"
    control.ask("FUNCTION", "LOAD", library)
    control.ask("EVAL", "redis.call('SET', KEYS[1], ARGV[1])", 1, "k", b"\x00\xff")

    server.kill()
    server.start()

    again = server.connect()
    assert again.ask("FCALL", "one", 0) == b":1\r\n"
    assert again.ask("GET", "k") == b"$2\r\n\x00\xff\r\n"
