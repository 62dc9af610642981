"""`appendfsync always` beside a store of the log: a reply waits for disk and quorum.

Each is held in turn: neither alone is enough, whichever is last.
"""

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path

import nats
import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.server.test_log_store import fields
from tests.support.servers import require_program, start_joblog
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

STREAM = "BOTH"
OPTIONS = (
    *("--log-store-replicas", "1", "--log-store-timeout", "60000"),
    *("--appendfsync", "always"),
)


@pytest.fixture
def held(tmp_path, monkeypatch):
    """Return a path: while that is there, no sync of the server's disk ends."""
    library = tmp_path / "held_sync.so"
    compiler = next(filter(shutil.which, ("cc", "gcc", "clang")), "cc")
    source = Path(__file__).with_name("held_sync.c")
    subprocess.run(
        [require_program(compiler), "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("HELD_SYNC_FILE", str(tmp_path / "held"))
    return tmp_path / "held"


def last_of_stream(store):
    async def read():
        client = await nats.connect(store.urls)
        try:
            context = client.jetstream(timeout=5)
            last = (await context.stream_info(STREAM)).state.last_seq
            return (await context.get_msg(STREAM, last)).data
        finally:
            await client.close()

    return asyncio.run(read())


def written(server):
    return b"".join(
        path.read_bytes() for path in sorted((server.folder / "log").glob("*.log"))
    )


def test_always_waits_for_the_disk_and_for_the_quorum(held):
    with (
        Store(1) as store,
        start_joblog("--log-store", store.address(STREAM), *OPTIONS) as server,
    ):
        client = server.connect()
        assert client.ask("SET", "k", "first") == b"+OK\r\n"

        held.touch()
        client.send(b"SET k second\r\n")
        wait_until(lambda: b"second" in last_of_stream(store))
        is_before_the_disk = client.has_reply()
        held.unlink()
        answer_of_the_disk = client.read()

        store.signal(0, signal.SIGSTOP)
        client.send(b"SET k third\r\n")
        wait_until(lambda: b"third" in written(server))
        synced = server.connect()
        is_before_the_quorum = client.has_reply(1.0)
        store.signal(0, signal.SIGCONT)
        answer_of_the_quorum = client.read()

        assert not is_before_the_disk
        assert answer_of_the_disk == b"+OK\r\n"
        assert not is_before_the_quorum
        assert answer_of_the_quorum == b"+OK\r\n"
        assert fields(synced)[b"log_store_status"] == b"ok"
        server.kill()
        kept = [
            record.effects
            for record in read_records(server.folder, filesystem=FileSystem())
        ]
        assert kept[-1] == [[b"SET", b"k", b"third"]]
        assert verify_log(server.folder, filesystem=FileSystem()).is_sound


def test_kill_between_disk_and_quorum_loses_nothing_acknowledged(held):
    """What the quorum had and the disk had not comes back from the stream."""
    with (
        Store(1) as store,
        start_joblog("--log-store", store.address(STREAM), *OPTIONS) as server,
    ):
        client = server.connect()
        assert client.ask("SET", "k", "first") == b"+OK\r\n"
        held.touch()
        client.send(b"SET k second\r\n")
        wait_until(lambda: b"second" in last_of_stream(store))
        server.kill()
        held.unlink()
        # As a power cut would: what was not synced is gone.
        path = max((server.folder / "log").glob("*.log"))
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"second") - 20])

        server.start()

        assert client.read() == b"<closed>"
        assert server.connect().ask("GET", "k") == b"$6\r\nsecond\r\n"


def test_stop_waits_for_the_quorum_and_answers_what_it_has_then():
    with (
        Store(1) as store,
        start_joblog("--log-store", store.address(STREAM), *OPTIONS) as server,
    ):
        client = server.connect()
        assert client.ask("SET", "k", "first") == b"+OK\r\n"
        store.signal(0, signal.SIGSTOP)
        client.send(b"SET k second\r\n")
        wait_until(lambda: b"second" in written(server))
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "signal SIGTERM" in server.output())
        store.signal(0, signal.SIGCONT)

        assert client.read() == b"+OK\r\n"
        assert server.process.wait(60) == 0
        assert "Traceback" not in server.output()
