"""`replay follow`: a log of what a real server does, and what `replay` says of it."""

import json
import signal
import subprocess
import sys

from tests.support.cutting import CuttingRelay
from tests.support.servers import start_redis
from tests.support.waiting import wait_until


def replay(*words):
    return subprocess.run(
        [sys.executable, "-m", "joblog.replay", *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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
