"""A server with a key file: nothing of the data is in the clear, on any file."""

import os
import stat
import subprocess
import sys

import pytest

from joblog.storage.encrypted import ENCRYPTED_MAGIC
from tests.parity.wire import encode
from tests.support.encrypted import make_key_file
from tests.support.waiting import wait_until

NEEDLE = "needle-7f3a"
SETTING = "--log-encryption-key-file"
REFUSED = {"missing": 20, "wrong": 21, "unusable": 22}


@pytest.fixture
def key(tmp_path):
    return make_key_file(tmp_path / "key", "a")


def replay(key, *words):
    environment = dict(os.environ)
    environment.pop("JOBLOG_KEY_FILE", None)
    if key is not None:
        environment["JOBLOG_KEY_FILE"] = str(key)
    return subprocess.run(
        [sys.executable, "-m", "joblog.replay", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def write_needles(server, count=300):
    connection = server.connect()
    for number in range(count):
        connection.send(
            encode(["SET", f"{NEEDLE}-key-{number}", f"{NEEDLE}-value-{number}" * 9])
        )
        connection.send(encode(["RPUSH", f"{NEEDLE}-list", f"{NEEDLE}-{number}"]))
    assert all(connection.read()[:1] in b"+:" for _ in range(2 * count))
    connection.close()


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def require_no_needle(folder):
    for path in files_of(folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # what was being made has its name now
        assert NEEDLE.encode() not in data, path
        assert not data or data.startswith(ENCRYPTED_MAGIC) or "lock" in path.name, path


def test_no_file_has_anything_in_the_clear(start, key):
    server = start(
        *(SETTING, str(key), "--segment-bytes-max", "65536", "--log-index", "yes"),
        *("--log-compression", "zlib"),
    )
    write_needles(server)
    connection = server.connect()
    # What packs the sealed segments may be at it, and is the same child.
    wait_until(lambda: connection.ask("SAVE") == b"+OK\r\n")
    write_needles(server)
    wait_until(lambda: connection.ask("SAVE") == b"+OK\r\n")
    wait_until(lambda: list(server.folder.glob("index/*.idx")))
    wait_until(lambda: list(server.folder.glob("snapshots/*.snap")))
    assert connection.ask("DEBUG", "RELOAD") == b"+OK\r\n"
    require_no_needle(server.folder)
    assert connection.ask("CLIENT", "AT", "@2")[:1] != b"-"
    assert NEEDLE.encode() in connection.ask("GET", f"{NEEDLE}-key-0")
    connection.close()
    server.kill()

    require_no_needle(server.folder)
    assert len(files_of(server.folder)) > 5
    done = replay(key, "verify", server.folder, "--deep")
    assert done.returncode == 0, done.stderr
    found = replay(key, "get", server.folder, f"{NEEDLE}-key-0")
    assert f"{NEEDLE}-value-0" in found.stdout
    assert all(
        stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files_of(server.folder)
    )


def test_replay_says_by_its_exit_code_that_a_key_is_missing(start, key, tmp_path):
    server = start(SETTING, str(key))
    write_needles(server, 3)
    server.stop()
    other = make_key_file(tmp_path / "other", "b")

    for wrong, text in ((None, "no key was given"), (other, "has no such key")):
        done = replay(wrong, "verify", server.folder)
        assert done.returncode == 4
        assert text in done.stderr
        assert len(done.stderr.splitlines()) == 1


def start_and_end(folder, *options):
    return subprocess.run(
        [
            *(sys.executable, "-m", "joblog", "--port", "0", "--dir", str(folder)),
            *("--unixsocket", str(folder.parent / "s"), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def make_folder(start, key):
    server = start(SETTING, str(key))
    write_needles(server, 3)
    server.stop()
    return server.folder


def test_a_start_without_the_key_is_refused(start, key):
    done = start_and_end(make_folder(start, key))

    assert done.returncode == REFUSED["missing"]
    assert "encrypted, and no key was given" in done.stdout + done.stderr


def test_a_start_with_another_key_is_refused(start, key, tmp_path):
    folder = make_folder(start, key)
    other = make_key_file(tmp_path / "other", "b")

    done = start_and_end(folder, SETTING, str(other))

    assert done.returncode == REFUSED["wrong"]
    assert "has no such key" in done.stdout + done.stderr


def test_a_key_file_that_is_none_is_refused_in_one_line(tmp_path):
    path = tmp_path / "key"
    path.write_text("sesame")
    path.chmod(0o600)

    done = start_and_end(tmp_path / "data", SETTING, str(path))
    checked = subprocess.run(
        [sys.executable, "-m", "joblog", "--check-config", SETTING, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stdout + done.stderr + checked.stderr
    assert done.returncode == checked.returncode == REFUSED["unusable"]
    assert said.count("line 1 of the key file is no key") == 2
    assert "sesame" not in said


def test_what_would_be_in_the_clear_beside_it_is_refused(start, key, tmp_path):
    done = start_and_end(tmp_path / "data", SETTING, str(key), "--rdb-compat", "yes")
    assert done.returncode == 1
    assert "in the clear" in done.stdout + done.stderr
    server = start(SETTING, str(key))
    connection = server.connect()

    assert connection.ask("CONFIG", "SET", "rdb-compat", "yes")[:1] == b"-"
    connection.close()


def test_a_folder_in_the_clear_is_gone_on_with(start, key):
    server = start()
    write_needles(server, 3)
    server.stop()
    plain = {path: path.read_bytes() for path in server.folder.glob("log/*.log")}
    server._command += [SETTING, str(key)]
    server.options += (SETTING, str(key))

    server.start()
    write_needles(server, 5)
    server.kill()

    sealed = [path for path in server.folder.glob("log/*.log") if path not in plain]
    assert len(sealed) == 1
    assert NEEDLE.encode() not in sealed[0].read_bytes()
    assert replay(key, "verify", server.folder).returncode == 0
    server.start()


def test_nothing_of_the_key_is_shown(start, key):
    server = start(SETTING, str(key), "--log-access", "yes")
    connection = server.connect()
    shown = [
        connection.ask(*words.split())
        for words in ("CONFIG GET *", "INFO all", "CLIENT LIST", "SLOWLOG GET")
    ]
    connection.close()

    assert str(key).encode() in shown[0]
    assert not any(b"aaaaaaaa" in reply for reply in shown)
    assert "aaaaaaaa" not in server.output()
    assert not any(b"aaaaaaaa" in path.read_bytes() for path in files_of(server.folder))
