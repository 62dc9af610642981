"""The server's own log file: what an operator, or a collector, reads in it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import free_port
from tests.support.servers import require_program
from tests.support.services import LINE, connect, open_client, stop
from tests.support.waiting import wait_until

SECRET = "sw0rdfish-of-the-operator"


def levels_of(output):
    return {match[1] for line in output.splitlines() if (match := LINE.match(line))}


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        pytest.param("debug", {"DEBUG", "VERBOSE", "NOTICE", "WARNING"}, id="debug"),
        pytest.param("verbose", {"VERBOSE", "NOTICE", "WARNING"}, id="verbose"),
        pytest.param("notice", {"NOTICE", "WARNING"}, id="notice"),
        pytest.param("warning", {"WARNING"}, id="warning"),
        pytest.param("nothing", set(), id="nothing"),
    ],
)
def test_each_level_tells_what_the_next_one_leaves_out(home, launch, level, shown):
    process = launch("--loglevel", level)
    client = connect(home)
    client.ask("EVAL", "redis.log(redis.LOG_DEBUG, 'of a script') return 1", "0")
    client.ask("FLUSHALL")

    code, output = stop(process)

    assert code == 0
    assert levels_of(output) == shown
    assert all(LINE.match(line) for line in output.splitlines())


def test_level_and_format_change_while_the_server_runs(home, launch):
    process = launch("--loglevel", "warning")
    client = connect(home)

    client.ask("FLUSHALL")
    client.ask("CONFIG", "SET", "loglevel", "verbose")
    client.ask("FLUSHDB")
    client.ask("CONFIG", "SET", "log-format", "json")
    client.ask("SCRIPT", "FLUSH")
    client.ask("CONFIG", "SET", "log-format", "logfmt")
    client.ask("SWAPDB", 0, 1)
    client.ask("CONFIG", "SET", "loglevel", "warning", "log-format", "text")
    client.ask("FLUSHALL")
    output = stop(process)[1]

    assert "FLUSHALL" not in output
    assert re.search(r" NOTICE FLUSHDB of database 0 removed 0 keys, by client", output)
    objects = [json.loads(x) for x in output.splitlines() if x.startswith("{")]
    messages = [x["message"] for x in objects]
    assert any(x.startswith("SCRIPT FLUSH removed 0 scripts, by") for x in messages)
    assert {x["level"] for x in objects} >= {"notice"}
    logfmt = r'pid=\d+ timestamp="\S+" level=notice message="SWAPDB 0 1, by client '
    assert re.search(logfmt, output)


def test_json_is_an_object_a_line_whatever_clients_say(home, launch):
    process = launch("--log-format", "json")
    client = connect(home)
    client.ask("CLIENT", "SETNAME", 'a"b')
    words = 'new\\nline \\"quoted\\" \\0 \\255'
    client.ask("EVAL", f"redis.log(redis.LOG_WARNING, '{words}') return 1", "0")
    client.ask("CONFIG", "SET", "maxmemory", "1gb")

    output = stop(process)[1]

    lines = [json.loads(line) for line in output.splitlines()]
    assert all(
        set(line) == {"time", "level", "pid", "logger", "message"} for line in lines
    )
    assert all(line["pid"] == process.pid for line in lines)
    said = [line["message"] for line in lines]
    assert any('new\nline "quoted"' in text for text in said)
    assert any('name=a"b' in text for text in said)


def test_client_cannot_write_a_line_of_its_own(home, launch):
    process = launch()
    client = connect(home)
    forged = "1 2026-01-01T00:00:00.000+00:00 CRITICAL forged"

    client.ask(
        *("EVAL", "redis.log(redis.LOG_WARNING, ARGV[1]) return 1", "0"),
        f"innocent\n{forged}\r{forged}\x1b[2J",
    )
    output = stop(process)[1]

    assert forged not in output.splitlines()
    assert f"script: innocent\\n{forged}\\r{forged}\\x1b[2J" in output


def test_start_tells_version_settings_and_where_they_come_from(home, launch):
    path = home / "redis.conf"
    path.write_text(f"maxclients 77\nrequirepass {SECRET}\nmasterauth {SECRET}\n")
    path.chmod(0o600)
    process = launch(str(path), "--timeout", "55")
    connect(home)

    output = stop(process)[1]

    assert re.search(r" NOTICE joblog \d\S+, compiled: ", output)
    assert re.search(r" NOTICE process \d+: the behaviour of Redis 7", output)
    assert f"configuration: {path}" in output
    [settings] = re.findall(r"settings: (.*)", output)
    for one in ("port 0", "appendfsync everysec", "maxclients 77", "timeout 55"):
        assert one in settings
    assert "requirepass (set)" in settings
    assert SECRET not in output
    assert "unsafe" not in output


UNSAFE = [
    pytest.param(["--appendfsync", "no"], "appendfsync no", id="appendfsync"),
    pytest.param(
        ["--protected-mode", "no", "--bind", "*", "--port", "{port}"],
        "protected-mode no, and no requirepass",
        id="protected mode",
    ),
    pytest.param(["--unixsocketperm", "777"], "unixsocketperm 777", id="socket"),
    pytest.param(
        ["--enable-debug-command", "yes"], "enable-debug-command yes", id="debug"
    ),
    pytest.param(
        ["--enable-protected-configs", "yes"],
        "enable-protected-configs yes",
        id="protected configs",
    ),
    pytest.param(
        ["--busy-reply-threshold", "0"], "busy-reply-threshold 0", id="scripts"
    ),
    pytest.param(["--tcp-backlog", "1000000"], "tcp-backlog 1000000", id="backlog"),
    pytest.param(
        ["--user", "bob", "on", "nopass", "+get"], "user bob needs no pass", id="user"
    ),
]


@pytest.mark.parametrize(("options", "warning"), UNSAFE)
def test_start_warns_of_each_unsafe_setting(home, launch, options, warning):
    port = str(free_port())
    process = launch(*(option.format(port=port) for option in options))
    connect(home)

    output = stop(process)[1]

    assert re.search(rf" WARNING unsafe: {re.escape(warning)}", output), output
    assert output.count("unsafe: ") == 1


def test_start_warns_of_a_file_with_a_password_that_everybody_can_read(home, launch):
    path = home / "redis.conf"
    path.write_text(f"requirepass {SECRET}\n")
    path.chmod(0o644)
    process = launch(str(path))
    connect(home)

    output = stop(process)[1]

    assert f"unsafe: requirepass: {path} can be read by every user" in output


def test_ready_comes_last_and_the_stop_says_who_wanted_it(home, launch):
    process = launch()
    connect(home)

    lines = stop(process)[1].splitlines()

    assert [line.split(" ", 3)[3] for line in lines[-3:]] == [
        f"Ready to accept connections on {home}/s",
        "signal SIGTERM: the server stops",
        "stopped, with exit code 0",
    ]


def test_shutdown_is_told_with_the_client_that_wanted_it(home, launch):
    process = launch()
    client = connect(home)
    client.ask("CLIENT", "SETNAME", "deploy")
    number = client.ask("CLIENT", "ID")[1:-2].decode()

    client.send(b"SHUTDOWN\r\n")
    output, _ = process.communicate(timeout=60)

    stopped = rf" WARNING SHUTDOWN by client id={number} address=\S+ name=deploy: the"
    assert re.search(stopped, output)


def test_what_changes_the_server_is_told_with_who_did_it(home, launch):
    process = launch()
    client = connect(home)
    client.ask("CLIENT", "SETNAME", "deploy")
    client.ask("MSET", "a", "1", "b", "2")

    client.ask("CONFIG", "SET", "maxmemory", "100mb", "requirepass", SECRET)
    client.ask("CONFIG", "SET", "requirepass", "")
    client.ask("CONFIG", "SET", "no-such-setting", "1")
    client.ask("EVAL", "return redis.call('FLUSHALL')", "0")
    client.ask("SCRIPT", "FLUSH")
    client.ask("FUNCTION", "FLUSH")
    client.ask("CONFIG", "RESETSTAT")
    output = stop(process)[1]

    who = r"by client id=\d+ address=\S+ name=deploy"
    for line in (
        rf"CONFIG SET maxmemory 104857600 \(was 0\), {who}$",
        rf"CONFIG SET requirepass \(set\) \(was \(empty\)\), {who}$",
        rf"CONFIG SET requirepass \(empty\) \(was \(set\)\), {who}$",
        rf"FLUSHALL removed 2 keys, {who} \(a script\)$",
        rf"SCRIPT FLUSH removed 1 scripts, {who}$",
        rf"CONFIG RESETSTAT, {who}$",
    ):
        assert re.search(f" NOTICE {line}", output, re.MULTILINE), line
    assert SECRET not in output
    assert "no-such-setting" not in output


def test_failed_logins_are_told_at_a_bounded_rate(home, launch):
    process = launch("--requirepass", SECRET, "--login-failure-delay", "0")
    client = connect(home)

    for number in range(300):
        client.ask("AUTH", f"guess-{number}")
    client.ask("AUTH", "name-that-may-be-a-password", "x")
    client.ask("HELLO", 3, "AUTH", "default", "wrong")
    output = stop(process)[1]

    told = re.findall(r" WARNING wrong password for user=default, from client", output)
    assert len(told) == 10
    assert "more of that, logins that failed, is only counted now" in output
    assert "guess-" not in output
    assert "may-be-a-password" not in output


def test_refused_clients_are_told_with_the_reason(home, launch):
    process = launch("--maxclients", "1")
    client = connect(home)
    wait_until(lambda: client.ask("PING") == b"+PONG\r\n")

    refused = open_client(home).read()

    assert refused == b"-ERR max number of clients reached\r\n"
    assert b"\r\nrejected_connections:1\r\n" in client.ask("INFO", "stats")
    output = stop(process)[1]
    assert f" WARNING client address={home}/s refused: there are as many" in output


def test_times_have_the_zone_of_the_machine(home, launch, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    process = launch()
    connect(home)

    lines = stop(process)[1].splitlines()

    assert all(line.split()[1].endswith("+05:30") for line in lines)


def test_a_disk_that_takes_its_time_is_told_of_while_it_does(home, launch):
    library, slow = home / "slow_sync.so", home / "slow"
    compiler = next(filter(shutil.which, ("cc", "gcc", "clang")), "cc")
    source = Path(__file__).with_name("slow_sync.c")
    subprocess.run(
        [require_program(compiler), "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    environment = {"LD_PRELOAD": str(library), "SLOW_SYNC_FILE": str(slow)}
    log_file = home / "log"
    launch("--logfile", str(log_file), env={**os.environ, **environment})
    client = connect(home)

    slow.touch()
    assert client.ask("SET", "k", "v") == b"+OK\r\n"  # everysec waits for no disk
    wait_until(lambda: "the disk is busy: fdatasync of the log" in log_file.read_text())
    is_told_before_the_end = "the disk is slow" not in log_file.read_text()
    wait_until(lambda: "the disk is slow: fdatasync of" in log_file.read_text())
    slow.unlink()

    assert is_told_before_the_end
    wait_until(lambda: b"\r\nlog_slow_syncs:1\r\n" in client.ask("INFO", "persistence"))
