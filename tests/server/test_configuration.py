"""What an operator meets who brings a redis.conf of his own, on real processes."""

import subprocess
import sys
import tempfile

import pytest

from tests.support.servers import ROOT, ServerProcess, require_program

SECONDS = 60


def refused(*arguments, text=None):
    """Start the server over a configuration; return its exit code and what it said."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "joblog", *arguments, "--dir", f"{home}/data"],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    return done.returncode, done.stdout + done.stderr


def conf(tmp_path, text):
    path = tmp_path / "redis.conf"
    path.write_text(text)
    return str(path)


REFUSALS = [
    ("port 6379\naclfile /none/users.acl\n", 2, "aclfile: Error loading ACLs, opening"),
    ("user app on >sesame ~* +@all sesame\n", 1, "user: Syntax error"),
    ("user app on\nuser app off\n", 2, "user: Duplicate user 'app' found"),
    ("user app on +get\naclfile /x\n", 2, "aclfile: users stand in the file or in"),
    (
        "\n\ncluster-enabled yes\n",
        3,
        "cluster-enabled yes: this server has no cluster mode",
    ),
    ("appendonly maybe\n", 1, "appendonly maybe: argument must be 'yes' or 'no'"),
    ("requirepas sesame\n", 1, "requirepas: Bad directive"),
    ('rename-command NOSUCH ""\n', 1, "rename-command: there is no command"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "line", "says"), REFUSALS)
def test_refusal_is_one_line_with_file_line_directive_and_what_to_do(
    tmp_path, text, line, says
):
    path = conf(tmp_path, text)

    code, output = refused(path, "--port", "0")

    assert code == 1
    assert output.count("\n") == 1
    assert f"{path}:{line}: {says}" in output
    assert "sesame" not in output


@pytest.mark.slow
def test_logfile_that_cannot_be_written_is_a_line(tmp_path):
    path = conf(tmp_path, f"logfile {tmp_path}/none/redis.log\n")

    code, output = refused(path, "--port", "0")

    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith(f"{path}:1: logfile {tmp_path}/none/redis.log: No such ")


@pytest.mark.slow
def test_pidfile_that_cannot_be_written_is_a_warning(start, tmp_path):
    server = start("--pidfile", str(tmp_path / "none" / "pid"))

    assert "pidfile" in server.output()
    assert server.connect().ask("PING") == b"+PONG\r\n"
    assert server.stop() == 0


OFF = (
    *("--rename-command", "FLUSHALL", ""),
    *("--rename-command", "config", ""),
    *("--rename-command", "INCR", ""),
)


@pytest.mark.slow
def test_command_that_is_switched_off_is_unknown_on_every_road_and_still_folds(
    start, fold_equals_live
):
    server = start()
    client = server.connect()
    client.ask("INCR", "n")
    client.ask("FLUSHALL")
    client.ask("INCRBY", "kept", "1")
    client.ask("INCR", "kept")
    server.stop()
    server._command += OFF

    server.start()
    client = server.connect()

    assert client.ask("GET", "kept") == b"$1\r\n2\r\n"
    for name in ("FLUSHALL", "flushall", "Incr"):
        unknown = f"-ERR unknown command '{name}'".encode()
        assert client.ask(name, "kept").startswith(unknown)
    assert client.ask("CONFIG", "GET", "*").startswith(b"-ERR unknown command 'CONFIG'")
    assert client.ask("COMMAND", "INFO", "incr") == b"*1\r\n$-1\r\n"
    script = client.ask("EVAL", "return redis.call('incr', 'kept')", "0")
    assert script.startswith(b"-ERR Unknown Redis command called from script")
    client.ask("MULTI")
    assert client.ask("INCR", "kept").startswith(b"-ERR unknown command 'INCR'")
    assert client.ask("EXEC").startswith(b"-EXECABORT")
    assert client.ask("DEBUG", "RELOAD") == b"+OK\r\n"
    assert client.ask("GET", "kept") == b"$1\r\n2\r\n"
    fold_equals_live(server)


@pytest.mark.slow
def test_default_user_of_a_rewritten_configuration_starts_the_server(tmp_path):
    """The file is the one that the real server's own CONFIG REWRITE writes."""
    path = tmp_path / "redis.conf"
    path.write_text("hz 10\n")
    program = [require_program("redis-server"), str(path)]
    with ServerProcess("Redis", program) as redis:
        client = redis.connect()
        assert client.ask("CONFIG", "SET", "requirepass", "sesame") == b"+OK\r\n"
        assert client.ask("CONFIG", "REWRITE") == b"+OK\r\n"
    lines = path.read_text().split("\n")
    kept = [line for line in lines if line.startswith(("user", "requirepass"))]
    assert len(kept) == 2
    path.write_text("\n".join(kept))

    with ServerProcess("ours", [sys.executable, "-m", "joblog", str(path)]) as server:
        client = server.connect()
        assert client.ask("PING").startswith(b"-NOAUTH")
        assert client.ask("AUTH", "sesame") == b"+OK\r\n"


@pytest.mark.slow
def test_script_with_a_nul_in_its_first_line_is_answered(server):
    client = server.connect()

    assert client.ask("EVAL", "#!lua \0\nreturn 1", "0") == b":1\r\n"
    assert client.ask("PING") == b"+PONG\r\n"
