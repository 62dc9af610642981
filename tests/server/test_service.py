"""The server as a service: what a service manager, an init script and logrotate do."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from tests.parity.wire import encode
from tests.support.processes import free_port, run_joblog
from tests.support.servers import STOP_SECONDS
from tests.support.services import LINE, connect, open_client, stop
from tests.support.waiting import wait_until

ENDLESS = "while true do end"
ENDLESS_WRITER = "redis.call('SET', 'dirty', 1) redis.call('RPUSH', 'q', 1) " + ENDLESS


# --- a service manager ---------------------------------------------------------------


@contextlib.contextmanager
def notify_socket(home, *, is_abstract):
    """Yield a systemd of ours: the address it listens at, and a reader of its mail."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"{home}/notify"
        listening.bind(f"\0{name}" if is_abstract else name)
        listening.settimeout(30)

        def read_until(line):
            """Return all lines up to the mail that has this one."""
            lines = []
            while line not in lines:
                lines += listening.recv(4096).decode().split("\n")
            return lines

        yield f"@{name}" if is_abstract else name, read_until


@pytest.mark.parametrize("mode", ["systemd", "auto"])
@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told_of_loading_readiness_life_and_stop(
    home, launch, mode, is_abstract
):
    with notify_socket(home, is_abstract=is_abstract) as (address, read_until):
        environment = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "80000"}
        process = launch("--supervised", mode, "--daemonize", "yes", env=environment)

        before = read_until("READY=1")
        client = connect(home)
        info = client.ask("INFO", "server")
        alive = [read_until("WATCHDOG=1") for _ in range(3)]
        process.terminate()
        last = read_until("STOPPING=1")

    assert any(line.startswith("STATUS=checking") for line in before)
    assert any(line.startswith("STATUS=Ready") for line in before)
    assert b"\r\nprocess_supervised:systemd\r\n" in info
    assert alive
    assert last[-1] == "EXTEND_TIMEOUT_USEC=30000000" or "STOPPING=1" in last
    # Whom systemd has started stays in the foreground, whatever `daemonize` says.
    assert process.wait(STOP_SECONDS) == 0


def test_ready_is_said_when_a_client_gets_its_data_not_before(home, launch):
    process = launch()
    connect(home).ask("SET", "k", "v")
    stop(process)

    with notify_socket(home, is_abstract=False) as (address, read_until):
        launch("--supervised", "systemd", env={**os.environ, "NOTIFY_SOCKET": address})
        read_until("READY=1")

        assert open_client(home).ask("GET", "k") == b"$1\r\nv\r\n"


def test_systemd_without_a_socket_is_a_line_and_a_start(home, launch):
    environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
    process = launch("--supervised", "systemd", env=environment)
    info = connect(home).ask("INFO", "server")

    code, output = stop(process)

    assert code == 0
    assert "supervised systemd: there is no NOTIFY_SOCKET" in output
    assert b"\r\nprocess_supervised:no\r\n" in info


def test_why_a_start_fails_reaches_systemd(home, launch):
    (home / "data").write_text("")
    with notify_socket(home, is_abstract=False) as (address, read_until):
        process = launch(
            "--supervised", "systemd", env={**os.environ, "NOTIFY_SOCKET": address}
        )
        output, _ = process.communicate(timeout=STOP_SECONDS)

        assert process.returncode == 1
        [line] = output.splitlines()
        said = line.split(" CRITICAL ")[1]
        assert f"STATUS={said}" in read_until(f"STATUS={said}")


# --- signals -------------------------------------------------------------------------


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 20, 40, 80])
def test_sigterm_while_the_server_starts_ends_it(home, launch, milliseconds):
    """It may come before the loop runs, or before the signal is taken."""
    process = launch()
    wait_until((home / "s").exists)
    time.sleep(milliseconds / 1000)

    code, output = stop(process)

    assert code in (0, -signal.SIGTERM)
    assert code or "stopped, with exit code 0" in output


def test_sighup_opens_the_log_file_anew_and_does_not_kill(home, launch):
    log_file, copied = home / "log", home / "log.1"
    process = launch("--logfile", str(log_file))
    client = connect(home)

    # logrotate, with `copytruncate` off and `create` on.
    log_file.rename(copied)
    log_file.touch()
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: "SIGHUP" in log_file.read_text())

    assert client.ask("PING") == b"+PONG\r\n"
    assert process.poll() is None
    assert "Ready to accept" in copied.read_text()
    process.terminate()
    assert process.wait(STOP_SECONDS) == 0
    assert "SIGTERM" in log_file.read_text()


def test_sighup_without_a_log_file_does_not_kill(home, launch):
    process = launch()
    client = connect(home)

    process.send_signal(signal.SIGHUP)

    assert client.ask("PING") == b"+PONG\r\n"
    code, output = stop(process)
    assert code == 0
    assert "SIGHUP: there is no log file" in output


