"""`replay follow`: a log of what a real server does, and what `replay` says of it."""

import json
import os
import signal
import subprocess
import sys

from joblog.replay.output.exits import NOTHING
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until


def replay(*words):
    return subprocess.run(
        [sys.executable, "-m", "joblog.replay", *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def start_tap(url, folder, **environment):
    """Start a tap; it is a process whose standard error can be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "joblog.replay", "follow", url, str(folder)],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_recorded(client):
    """Wait until a tap has all that the master did.

    A replica that has been sent the dataset counts for what was written before, though
    it may not have taken it yet; what is written then it has to acknowledge.
    """
    wait_until(lambda: client.ask("WAIT", 1, 1000) == b":1\r\n")
    client.ask("INCR", "asked")
    wait_until(lambda: client.ask("WAIT", 1, 1000) == b":1\r\n")


def test_an_encrypted_tap_goes_on(tmp_path):
    key = tmp_path / "key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    with start_redis("--repl-diskless-sync-delay", "0") as master:
        client = master.connect()
        client.ask("SET", "before", 1)
        with CuttingRelay(master.path) as relay:
            url = f"redis://127.0.0.1:{relay.port}"
            for _ in range(2):
                tap = start_tap(url, tmp_path / "tapped", JOBLOG_KEY_FILE=str(key))
                try:
                    wait_until_recorded(client)
                finally:
                    tap.send_signal(signal.SIGTERM)
                    _, said = tap.communicate()
                assert tap.returncode == 0, said
        assert b"sync_full:1\r\n" in client.ask("INFO", "stats")


def test_a_tap_that_is_killed_and_a_master_that_is_gone(tmp_path):
    folder = tmp_path / "tapped"
    with start_redis("--repl-diskless-sync-delay", "0") as master:
        client = master.connect()
        client.ask("SET", "before", 1)
        with CuttingRelay(master.path) as relay:
            url = f"redis://127.0.0.1:{relay.port}"
            for number in range(2):
                tap = start_tap(url, folder)
                try:
                    client.ask("RPUSH", "queue", f"job{number}")
                    wait_until_recorded(client)
                finally:
                    tap.kill()
                    tap.communicate()
                client.ask("RPUSH", "queue", f"while it was away {number}")
            tap = start_tap(url, folder)
            try:
                wait_until_recorded(client)
                relay.shut(is_shut=True)
                client.ask("RPUSH", "queue", "while the link was down")
                assert any("is down" in line for line in tap.stderr)
                relay.shut(is_shut=False)
                wait_until_recorded(client)
                again = start_tap(url, folder)
                _, said = again.communicate()
            finally:
                tap.send_signal(signal.SIGINT)
                tap.communicate()
        stats = client.ask("INFO", "stats")

    assert again.returncode == NOTHING
    assert "another" in said
    assert tap.returncode == 0
    assert b"sync_full:1\r\n" in stats
    log = replay("log", folder, "--plain")
    lines = [line for line in log.splitlines() if "RPUSH" in line]
    assert [log.count(f"job{number}") for number in range(2)] == [1, 1]
    assert len(lines) == 5


def test_a_folder_with_data_of_its_own_is_not_followed_into(tmp_path):
    with start_joblog() as server:
        server.connect().ask("SET", "own", 1)
        server.stop()
        tap = start_tap("redis://127.0.0.1:1", server.folder)
        _, said = tap.communicate()

    assert tap.returncode == NOTHING
    assert "has data of its own" in said


def test_a_tap_in_one_line(tmp_path):
    folder = tmp_path / "tapped"
    with start_redis("--repl-diskless-sync-delay", "0") as master:
        client = master.connect()
        client.ask("SET", "before", 1)
        with CuttingRelay(master.path) as relay:
            url = f"redis://127.0.0.1:{relay.port}"
            tap = subprocess.Popen(
                [sys.executable, "-m", "joblog.replay", "follow", url, str(folder)],
                stderr=subprocess.PIPE,
            )
            try:
                wait_until(lambda: client.ask("WAIT", 1, 100) == b":1\r\n")
                client.ask("RPUSH", "queue", "job")
                client.ask("LPOP", "queue")
                wait_until(lambda: client.ask("WAIT", 1, 1000) == b":1\r\n")

                info = json.loads(replay("info", folder, "--json"))
                log = replay("log", folder, "--plain")
                words = [sys.executable, "-m", "joblog.replay", "why", folder, "queue"]
                why = subprocess.run(words, capture_output=True, text=True, check=True)
            finally:
                tap.send_signal(signal.SIGTERM)
                _, said = tap.communicate()
            master_address = f"127.0.0.1:{relay.port}"

    assert tap.returncode == 0, said
    assert info["master"]["address"] == master_address
    assert info["master"]["is_followed"]
    assert info["master"]["offset"] > 0
    assert "SET before 1" in log
    assert f"{master_address}" in log
    assert "RPUSH queue job" in log
    assert "LPOP queue" in log
    assert f"{master_address} is a master that this log follows" in why.stderr
    assert "LPOP queue" in why.stdout
