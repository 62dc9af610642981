"""`--import-found` brings in what a Redis server left in the data folder, once."""

import shutil

import pytest

from tests.server.test_keeping import Ours, replay
from tests.support.servers import start_redis
from tests.support.starts import start

NOT_READ = "which is not read: this server starts empty"


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Return folders with the files of a Redis server that was stopped."""
    folder = tmp_path_factory.mktemp("left")
    for name, options in {
        "dump.rdb": (),
        "appendonlydir": ("--appendonly", "yes"),
    }.items():
        with start_redis(*options) as redis:
            redis.connect().ask("SET", "k", name)
            redis.connect().ask("RPUSH", "list", "a", "b")
            redis.connect().ask("SAVE")
            redis.stop()
            if options:
                (redis.folder / "dump.rdb").unlink()
            shutil.copytree(redis.folder, folder / name)
    return folder


@pytest.fixture
def ours():
    started = []

    def start_one(*options):
        started.append(Ours(*options))
        return started[-1]

    yield start_one
    for server in started:
        server.__exit__()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dump.rdb", "appendonlydir"])
def test_data_that_is_found_is_there_when_clients_are_served(ours, left, name):
    server = ours()
    server.stop()
    for path in (left / name).iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(
            path, server.folder / path.name
        )

    server.start()  # as somebody does who knows nothing of it: the log is begun
    assert NOT_READ in server.output()
    assert "start it with --import-found" in server.output()
    assert server.connect().ask("DBSIZE") == b":0\r\n"
    server.stop()
    server._command.append("--import-found")
    server.start()

    client = server.connect()
    assert client.ask("GET", "k").split(b"\r\n")[1] == name.encode()
    assert client.ask("LRANGE", "list", "0", "-1").split(b"\r\n")[2::2] == [b"a", b"b"]
    told = f"{server.folder / name}: brought in 2 keys, as records 1 to "
    assert told in server.output()
    client.ask("SET", "k", "newer")
    server.stop()
    server.start()
    assert server.connect().ask("GET", "k") == b"$5\r\nnewer\r\n"
    assert server.output().count(told) == 1
    assert (server.folder / name).exists()
    server.stop()
    assert replay("verify", "--deep", server.folder).returncode == 0
    assert not (server.folder / "import.partial").exists()


@pytest.mark.slow
def test_data_that_cannot_be_read_stops_the_start_in_one_line(tmp_path):
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0011 and then nothing of the kind")
    text = f"import-found yes\ndir {tmp_path}\n"

    outcome = start(text, keeps_dir=True)

    assert (outcome.is_serving, outcome.exit_code) == (False, 1)
    line = outcome.output.splitlines()[-1]
    assert f"redis.conf:1: import-found: {tmp_path}/dump.rdb" in line
    assert "set import-found to no to start without its data" in line
    assert "Traceback" not in outcome.output
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
def test_nothing_that_is_found_is_a_start_like_any_other(tmp_path):
    outcome = start("import-found yes")

    assert outcome.is_serving, outcome.output
    assert "brought in" not in outcome.output


def test_memory_only_and_an_import_contradict_each_other():
    outcome = start('import-found yes\nappendonly no\nsave ""')

    assert (outcome.is_serving, outcome.exit_code) == (False, 1)
    assert "redis.conf:1: import-found yes: there is no log to" in outcome.output
