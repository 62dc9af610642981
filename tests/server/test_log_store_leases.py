"""A leader that lost its lease and has it again, over real servers of the store.

Reads wait until the stream has taken a record of its own since, whatever its servers
show of the stream's end; and there is one such record each time.
"""

import asyncio
import re
import time

import nats
import pytest

from joblog.app.history.notes import LeadsNote, read_note
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.support.links import Network
from tests.support.servers import start_joblog
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

OPTIONS = ("--loglevel", "notice", "--log-store-lease", "1000")
PATIENT = (*OPTIONS, "--log-store-timeout", "60000")
ALONE = (*PATIENT, "--log-store-replicas", "1")


def have_lease(store, stream, seconds):
    """Have somebody else have the lease for a while."""

    async def run():
        client = await nats.connect(store.urls)
        try:
            keys = await client.jetstream(timeout=5).key_value(f"{stream}-lease")
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await keys.put("leader", b"127.0.0.1:1 somebody")
                await asyncio.sleep(0.1)
        finally:
            await client.close()

    asyncio.run(run())


def times_led_again(server):
    records = read_records(server.folder, filesystem=FileSystem())
    notes = [read_note(record.origin) for record in records]
    return [note.epoch for note in notes if isinstance(note, LeadsNote)]


def field(server, name):
    lines = server.connect().ask("INFO", "persistence").split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)[name]


def test_reads_wait_for_one_record_each_time_that_the_lease_is_had_anew():
    with (
        Store() as store,
        start_joblog("--log-store", store.address("A"), *PATIENT) as one,
    ):
        store.wait_until_whole()
        with start_joblog(
            *("--log-store", store.address("A"), *PATIENT), *("--replica-priority", "0")
        ) as other:
            client = one.connect()
            assert client.ask("SET", "k", "v") == b"+OK\r\n"
            for count in (1, 2):
                have_lease(store, "A", 2)
                # It is not known by now that nobody else leads.
                assert field(one, b"log_store_lease") == b"0"
                assert times_led_again(one) == [2] * (count - 1)
                client.send(b"GET k\r\n")
                assert client.read() == b"$1\r\nv\r\n"
                assert times_led_again(one) == [2] * count
            time.sleep(1)  # it is renewed some times: nothing is appended
            assert times_led_again(one) == [2, 2]
            wait_until(lambda: times_led_again(other) == [2, 2])
            digests = {each.connect().ask("DEBUG", "DIGEST") for each in (one, other)}
            assert len(digests) == 1
            assert client.ask("INCR", "n") == b":1\r\n"


class OldView:
    """Between a joblog and a store: reads behind a message find nothing.

    Attributes:
        shown: the last message that is found; None for all.
    """

    shown = None

    def change(self, data):
        """Return what is asked instead: for a message that there will never be."""
        if self.shown is None:
            return data
        return re.sub(rb'\{"seq": ?(\d+)\}', self._ask_other, data)

    def _ask_other(self, found):
        if int(found[1]) <= self.shown:
            return found[0]
        return found[0].replace(found[1], b"9" * len(found[1]))


def test_leader_that_is_shown_an_old_end_of_the_stream_answers_no_read():
    view = OldView()
    with Store(1) as store, Network() as network:
        store.wait_until_whole()
        link = network.link(store.ports[0], view.change)
        through = f"nats://127.0.0.1:{link.port}/A"
        with start_joblog("--log-store", through, *ALONE) as first:
            client = first.connect()
            for _ in range(10):  # its messages have numbers of two digits
                assert client.ask("SET", "k", "old") == b"+OK\r\n"
            link.silence("there", "back")
            with start_joblog("--log-store", store.address("A"), *ALONE) as second:
                there = second.connect()
                # It answers before it leads: the lease of the other has to run out.
                wait_until(lambda: there.ask("SET", "k", "new") == b"+OK\r\n")
                view.shown = int(field(first, b"log_store_sequence"))
                second.kill()
            client.send(b"GET k\r\n")
            link.heal()
            # It has its lease again, and is shown nothing of what was appended.
            wait_until(lambda: times_led_again(first) == [2])
            wait_until(lambda: field(first, b"log_store_lease") == b"1")
            assert not client.has_reply(1)
            view.shown = None

            assert client.read() == b"<closed>"
            wait_until(lambda: "epoch 4 is claimed" in first.output())
            client = first.connect()
            assert client.ask("GET", "k") == b"$3\r\nnew\r\n"