@pytest.mark.parametrize("how", ["renamed", "removed"])
def test_log_file_that_is_gone_is_begun_anew_without_a_signal(home, launch, how):
    log_file = home / "log"
    process = launch("--logfile", str(log_file))
    client = connect(home)

    log_file.rename(home / "log.1") if how == "renamed" else log_file.unlink()
    client.ask("CONFIG", "SET", "maxmemory", "100mb")

    assert "CONFIG SET maxmemory" in log_file.read_text()
    process.terminate()
    process.wait(STOP_SECONDS)


def test_log_file_cut_to_nothing_is_written_on_from_its_start(home, launch):
    log_file = home / "log"
    process = launch("--logfile", str(log_file))
    client = connect(home)

    os.truncate(log_file, 0)  # logrotate's copytruncate
    client.ask("CONFIG", "SET", "maxmemory", "100mb")

    assert LINE.match(log_file.read_text())
    process.terminate()
    process.wait(STOP_SECONDS)


def test_log_file_that_can_no_longer_be_written_does_not_stop_the_server(home, launch):
    process = launch("--logfile", "/dev/full")
    client = connect(home)

    assert client.ask("SET", "k", "v") == b"+OK\r\n"
    code, output = stop(process)

    assert code == 0
    assert output == ""


@pytest.mark.parametrize("script", [ENDLESS, ENDLESS_WRITER], ids=["idle", "writes"])
@pytest.mark.parametrize("threshold", ["100", "5000", "0"])
def test_sigterm_ends_an_endless_script_within_seconds(home, launch, script, threshold):
    process = launch("--busy-reply-threshold", threshold)
    client = connect(home)
    assert client.ask("SET", "k", "acknowledged") == b"+OK\r\n"
    client.send(encode(["EVAL", script, "0"]) + encode(["SET", "behind", "it"]))
    time.sleep(0.3)
    began = time.monotonic()

    code, output = stop(process)

    assert code == 0
    assert time.monotonic() - began < 5
    assert "signal SIGTERM: the server stops" in output
    assert "broken off" in output
    launch()
    after = connect(home)
    assert after.ask("GET", "k") == b"$12\r\nacknowledged\r\n"
    assert after.ask("EXISTS", "dirty", "q", "behind") == b":0\r\n"


def test_nothing_runs_behind_a_script_that_was_broken_off(home, launch):
    process = launch("--busy-reply-threshold", "50")
    worker, client = connect(home), connect(home)
    worker.send(encode(["BLPOP", "q", "0"]))
    wait_until(lambda: b"\r\nblocked_clients:1\r\n" in client.ask("INFO", "clients"))
    client.send(
        b"".join(
            encode(command)
            for command in (
                ["MULTI"],
                ["SET", "before", "1"],
                ["EVAL", ENDLESS_WRITER, "0"],
                ["SET", "behind", "1"],
                ["EXEC"],
                ["SET", "later", "1"],
            )
        )
    )
    time.sleep(0.3)
    other = open_client(home)
    other.send(encode(["SHUTDOWN", "NOSAVE"]))

    assert process.wait(STOP_SECONDS) == 0

    # The one was given nothing that the log does not have, the other no part of it.
    assert worker.read() == b"<closed>"
    launch()
    names = ("before", "dirty", "q", "behind", "later")
    assert connect(home).ask("EXISTS", *names) == b":0\r\n"


def test_script_that_ends_soon_is_waited_for_at_a_sigterm(home, launch):
    process = launch()
    client = connect(home)
    script = (
        "local t = redis.call('TIME') for i = 1, 6000000 do t = i end "
        "return redis.call('SET', 'k', 'whole')"
    )
    client.send(encode(["EVAL", script, "0"]))
    time.sleep(0.02)

    code, _ = stop(process)

    assert code == 0
    assert client.read() == b"+OK\r\n"
    launch()
    assert connect(home).ask("GET", "k") == b"$5\r\nwhole\r\n"


# --- daemonize -----------------------------------------------------------------------


def daemonize(home, *options):
    """Start a server as an init script does; return what its command came to."""
    return run_joblog(
        *("--daemonize", "yes", "--pidfile", str(home / "pid"), "--port", "0"),
        *("--unixsocket", str(home / "s"), "--dir", str(home / "data")),
        *("--logfile", str(home / "log"), *options),
    )


def test_daemonize_returns_when_clients_are_served(home):
    code, output = daemonize(home)

    client = open_client(home)
    assert (code, output) == (0, "")
    assert client.ask("SET", "k", "v") == b"+OK\r\n"
    pid = int((home / "pid").read_text())
    assert b"\r\nprocess_id:%d\r\n" % pid in client.ask("INFO", "server")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not (home / "pid").exists())
    wait_until(lambda: "stopped, with exit code 0" in (home / "log").read_text())


def _take_port(home):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    return ["--bind", "127.0.0.1", "--port", str(port)], taken


