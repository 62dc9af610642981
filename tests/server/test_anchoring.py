"""`log-anchor-command`: the log's digest, kept elsewhere."""

import subprocess
import time

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.server.persistence import info
from tests.support.servers import require_package, require_program
from tests.support.waiting import wait_until

SMALL = ("--segment-bytes-max", "4096")


@pytest.fixture
def anchors(tmp_path):
    return tmp_path / "elsewhere"


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def verify(server, *words):
    words = ["verify", str(server.folder), *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def newest_segment(server):
    """Return the number of the first record of the segment that is written."""
    return max(int(path.stem) for path in (server.folder / "log").glob("*.log"))


def test_each_seal_is_anchored_and_the_anchors_prove_the_log(start, anchors):
    command = f"cat >> {anchors}"
    server = start(*SMALL, "--log-anchor-command", command, "--log-anchor-seconds", "0")
    connection = server.connect()
    # Write until there is a seal, however long the disk takes for one.
    wait_until(
        lambda: connection.ask("SET", "k", "x" * 200) and newest_segment(server) > 41
    )
    connection.ask("WAITAOF", "1", "0", "0")

    wait_until(lambda: int(info(connection)["log_anchor_seq"]) > 40, server.output)

    fields = info(connection)
    assert (fields["log_anchor_status"], fields["log_anchor_enabled"]) == ("ok", "1")
    assert int(fields["log_anchor_taken"]) == len(lines(anchors)) >= 1
    told = verify(server, "--anchors", anchors)
    assert told.exit_code == 0, told.output
    assert f"unedited up to seq {fields['log_anchor_seq']}: {anchors}" in told.stdout


def test_a_log_that_grows_slowly_is_anchored_every_so_often(start, anchors):
    command = f"cat >> {anchors}"
    server = start("--log-anchor-command", command, "--log-anchor-seconds", "1")
    connection = server.connect()
    for number in range(2):
        connection.ask("SET", "k", str(number))
        connection.ask("WAITAOF", "1", "0", "0")
        wait_until(lambda number=number: len(lines(anchors)) > number, server.output)

    count = len(lines(anchors))
    time.sleep(2.5)  # the log grows no more, so there is nothing to anchor
    assert len(lines(anchors)) <= count + 1
    assert verify(server, "--anchors", anchors).exit_code == 0


def test_command_that_fails_is_told_and_tried_again(start, tmp_path, anchors):
    gate = tmp_path / "gate"
    command = f"test -e {gate} && cat >> {anchors} || (echo closed >&2; exit 7)"
    server = start("--log-anchor-command", command, "--log-anchor-seconds", "1")
    connection = server.connect()
    connection.ask("SET", "k", "v")

    wait_until(lambda: info(connection)["log_anchor_status"] == "err", server.output)
    assert "exit code 7" in info(connection)["log_anchor_error"]
    assert "closed" in info(connection)["log_anchor_error"]
    gate.touch()
    wait_until(lambda: info(connection)["log_anchor_status"] == "ok", server.output)

    assert len(lines(anchors)) >= 1
    assert "log-anchor-command ended with exit code 7" in server.output()


def test_key_signs_what_the_command_gets(start, tmp_path, anchors):
    require_package("cryptography")
    openssl = require_program("openssl")
    key = tmp_path / "key.pem"
    subprocess.run(
        [openssl, "genpkey", "-algorithm", "ed25519", "-out", str(key)],
        check=True,
        capture_output=True,
    )
    server = start(
        *("--log-anchor-command", f"cat >> {anchors}"),
        *("--log-anchor-seconds", "1", "--log-anchor-key", str(key)),
    )
    server.connect().ask("SET", "k", "v")

    wait_until(lambda: lines(anchors), server.output)

    digits = lines(anchors)[-1].split()[-2]
    told = verify(server, "--anchors", anchors, "--key", digits)
    assert told.exit_code == 0, told.output


def test_key_that_is_none_is_told(start, tmp_path, anchors):
    server = start(
        *("--log-anchor-command", f"cat >> {anchors}"),
        *("--log-anchor-seconds", "1", "--log-anchor-key", str(tmp_path / "none.pem")),
    )
    connection = server.connect()
    connection.ask("SET", "k", "v")

    wait_until(lambda: info(connection)["log_anchor_status"] == "err", server.output)

    assert "none.pem" in info(connection)["log_anchor_error"]
    assert all(line.startswith("joblog-anchor 1 ") for line in lines(anchors))


def test_command_that_hangs_does_not_keep_the_server(start, tmp_path):
    pid = tmp_path / "pid"
    server = start(
        *("--log-anchor-command", f"echo $$ > {pid}; sleep 600"),
        *("--log-anchor-seconds", "1"),
    )
    connection = server.connect()
    connection.ask("SET", "k", "v")
    wait_until(lambda: pid.exists() and pid.read_text().strip(), server.output)

    began = time.monotonic()
    assert server.stop() in (0, None)

    assert time.monotonic() - began < 10
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["kill", "-0", pid.read_text().strip()], check=True)
