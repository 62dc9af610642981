"""Nothing is lost by a setting: what is kept, and what a start says of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT, ServerProcess, require_program, start_redis
from tests.support.waiting import wait_until

DEBIAN = Path("/etc/redis/redis.conf")
MINIMAL = "daemonize yes\nappendonly no\nappendfsync everysec\n"
SAVE_RULES = "appendonly is no, but there are save rules: the log is kept, though"
MEMORY_ONLY = "whatever this server holds is lost when it stops"


class Ours(ServerProcess):
    """This server, with an operator's own options and none of the tests'."""

    def __init__(self, *options):
        super().__init__("ours", [sys.executable, "-m", "joblog"], *options)

    def start(self):
        """Start without `--save ""`, which the tests give servers otherwise."""
        at = self._command.index("--save") if "--save" in self._command else None
        if at is not None and self._command[at:] == ["--save", "", *self.options]:
            del self._command[at : at + 2]
        super().start()


@pytest.fixture
def ours():
    started = []

    def start_one(*options):
        started.append(Ours(*options))
        return started[-1]

    yield start_one
    for server in started:
        server.__exit__()


def info(server):
    text = server.connect().ask("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n")[1:] if ":" in line)


def info_of_written(server):
    """Return the same once it tells of a record; it is brought up to date by cron."""
    wait_until(lambda: info(server).get("log_last_seq", "0") != "0")
    return info(server)


def replay(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "joblog.replay", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_server_of_debians_configuration_keeps_its_data_over_a_restart(
    ours, tmp_path, end
):
    conf = tmp_path / "redis.conf"
    conf.write_text(DEBIAN.read_text() if DEBIAN.exists() else MINIMAL)
    server = ours(*("--daemonize", "no", "--logfile", ""), *("--pidfile", ""))
    server.stop()
    server._command.insert(3, str(conf))
    server.start()
    assert server.connect().ask("SET", "k", "v") == b"+OK\r\n"

    getattr(server, end)()
    server.start()

    assert server.connect().ask("GET", "k") == b"$1\r\nv\r\n"
    assert server.output().count(SAVE_RULES) == 2
    facts = info(server)
    assert facts["log_mode"] == "save-rules"
    assert facts["aof_enabled"] == "0"
    assert server.connect().ask("CONFIG", "GET", "appendonly").endswith(b"no\r\n")
    wait = server.connect().ask("WAITAOF", "1", "0", "100")
    assert wait.endswith(b"numlocal is set but appendonly is disabled.\r\n")


@pytest.mark.slow
def test_log_of_save_rules_is_not_synced_before_replies(ours):
    server = ours("--appendonly", "no", "--appendfsync", "always")
    client = server.connect()

    client.ask("SET", "k", "v")

    facts = info_of_written(server)
    assert int(facts["log_last_seq"]) > int(facts["log_synced_seq"])


@pytest.mark.slow
def test_log_is_kept_as_appendfsync_says_where_appendonly_is_on(ours):
    server = ours("--appendfsync", "always")
    client = server.connect()

    client.ask("SET", "k", "v")

    facts = info_of_written(server)
    assert facts["log_mode"] == "appendonly"
    assert facts["log_synced_seq"] == facts["log_last_seq"]
    assert SAVE_RULES not in server.output()
    assert MEMORY_ONLY not in server.output()


BY_NAME = [
    pytest.param(("--memory-only",), "memory-only yes", id="memory-only"),
    pytest.param(
        ("--appendonly", "no", "--save", ""), "appendonly no and save", id="no save"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("options", "why"), BY_NAME)
def test_memory_only_is_said_at_the_start_in_info_and_by_replay(ours, options, why):
    server = ours(*options)
    server.connect().ask("SET", "k", "v")

    facts = info(server)
    told = replay("info", server.folder)

    assert (facts["log_mode"], facts["aof_enabled"]) == ("memory-only", "0")
    assert f"memory only ({why}" in server.output()
    assert MEMORY_ONLY in server.output()
    assert told.returncode == 1
    assert f"process {server.process.pid} keeps memory only here since" in told.stderr
    assert sorted(path.name for path in server.folder.iterdir()) == ["memory-only"]


@pytest.mark.slow
def test_mark_goes_with_the_next_server_that_keeps_a_log(ours):
    server = ours("--memory-only", "no")
    client = server.connect()
    client.ask("SET", "k", "v")
    assert not (server.folder / "memory-only").exists()
    server.stop()

    server._command[-1] = "yes"
    server.start()
    assert "has a log, which is not read: this server starts empty" in server.output()
    assert server.connect().ask("DBSIZE") == b":0\r\n"
    told = replay("info", server.folder, "--json")
    server.stop()
    server._command[-1] = "no"
    server.start()

    assert "keeps memory only here" in told.stderr
    assert "keeps memory only here" in json.loads(told.stdout)["memory_only"]
    assert server.connect().ask("GET", "k") == b"$1\r\nv\r\n"
    assert replay("info", server.folder).stderr == ""


@pytest.mark.slow
def test_memory_only_starts_where_nothing_can_be_written(ours):
    server = ours("--memory-only")
    server.stop()
    server.folder.joinpath("memory-only").unlink()
    server.folder.rmdir()
    server.folder.write_text("no folder")

    server.start()

    assert "'replay' will not know of this" in server.output()
    assert server.connect().ask("SET", "k", "v") == b"+OK\r\n"
    server.stop()
    server.folder.unlink()


FOREIGN = [
    pytest.param((), "dump.rdb", id="RDB"),
    pytest.param(("--dbfilename", "other.rdb"), "other.rdb", id="RDB of another name"),
    pytest.param(("--appendonly", "yes"), "appendonlydir", id="AOF"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("options", "name"), FOREIGN)
def test_data_of_redis_in_the_folder_is_one_line_that_points_to_replay_import(
    ours, options, name
):
    require_program("redis-server")
    with start_redis(*options) as redis:
        redis.connect().ask("SET", "k", "v")
        redis.connect().ask("SAVE")
        redis.stop()
        data = redis.folder / name
        server = ours(*("--dir", str(redis.folder)), *options)

        lines = [x for x in server.output().split("\n") if "data of a Redis" in x]

        assert server.connect().ask("DBSIZE") == b":0\r\n"
        assert len(lines) == 1
        assert f"{data} holds data of a Redis server, which is not read" in lines[0]
        assert f"or run 'replay import NEW_DIR {data}'" in lines[0]
        server.stop()
        # And as it says.
        new = redis.folder / "new"
        assert replay("import", new, data).returncode == 0
        server._command += ["--dir", str(new)]
        server.start()
        assert server.connect().ask("GET", "k") == b"$1\r\nv\r\n"
