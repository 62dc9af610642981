"""A log that a stream keeps too: real servers of the store, three that are a cluster.

The tests share them, and each has a stream of its own.
"""

import asyncio
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import nats
import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.verify import verify_log
from tests.support.processes import run_joblog
from tests.support.servers import ROOT, start_joblog
from tests.support.stores import Store, wait_for_answer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NUMBERS = count(1)
LEASE = ("--log-store-lease", "1000")
PATIENT = ("--log-store-timeout", "60000")
QUICK = ("--log-store-timeout", "2000")


@pytest.fixture(scope="module")
def store():
    with Store() as running:
        yield running


@pytest.fixture
def address(store):
    for number in range(len(store.ports)):
        store.start_again(number)
    store.wait_until_whole()
    return store.address(f"S{next(NUMBERS)}")


@pytest.fixture
def launch():
    """Return a function that starts a server with a log that a stream keeps too."""
    started = []

    def launch_one(address, *options):
        more = ("--loglevel", "notice", *LEASE, *PATIENT, *options)
        server = start_joblog("--log-store", address, *more)
        started.append(server.__enter__())
        return server

    yield launch_one
    for server in started:
        if server.is_alive:
            server.process.send_signal(signal.SIGCONT)
            server.kill()
        server.__exit__()


def fields(client):
    lines = client.ask("INFO", "persistence").split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def in_stream(store, address, work):
    """Run something with nats-py's JetStream; return what it comes to."""

    async def run():
        client = await nats.connect(store.urls)
        try:
            return await work(client.jetstream(timeout=5), address.rsplit("/", 1)[1])
        finally:
            await client.close()

    return asyncio.run(run())


def log_bytes(server):
    return {
        path.name: path.read_bytes()
        for path in sorted((server.folder / "log").glob("*.log"))
    }


def test_what_was_acknowledged_is_in_the_stream_and_makes_another_server(
    store, address, launch
):
    first = launch(address, "--segment-bytes-max", "65536")
    client = first.connect()
    for number in range(150):
        assert client.ask("SET", f"k{number % 7}", b"v" * 1000) == b"+OK\r\n"
    assert client.ask("INCR", "n") == b":1\r\n"
    assert int(fields(client)[b"log_store_epoch"]) == 2
    first.kill()
    whole = log_bytes(first)

    second = launch(address)

    there = second.connect()
    assert there.ask("GET", "n") == b"$1\r\n1\r\n"
    copied = log_bytes(second)
    assert len(whole) > 2
    assert list(copied) == list(whole)
    names = list(whole)
    assert [copied[name] for name in names[:-1]] == [whole[name] for name in names[:-1]]
    assert copied[names[-1]].startswith(whole[names[-1]])
    assert int(fields(there)[b"log_store_epoch"]) == 3
    assert second.stop() == 0
    assert verify_log(second.folder, filesystem=FileSystem()).last_seq > 151


def test_who_is_overtaken_acknowledges_nothing_more(address, launch):
    first = launch(address)
    client = first.connect()
    assert client.ask("SET", "k", "first") == b"+OK\r\n"
    first.process.send_signal(signal.SIGSTOP)
    client.send(b"SET k late\r\n")
    reader = first.connect()
    reader.send(b"GET k\r\n")

    second = launch(address)
    there = second.connect()
    found = there.ask("GET", "k")
    wait_for_answer(there, "SET", "k", "second")
    first.process.send_signal(signal.SIGCONT)

    assert found == b"$5\r\nfirst\r\n"
    # Neither a false OK, nor a value that another one has changed since.
    assert client.read() == b"<closed>"
    assert reader.read() == b"<closed>"
    # It starts again, in the same process, and follows.
    wait_until(lambda: "this server follows" in first.output())
    assert "overtaken" in first.output()
    assert first.is_alive
    # It takes what it alone had out of its log, and keeps it.
    client = first.connect()
    wait_until(lambda: client.ask("GET", "k") == b"$6\r\nsecond\r\n")
    second.kill()
    wait_for_answer(client, "SET", "k", "third")
    assert client.ask("GET", "k") == b"$5\r\nthird\r\n"
    # It may have been told before it came to the write.
    for kept in (first.folder / "log").glob("*.torn"):
        assert b"late" in kept.read_bytes()


def test_second_server_follows_while_the_first_has_the_lease(address, launch, tmp_path):
    first = launch(address)
    client = first.connect()
    log_file = tmp_path / "second.log"
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-m", "joblog", "--port", "0", "--log-store", address]
    command += ["--dir", str(tmp_path / "data"), "--logfile", str(log_file)]
    with subprocess.Popen(command, cwd=ROOT) as second:

        def says(words):
            return log_file.exists() and words in log_file.read_text()

        wait_until(lambda: says("this server follows"))
        assert client.ask("SET", "k", "1") == b"+OK\r\n"
        assert not says("is claimed")
        first.stop()
        wait_until(lambda: says("this server leads"))
        second.terminate()
        assert second.wait(60) == 0


