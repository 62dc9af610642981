"""A key is changed while the server serves: by its key file, and a SIGHUP."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.support.encrypted import make_key_file
from tests.support.waiting import wait_until


@pytest.fixture
def key(tmp_path):
    return make_key_file(tmp_path / "key", "a")


def fields(connection):
    text = connection.ask("INFO", "persistence").decode()
    return dict(re.findall(r"(log_encryption\w+):([^\r]*)", text))


def change(server, key, *digits):
    make_key_file(key, *digits)
    server.process.send_signal(signal.SIGHUP)


def verify(folder, key):
    return subprocess.run(
        [sys.executable, "-m", "joblog.replay", "verify", str(folder)],
        env={**os.environ, "JOBLOG_KEY_FILE": str(key), "REPLAY_INDEX": "off"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_key_is_changed_while_the_server_serves(start, key, tmp_path):
    server = start(
        *("--log-encryption-key-file", str(key), "--segment-bytes-max", "4096")
    )
    connection = server.connect()
    for number in range(60):
        assert connection.ask("SET", f"a{number}", "x" * 200) == b"+OK\r\n"
    assert connection.ask("SAVE") == b"+OK\r\n"
    wait_until(lambda: fields(connection), server.output)
    old = fields(connection)
    assert (old["log_encryption_keys"], old["log_encryption_rekeying"]) == ("1", "0")

    change(server, key, "b", "a")
    wait_until(lambda: fields(connection)["log_encryption_keys"] == "2", server.output)
    for number in range(60):
        assert connection.ask("SET", f"b{number}", "x" * 200) == b"+OK\r\n"
    wait_until(
        lambda: fields(connection)["log_encryption_rekeying"] == "0", server.output
    )
    new = fields(connection)
    assert new["log_encryption_key"] != old["log_encryption_key"]
    assert int(new["log_encryption_rekeyed_files"]) > 1
    assert verify(server.folder, make_key_file(tmp_path / "new", "b")).returncode == 0
    assert verify(server.folder, make_key_file(tmp_path / "old", "a")).returncode == 4

    change(server, key, "b")
    wait_until(lambda: fields(connection)["log_encryption_keys"] == "1", server.output)
    assert connection.ask("SET", "c", "1") == b"+OK\r\n"
    connection.close()
    server.kill()
    server.start()
    assert server.connect().ask("DBSIZE") == b":121\r\n"


def test_a_change_that_was_interrupted_is_gone_on_with_at_the_start(start, key):
    server = start("--log-encryption-key-file", str(key))
    assert server.connect().ask("SET", "a", "1") == b"+OK\r\n"
    server.kill()
    make_key_file(key, "b", "a")

    server.start()

    connection = server.connect()
    wait_until(
        lambda: fields(connection).get("log_encryption_rekeying") == "0", server.output
    )
    assert connection.ask("GET", "a") == b"$1\r\n1\r\n"
    connection.close()


def test_a_key_file_that_lacks_a_key_is_not_taken(start, key):
    server = start("--log-encryption-key-file", str(key))
    connection = server.connect()
    assert connection.ask("SET", "a", "1") == b"+OK\r\n"
    for digits, says in ((("c",), "lacks the key"), (("z",), "is no key")):
        change(server, key, *digits)
        wait_until(lambda says=says: says in server.output(), server.output)
    make_key_file(key, "a")

    wait_until(lambda: fields(connection), server.output)
    assert fields(connection)["log_encryption_keys"] == "1"
    assert connection.ask("SET", "a", "2") == b"+OK\r\n"
    connection.close()