def _damage_log(home):
    code, output = daemonize(home)
    assert code == 0, output
    client = open_client(home)
    for number in range(100):
        client.ask("SET", f"key:{number}", "v")
    client.ask("WAITAOF", 1, 0, 5000)
    client.ask("SET", "later", "v")  # whose frame says that those before were synced
    os.kill(int((home / "pid").read_text()), signal.SIGTERM)
    wait_until(lambda: not (home / "pid").exists())
    wait_until(lambda: "stopped, with" in (home / "log").read_text())
    [segment] = (home / "data" / "log").glob("*.log")
    data = bytearray(segment.read_bytes())
    data[200] ^= 1
    segment.write_bytes(data)
    return [], None


FAILURES = [
    pytest.param(
        lambda home: (["--pidfile", f"{home}/none/pid"], None),
        r"command line: pidfile \S+/none/pid: No such file or directory; name a file",
        1,
        id="pidfile",
    ),
    pytest.param(
        lambda home: (["--logfile", f"{home}/none/log"], None),
        r"command line: logfile \S+/none/log: No such file or directory; name a file",
        1,
        id="logfile",
    ),
    pytest.param(
        _take_port,
        r"command line: port \d+: Could not create server TCP listening socket "
        r"127.0.0.1:\d+: bind: Address already in use; stop who has it",
        1,
        id="port in use",
    ),
    pytest.param(
        lambda home: (["--unixsocket", f"{home}/none/s"], None),
        r"command line: unixsocket \S+/none/s: Failed opening Unix socket: bind: No "
        r"such file or directory; name a path",
        1,
        id="no folder for the socket",
    ),
    pytest.param(
        lambda home: (["--bind", "203.0.113.7", "--port", str(free_port())], None),
        r"command line: bind 203.0.113.7: .* Cannot assign requested address; choose",
        1,
        id="another machine's address",
    ),
    pytest.param(_damage_log, r"the log cannot be loaded: \S+: ", 13, id="damaged log"),
]


@pytest.mark.parametrize(("prepare", "line", "code"), FAILURES)
def test_daemonize_says_what_went_wrong_with_the_exit_code(home, prepare, line, code):
    options, taken = prepare(home)

    found, output = daemonize(home, *options)

    if taken is not None:
        taken.close()
    assert found == code, output
    [shown] = output.splitlines()
    assert re.match(line, shown), shown


def test_daemonize_of_a_folder_in_use_ends_with_its_code(home):
    assert daemonize(home)[0] == 0

    code, output = daemonize(home, "--unixsocket", f"{home}/other", "--pidfile", "")

    assert code == 10
    assert len(output.splitlines()) == 1
    os.kill(int((home / "pid").read_text()), signal.SIGTERM)
    wait_until(lambda: not (home / "pid").exists())


def test_address_in_use_names_the_line_of_the_file(home):
    options, taken = _take_port(home)
    path = home / "redis.conf"
    path.write_text(f"# ours\nport {options[-1]}\nbind 127.0.0.1\ndir {home}/data\n")

    with taken:
        code, output = run_joblog(str(path))

    assert code == 1
    assert f"{path}:2: port {options[-1]}: Could not create" in output
    assert len(output.splitlines()) == 1


def test_missing_folder_of_the_pidfile_is_a_line_and_a_start(home, launch):
    process = launch("--pidfile", f"{home}/none/redis.pid")
    connect(home)

    code, output = stop(process)

    assert code == 0
    assert "Traceback" not in output
    assert re.search(
        r" WARNING command line: pidfile \S+/none/redis.pid: No such file", output
    )


@pytest.mark.parametrize("backlog", [1, 511])
def test_tcp_backlog_is_what_it_says(home, backlog):
    port = free_port()
    options = ["--tcp-backlog", str(backlog), "--port", str(port), "--bind", "::1"]
    assert daemonize(home, *options)[0] == 0

    queues = subprocess.run(["ss", "-lnt"], capture_output=True, text=True, check=True)

    os.kill(int((home / "pid").read_text()), signal.SIGTERM)
    wait_until(lambda: not (home / "pid").exists())
    assert re.search(rf"LISTEN +\d+ +{backlog} +\[::1\]:{port} ", queues.stdout)


def test_unix_socket_is_as_the_umask_has_it_without_permissions_set(home, launch):
    launch()
    connect(home)

    assert (home / "s").stat().st_mode & 0o022 == 0


def test_second_snapshot_of_an_unchanged_log_says_so(home, launch):
    process = launch()
    client = connect(home)
    assert client.ask("SAVE") == b"+OK\r\n"
    client.ask("SET", "k", "v")
    client.ask("SAVE")
    client.ask("SAVE")
    [snapshot] = (home / "data" / "snapshots").glob("*.snap")
    data = bytearray(snapshot.read_bytes())
    data[-1] ^= 1
    snapshot.write_bytes(data)
    client.ask("SAVE")

    _, output = stop(process)

    said = re.findall(r"snapshot of seq \d+: (.*)", output)
    assert "no snapshot: the log is empty" in output
    assert said[0] == "done, 1 keys"
    assert said[1].startswith("nothing was written since the last one")
    assert said[2] == "done, 1 keys"  # the damaged one was made anew