def test_without_a_quorum_writes_are_refused_and_reads_go_on(store, address, launch):
    server = launch(address, *QUICK)
    client, reader = server.connect(), server.connect()
    wait_until(lambda: server.connect().ask("SET", "k", "1") == b"+OK\r\n")
    for number in (0, 1):
        store.kill(number)

    unknown = client.ask("SET", "k", "2")
    refused = wait_for_answer(reader, "SET", "k", "3", starts=b"-NOREPLICAS")
    read = reader.ask("GET", "k")
    script = reader.ask("EVAL", "return redis.call('SET', 'k', '4')", "0")
    assert reader.ask("CONFIG", "SET", "replica-serve-stale-data", "no") == b"+OK\r\n"
    stale = reader.ask("GET", "k")
    wait_until(lambda: fields(reader)[b"log_store_status"] == b"err")
    for number in (0, 1):
        store.start_again(number)
    # On connections of their own: it may be late once more.
    wait_until(lambda: server.connect().ask("SET", "k2", "3") == b"+OK\r\n")
    wait_until(lambda: fields(server.connect()).get(b"log_store_status") == b"ok")

    assert unknown == b"<closed>"
    assert refused.startswith(b"-NOREPLICAS The store of the log takes no writes: ")
    assert read == b"$1\r\n2\r\n"
    assert b"NOREPLICAS" in script
    assert stale.startswith(b"-MASTERDOWN")
    # What was not known is in the log by now, as it is in memory.
    wait_until(lambda: server.connect().ask("GET", "k") == b"$1\r\n2\r\n")


def test_kills_of_the_servers_of_the_store_lose_nothing(store, address, launch):
    server = launch(address)
    client = server.connect()
    told = 0
    for number in range(2):
        for _ in range(20):
            told += 1
            assert client.ask("INCR", "n") == b":%d\r\n" % told
        store.kill(number)
        for _ in range(20):
            told += 1
            assert client.ask("INCR", "n") == b":%d\r\n" % told
        store.start_again(number)
        store.wait_until_whole()
    server.kill()

    other = launch(address)

    assert other.connect().ask("GET", "n") == b"$2\r\n%d\r\n" % told


def test_log_of_a_single_server_moves_into_a_stream(address, launch):
    alone = start_joblog()
    with alone:
        alone.connect().ask("SET", "k", "1")
        alone.stop()
        alone._command += ["--log-store", address]
        alone.start()
        assert alone.connect().ask("GET", "k") == b"$1\r\n1\r\n"
        assert alone.connect().ask("SET", "k", "2") == b"+OK\r\n"
        alone.stop()
        code, output = run_joblog(
            *("--port", "0", "--dir", str(alone.folder.parent / "new")),
            *("--log-store", address),
        )

        assert code == 1
        assert "begin with a copy of the data folder" in output
        alone.start()
        assert alone.connect().ask("GET", "k") == b"$1\r\n2\r\n"


def refusal(address, folder, *options):
    Path(folder).mkdir(exist_ok=True)
    code, output = run_joblog(
        "--port", "0", "--dir", str(folder), "--log-store", address, *options
    )
    assert code == 1
    return output


def test_stream_of_another_log_refuses_the_start(address, launch, tmp_path):
    launch(address).stop()
    log = Log.open(tmp_path, filesystem=FileSystem(), now_ms=lambda: 1_000)
    log.append([(1_000, 0, [[b"SET", b"k", b"v"]], 7)], 0)
    log.close()

    assert "begin with an empty folder or a copy of that log" in refusal(
        address, tmp_path
    )


async def _publish(context, stream):
    wanted = StreamConfig(
        name=stream,
        subjects=[f"{stream}.log"],
        num_replicas=1,
        discard=DiscardPolicy.NEW,
        deny_delete=True,
    )
    await context.add_stream(wanted)
    await context.publish(f"{stream}.log", b"something else")


async def _make_unfit(context, stream):
    await context.add_stream(
        StreamConfig(name=stream, subjects=["other.*"], num_replicas=1, max_age=60)
    )


@pytest.mark.parametrize(
    ("work", "words"),
    [
        pytest.param(_publish, "no message of a joblog", id="another format"),
        pytest.param(_make_unfit, "max_age is 60", id="messages that go"),
    ],
)
def test_stream_that_cannot_keep_a_log_refuses_the_start(
    store, address, tmp_path, work, words
):
    in_stream(store, address, work)

    output = refusal(address, tmp_path)

    assert words in output
    assert "Traceback" not in output


def test_stream_that_lost_messages_refuses_the_start(store, address, launch):
    server = launch(address)
    client = server.connect()
    assert client.ask("SET", "k", "1") == b"+OK\r\n"
    mark = server.folder / "log-store.json"
    wait_until(lambda: b'"message": 3' in mark.read_bytes())
    server.stop()

    async def lose(context, stream):
        await context.delete_stream(stream)

    in_stream(store, address, lose)
    # What is left is a stream of that name, which is empty.
    with pytest.raises(RuntimeError, match="it has lost some"):
        server.start()


@pytest.mark.parametrize("line", ["REPLICAOF 127.0.0.1 6379", "FAILOVER"])
def test_server_follows_its_store_and_nobody_else(address, launch, line):
    client = launch(address).connect()

    name = line.split(" ", maxsplit=1)[0].encode()
    assert client.ask(*line.split()).startswith(b"-ERR %b not allowed with log" % name)
    assert client.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    assert client.ask("ROLE").startswith(b"*3\r\n$6\r\nmaster\r\n")


def test_nothing_of_it_is_imported_without_the_setting(tmp_path):
    code = (
        "import sys; from joblog.actors.system import Server;"
        "print([one for one in sys.modules if one.split('.')[0] in ('nats', 'asyncio')"
        " or '.quorum.' in one and not one.endswith('.mail')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
