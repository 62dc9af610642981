"""A long log is checked and loaded while clients are told so."""

import contextlib
import re
import subprocess
import time

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from tests.parity.wire import Connection, encode
from tests.support.servers import START_SECONDS, require_program
from tests.support.services import open_client

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
RECORDS = 300_000
FEW_RECORDS = 10_000
SLOWLY = ("--key-load-delay", "500")  # 5 s for the few


def append_many(folder, records=RECORDS):
    """Append many records to a log, as a server does; all are in one segment."""
    log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 1)
    for first in range(0, records, 1000):
        entries = [
            (1, 0, [[b"SET", b"key:%d" % number, b"v"]], 1)
            for number in range(first, first + 1000)
        ]
        log.append(entries, log.last_seq)
        log.sync()
    log.close()


def connect_at_once(home):
    """Return a connection as soon as anybody listens."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            return open_client(home)
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_until_loaded(client):
    deadline = time.monotonic() + START_SECONDS
    while client.ask("PING") == LOADING:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def number_of(field, info):
    return float(re.search(rb"\r\n%b:([\d.]+)\r\n" % field, info)[1])


@pytest.mark.slow
def test_clients_are_told_that_the_log_is_checked_then_loaded(home, launch):
    append_many(home / "data")
    process = launch("--enable-debug-command", "yes")
    client = connect_at_once(home)

    first, checking = client.ask("GET", "key:1"), client.ask("INFO", "persistence")
    infos = [checking]
    while (last := client.ask("GET", "key:1")) == LOADING:
        infos.append(client.ask("INFO", "persistence"))
        time.sleep(0.01)

    assert first == LOADING
    assert last == b"$1\r\nv\r\n"
    assert client.ask("DBSIZE") == b":%d\r\n" % RECORDS
    loading = [info for info in infos if b"\r\nloading:1\r\n" in info]
    # The port was open while the end of the log was checked, or at its end.
    checked = number_of(b"loading_checked_bytes", checking)
    assert checked <= number_of(b"loading_checked_total_bytes", loading[-1])
    shares = [number_of(b"loading_loaded_perc", info) for info in loading]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 100
    assert number_of(b"loading_total_bytes", loading[-1]) > RECORDS
    assert b"\r\nloading:0\r\n" in client.ask("INFO", "persistence")
    process.terminate()
    output, _ = process.communicate(timeout=60)
    whole, ready = output.index("whole up to seq"), output.index("Ready to accept")
    assert whole < ready
    assert "Traceback" not in output


@pytest.mark.slow
def test_nothing_is_written_before_the_data_is_loaded(home, launch):
    append_many(home / "data", FEW_RECORDS)
    launch("--enable-debug-command", "yes", *SLOWLY)
    client, other = connect_at_once(home), connect_at_once(home)
    writes = [
        *(["SET", "k", "v"], ["FLUSHALL"], ["EVAL", "return 1", "0"], ["SWAPDB", 0, 1]),
        *(["LOG.TAG", "early"], ["BGSAVE"], ["SAVE"], ["BGREWRITEAOF"], ["GET", "k"]),
        *(["DEBUG", "RELOAD"], ["DEBUG", "LOADAOF"], ["LOG.READ", "FROM", "1"]),
        *(["FUNCTION", "FLUSH"], ["SCRIPT", "LOAD", "return 1"], ["KEYS", "*"]),
        *(["BLPOP", "k", "1"], ["XREAD", "STREAMS", "s", "0"], ["WAITAOF", 1, 0, 0]),
        *(["CLIENT", "AT", "@1"], ["RESTORE", "k", 0, "x"], ["MOVE", "k", 1]),
    ]

    answers = [client.ask(*command) for command in writes]
    other.send(b"".join(map(encode, [["MULTI"], ["SET", "k", "v"], ["EXEC"]])))
    transaction = [other.read() for _ in range(3)]
    assert client.ask("PING") == LOADING
    wait_until_loaded(client)

    assert answers == [LOADING] * len(writes)
    assert transaction[:2] == [b"+OK\r\n", LOADING]
    assert transaction[2].startswith(b"-EXECABORT")
    assert client.ask("DBSIZE") == b":%d\r\n" % FEW_RECORDS
    assert client.ask("LOG.INFO").count(b":%d\r\n" % FEW_RECORDS) == 2
    assert client.ask("SET", "k", "v") == b"+OK\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGTERM", "SHUTDOWN", "SIGKILL"])
def test_server_that_loads_can_be_stopped_and_started_again(home, launch, how):
    append_many(home / "data", FEW_RECORDS)
    process = launch(*SLOWLY)
    client = connect_at_once(home)
    assert client.ask("GET", "key:1") == LOADING

    began = time.monotonic()
    if how == "SHUTDOWN":
        client.send(b"SHUTDOWN\r\n")
    elif how == "SIGTERM":
        process.terminate()
    else:
        process.kill()
    code = process.wait(10)

    assert time.monotonic() - began < 5
    assert code == (-9 if how == "SIGKILL" else 0)
    launch()
    client = connect_at_once(home)
    wait_until_loaded(client)
    assert client.ask("DBSIZE") == b":%d\r\n" % FEW_RECORDS


@pytest.mark.slow
def test_damage_that_the_check_finds_ends_the_server_with_its_code(home, launch):
    append_many(home / "data")
    [segment] = (home / "data" / "log").glob("*.log")
    with segment.open("r+b") as file:
        file.seek(segment.stat().st_size // 2)
        file.write(b"\xff\xff\xff")
    process = launch()
    client = connect_at_once(home)
    client.ask("GET", "key:1")

    output, _ = process.communicate(timeout=60)

    assert process.returncode == 13
    assert "the log cannot be loaded: " in output
    assert "Ready to accept" not in output


COMMANDS = [
    *(
        "PING",
        "ECHO x",
        "GET k",
        "SET k v",
        "INFO",
        "TIME",
        "LASTSAVE",
        "COMMAND COUNT",
    ),
    *("CONFIG GET port", "CLIENT ID", "CLIENT LIST", "CLIENT SETNAME x", "HELLO 3"),
    *("AUTH x", "SELECT 0", "MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH"),
    *("SUBSCRIBE c", "UNSUBSCRIBE c", "PUBLISH c m", "PUBSUB CHANNELS", "SPUBLISH c m"),
    *("DBSIZE", "KEYS *", "TYPE k", "OBJECT HELP", "DEL k", "EXISTS k", "FLUSHALL"),
    *("EVAL x 0", "EVALSHA x 0", "SCRIPT EXISTS x", "SCRIPT LOAD x", "SCRIPT FLUSH"),
    *("FUNCTION LIST", "FUNCTION STATS", "FUNCTION KILL", "SCRIPT KILL", "FCALL f 0"),
    *("SAVE", "BGSAVE", "BGREWRITEAOF", "SLOWLOG LEN", "LATENCY LATEST", "ROLE"),
    *("MEMORY USAGE k", "MEMORY DOCTOR", "ACL WHOAMI", "ACL CAT", "LOLWUT", "RESET"),
    *("WAIT 0 0", "MODULE LIST", "ASKING", "READONLY", "CLUSTER INFO", "QUIT"),
    *("CONFIG SET maxmemory 0", "DEBUG SLEEP 0", "MONITOR", "NOSUCH", "COMMAND DOCS"),
]


def kind_of(answer):
    """Return what matters of an answer: whether it is LOADING, else is one."""
    return answer if answer.startswith(b"-LOADING") else answer[:1] == b"-"


@pytest.mark.slow
def test_what_runs_while_loading_is_what_redis_lets_run(home, launch):
    redis = require_program("redis-server")
    append_many(home / "data", FEW_RECORDS)
    path = home / "r"
    options = [
        *(redis, "--port", "0", "--unixsocket", str(path), "--dir", str(home)),
        *("--save", "", "--enable-debug-command", "yes", "--daemonize", "no"),
    ]
    theirs = subprocess.Popen(options, stdout=subprocess.DEVNULL)
    try:
        client = _connect(path)
        client.ask("EVAL", "for i = 1, 20000 do redis.call('SET', i, i) end", 0)
        client.ask("SAVE")
        client.ask("SHUTDOWN", "NOSAVE")
        client.close()
        theirs.wait(30)
        slowly = ["--key-load-delay", "500"]
        slowly += ["--loading-process-events-interval-bytes", "1024"]
        theirs = subprocess.Popen(options + slowly, stdout=subprocess.DEVNULL)
        expected = [_ask_alone(path, command) for command in COMMANDS]
        assert _ask_alone(path, "GET k").startswith(b"-LOADING")
    finally:
        theirs.kill()
        theirs.wait()
    launch("--enable-debug-command", "yes", "--key-load-delay", "1000")

    answers = [_ask_alone(home / "s", command) for command in COMMANDS]

    assert _ask_alone(home / "s", "GET k") == LOADING
    assert dict(zip(COMMANDS, map(kind_of, answers), strict=True)) == dict(
        zip(COMMANDS, map(kind_of, expected), strict=True)
    )


def _connect(path):
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            return Connection(str(path))
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _ask_alone(path, command):
    client = _connect(path)
    try:
        return client.ask(*command.split())
    finally:
        client.close()


@pytest.mark.slow
def test_who_has_a_name_while_the_log_loads_is_recorded_when_it_is_loaded(home, launch):
    append_many(home / "data", FEW_RECORDS)
    launch("--enable-debug-command", "yes", "--log-connections", "named", *SLOWLY)
    client = connect_at_once(home)

    assert client.ask("CLIENT", "SETNAME", "early") == b"+OK\r\n"
    assert client.ask("PING") == LOADING
    wait_until_loaded(client)
    client.ask("SET", "k", "v")

    records = read_records(
        home / "data", filesystem=FileSystem(), from_seq=FEW_RECORDS + 1
    )
    names = [note["name"] for record in records if (note := record.origin.note)]
    assert names == [b"early"]
