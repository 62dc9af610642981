"""`replay serve`: what clients see of a moment is what they saw when it was."""

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.parity.wire import Aggregate, Connection, parse
from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS, start_joblog

COMMANDS = [
    "SET str{n} {v}",
    "APPEND str{n} {v}",
    "SET str{n} {v} PX 900000",
    "SETRANGE bin{n} 5 {v}",
    "SETBIT bits{n} 17 1",
    "INCRBYFLOAT num{n} 1.5",
    "HSET hash{n} f{v} {v} g{n} 1",
    "HDEL hash{n} f{v}",
    "RPUSH list{n} {v} x{v}",
    "LPOP list{n}",
    "LMOVE list{n} list0 LEFT RIGHT",
    "SADD set{n} {v} m{v}",
    "SPOP set{n}",
    "ZADD zset{n} {v} m{v}",
    "ZINCRBY zset{n} 2 m{v}",
    "ZPOPMIN zset{n}",
    "XADD stream{n} * f {v}",
    "XGROUP CREATE stream{n} group 0 MKSTREAM",
    "XREADGROUP GROUP group c{v} COUNT 1 STREAMS stream{n} >",
    "XTRIM stream{n} MAXLEN 3",
    "PFADD hll{n} {v}",
    "GEOADD geo{n} 1{v} 2{v} place{v}",
    "PEXPIRE hash{n} 800000",
    "PERSIST hash{n}",
    "RENAME str{n} str0",
    "COPY list{n} copy{v} REPLACE",
    "DEL set{n} zset{n}",
    "MOVE num{n} 1",
    "FLUSHDB",
]


@contextlib.contextmanager
def served(folder, *options):
    """Serve a folder by `replay serve`; yield its facts and a connection."""
    with tempfile.TemporaryDirectory(prefix="joblog-") as home:
        path = f"{home}/s"
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "joblog.replay",
                    "serve",
                    str(folder),
                    "--json",
                ),
                *("--port", "0", "--unixsocket", path, *options),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            facts = json.loads(process.stdout.readline())
            connection = Connection(path)
            yield facts, connection
            connection.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def ask(connection, *words):
    return parse(connection.ask(*words))


def dump(connection):
    """Return all that a client can see: each key's DUMP and deadline, by database."""
    found = {}
    for db in (0, 1):
        assert connection.ask("SELECT", db) == b"+OK\r\n"
        keys = ask(connection, "KEYS", "*")
        assert isinstance(keys, Aggregate)
        for key in sorted(bulk.data for bulk in keys.items):
            found[db, key] = (
                connection.ask("DUMP", key),
                connection.ask("PEXPIRETIME", key),
            )
    connection.ask("SELECT", 0)
    return found


def seq_of(connection):
    return int(connection.ask("LOG.INFO").split(b"last_seq\r\n:")[1].split(b"\r")[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_moment_is_served_as_a_client_saw_it_live(seed):
    chance = random.Random(seed)
    seen = {}
    with start_joblog() as server:
        live = server.connect()
        for number in range(400):
            line = "FLUSHDB"
            while line == "FLUSHDB" and number % 150:
                line = chance.choice(COMMANDS)
            words = line.format(n=chance.randrange(3), v=chance.randrange(9)).split()
            live.ask(*words)
            if number % 100 == 99:
                seen[seq_of(live)] = dump(live)
        for seq, state in seen.items():
            with served(server.folder, "--at", f"@{seq}") as (facts, past):
                assert facts["seq"] == seq
                assert dump(past) == state


@pytest.fixture
def folder():
    """Return the folder of a server that still runs: a is 1, then 2."""
    with start_joblog() as server:
        connection = server.connect()
        connection.ask("SET", "a", "1", "PX", "100000")
        connection.ask("SET", "a", "2")
        yield server.folder


def test_past_is_read_only_and_stands_still(folder):
    with served(folder, "--at", "@2") as (_, past):
        assert past.ask("SET", "a", "3").startswith(b"-READONLY ")
        assert past.ask("PTTL", "a") == b":100000\r\n"
        assert past.ask("GET", "a") == b"$1\r\n1\r\n"


def test_writable_copy_leaves_the_log_as_it_is(folder):
    before = [path.read_bytes() for path in sorted(Path(folder, "log").iterdir())]

    with served(folder, "--at", "@2", "--writable") as (facts, copy):
        assert facts["is_writable"]
        assert copy.ask("SET", "b", "9") == b"+OK\r\n"
        assert copy.ask("PEXPIRE", "a", "1") == b":1\r\n"
        deadline = time.monotonic() + START_SECONDS
        while copy.ask("GET", "a") != b"$-1\r\n":
            assert time.monotonic() < deadline

    after = [path.read_bytes() for path in sorted(Path(folder, "log").iterdir())]
    assert after == before


def test_address_in_use_is_one_line_and_an_exit_code(folder, tmp_path):
    result = CliRunner().invoke(
        main,
        [
            "serve",
            str(folder),
            "--port",
            "0",
            "--unixsocket",
            str(tmp_path / "no" / "s"),
        ],
    )

    assert result.exit_code == 1
    assert result.stderr.startswith("replay: ")


def test_nowhere_to_listen_is_a_wrong_command_line(folder):
    result = CliRunner().invoke(main, ["serve", str(folder), "--port", "0"])

    assert result.exit_code == 2
