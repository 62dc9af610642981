"""A replica with a key file: a master's data is on its disk in the clear at no time."""

import os

import pytest

from joblog.actors.master.spool import let_go, make_place
from joblog.app.config import Config
from joblog.app.history.positions import DatasetFile, dataset_path, open_dataset
from joblog.storage.encrypted import ENCRYPTED_MAGIC
from tests.support.encrypted import make_key_file
from tests.support.processes import free_port
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until

NEEDLE = b"needle-7f3a"


def test_what_a_master_sends_is_encrypted(pair, tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    both = pair("redis7", "--log-encryption-key-file", str(key))
    both.tell("SET", "before", NEEDLE)
    both.wait_until_up()
    both.tell("SET", "behind", NEEDLE)
    both.wait_until_same()

    assert NEEDLE in both.ask("GET", "before")
    assert NEEDLE in both.ask("GET", "behind")
    for path in both.replica.folder.rglob("*"):
        assert not path.is_file() or NEEDLE not in path.read_bytes(), path


def test_a_dataset_is_encrypted_while_it_comes(tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    config = Config({"dir": str(tmp_path), "log-encryption-key-file": str(key)})
    data = NEEDLE * 300_000
    file = DatasetFile(config)
    for start in range(0, len(data), 100_000):
        file.write(data[start : start + 100_000])
    file.close()
    on_disk = dataset_path(config).read_bytes()
    assert on_disk.startswith(ENCRYPTED_MAGIC)
    assert NEEDLE not in on_disk

    found, steps = open_dataset(dataset_path(config), str(key))
    with found:
        assert sum(1 for _ in steps) > 2
        is_same = found.read() == data
    assert is_same


def test_a_replica_is_sent_a_dataset_that_is_on_no_disk(start_joblog_and_redis):
    server, redis = start_joblog_and_redis
    seen = set()

    def is_there():
        seen.update(path.name for path in server.folder.iterdir())
        return NEEDLE in redis.connect().ask("GET", "key")

    wait_until(is_there)
    assert not any("replicas" in name for name in seen)
    for path in server.folder.rglob("*"):
        assert not path.is_file() or NEEDLE not in path.read_bytes(), path


@pytest.fixture
def start_joblog_and_redis(tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1")
    with start_joblog(*options, "--log-encryption-key-file", str(key)) as server:
        server.connect().ask("SET", "key", NEEDLE)
        with start_redis("--replicaof", "127.0.0.1", str(port)) as redis:
            yield server, redis


def test_what_is_made_in_memory_is_gone_once_nobody_has_it_open(tmp_path):
    path = make_place(tmp_path, "replicas-1.rdb", "key")
    path.write_bytes(NEEDLE)
    file = os.open(path, os.O_RDONLY)
    let_go(path)

    assert os.pread(file, 100, 0) == NEEDLE
    os.close(file)
    assert list(tmp_path.iterdir()) == []
    plain = make_place(tmp_path, "replicas-1.rdb", "")
    plain.write_bytes(NEEDLE)
    assert list(tmp_path.iterdir()) == [plain]
    let_go(plain)
    assert list(tmp_path.iterdir()) == []
