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


# What each answers, on a moment where `list` is [a b], `hash` {f: 1}, `string` x and
# `zset` {m: 1}.
DISCARDED = [
    (("SET", "string", "y"), b"+OK\r\n"),
    (("SET", "string", "y", "GET"), b"$1\r\nx\r\n"),
    (("DEL", "string", "list", "none"), b":2\r\n"),
    (("LPUSH", "list", "c"), b":3\r\n"),
    (("LPOP", "list"), b"$1\r\na\r\n"),
    (("BLPOP", "list", "0"), b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n"),
    (("LMOVE", "list", "other", "LEFT", "RIGHT"), b"$1\r\na\r\n"),
    (("HINCRBY", "hash", "f", "5"), b":6\r\n"),
    (("SADD", "new", "1"), b":1\r\n"),
    (("ZADD", "zset", "5", "n"), b":1\r\n"),
    (("EXPIRE", "string", "0"), b":1\r\n"),
    (("PERSIST", "brief"), b":1\r\n"),
    (("RENAME", "hash", "gone"), b"+OK\r\n"),
    (("MOVE", "hash", "3"), b":1\r\n"),
    (("COPY", "hash", "copied", "DB", "2"), b":1\r\n"),
    (("SWAPDB", "0", "1"), b"+OK\r\n"),
    (("FLUSHALL",), b"+OK\r\n"),
    (("XADD", "stream", "7-7", "f", "v"), b"$3\r\n7-7\r\n"),
    (
        ("EVAL", "redis.call('SET', 'a', 1) return redis.call('INCR', 'a')", "0"),
        b":2\r\n",
    ),
    (
        ("EVAL", "redis.call('DEL', 'hash') return redis.error_reply('no')", "0"),
        b"-ERR no",
    ),
    (("FUNCTION", "FLUSH"), b"+OK\r\n"),
]


@pytest.fixture
def discarding():
    """Return a connection to a moment that discards writes, and another one."""
    with start_joblog() as server:
        live = server.connect()
        for line in (
            *("RPUSH list a b", "HSET hash f 1", "SET string x", "ZADD zset 1 m"),
            *("SET brief x PX 900000", "SELECT 1", "SET other x"),
        ):
            live.ask(*line.split())
        live.ask("FUNCTION", "LOAD", LIBRARY)
        with served(server.folder, "--discard-writes") as (facts, past):
            assert facts["is_discarding"]
            yield past


LIBRARY = """#!lua name=own
redis.register_function('put', function(keys) return redis.call('SET', keys[1], 9) end)
"""


def test_writes_to_a_moment_are_answered_and_not_kept(discarding):
    before = dump(discarding)
    wrong = []

    for words, reply in DISCARDED:
        first, second = discarding.ask(*words), discarding.ask(*words)
        if not (first.startswith(reply) and first == second):
            wrong.append((words, first, second))
        if dump(discarding) != before:
            wrong.append((words, "is kept"))

    assert wrong == []
    assert discarding.ask("FCALL", "put", "1", "k") == b"+OK\r\n"
    assert discarding.ask("EXISTS", "k") == b":0\r\n"


def test_transaction_of_a_moment_sees_its_own_writes_and_nobody_does_later(discarding):
    before = dump(discarding)
    lines = ("MULTI", "INCR n", "INCR n", "LPUSH list z", "LRANGE list 0 -1", "EXEC")

    script = ("EVAL", "return redis.call('SET', 'by-script', 1)", "0")
    for words in (*map(str.split, lines[:-1]), script):
        discarding.ask(*words)
    reply = discarding.ask("EXEC")

    assert reply.startswith(b"*5\r\n:1\r\n:2\r\n:3\r\n*3\r\n$1\r\nz\r\n")
    assert dump(discarding) == before


def test_who_waits_for_a_key_of_a_moment_is_told_when_the_time_is_over(discarding):
    began = time.monotonic()

    assert discarding.ask("BLPOP", "nothing", "0.3") == b"*-1\r\n"
    assert time.monotonic() - began >= 0.3
    assert discarding.ask("PTTL", "brief").startswith(b":")
    assert discarding.ask("TIME") == discarding.ask("TIME")


def test_writes_cannot_be_both_kept_and_discarded(folder):
    words = ("serve", str(folder), "--writable", "--discard-writes")

    assert CliRunner().invoke(main, words).exit_code == 2


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
