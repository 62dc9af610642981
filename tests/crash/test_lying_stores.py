"""A store of the log that lies: what it changed, lost, or put elsewhere is noticed.

The stream is made anew with other messages, as if its servers had kept them so; or bits
are flipped in their files. A start then either has all that was acknowledged, or is
refused in words, and serves nothing. Our own checksums and digests decide, never those
of the store.
"""

import asyncio
import json
import random
import re
from itertools import count

import nats
import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from tests.support.links import Network
from tests.support.processes import run_joblog
from tests.support.servers import start_joblog
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ALONE = ("--log-store-replicas", "1", "--log-store-lease", "500")
VALUES = 12
NUMBERS = count(1)


@pytest.fixture(scope="module")
def store():
    with Store(1) as running:
        yield running


@pytest.fixture(scope="module")
def server(store):
    """Return a server that has written and was killed."""
    with written_by(store.address("W")) as killed:
        yield killed


@pytest.fixture(scope="module")
def messages(store, server):
    """Return what it has in its stream, as far as it has noted that."""
    noted = json.loads((server.folder / "log-store.json").read_bytes())["message"]

    async def read(context):
        asked = [context.get_msg("W", number) for number in range(1, noted + 1)]
        return [one.data for one in await asyncio.gather(*asked)]

    found = in_store(store, read)
    assert len(found) > VALUES
    return found


def written_by(address):
    """Have a server write values, one message each; return it, killed."""
    server = start_joblog("--log-store", address, *ALONE)
    client = server.connect()
    for number in range(VALUES):
        assert client.ask("SET", f"k{number}", "v" * 50) == b"+OK\r\n"
    # What it knows of the stream is on its disk.
    mark = server.folder / "log-store.json"
    wait_until(lambda: json.loads(mark.read_bytes())["last_seq"] > VALUES + 1)
    server.kill()
    return server


def in_store(store, work):
    async def run():
        client = await nats.connect(store.urls)
        try:
            return await work(client.jetstream(timeout=5))
        finally:
            await client.close()

    return asyncio.run(run())


def make(store, stream, messages):
    """Have a stream hold messages from number 1 on, whatever it held before."""

    async def work(context):
        wanted = StreamConfig(
            name=stream,
            subjects=[f"{stream}.log"],
            num_replicas=1,
            discard=DiscardPolicy.NEW,
            deny_delete=True,
        )
        await context.add_stream(wanted)
        for message in messages:
            await context.publish(f"{stream}.log", message)

    in_store(store, work)


def refusal(address, folder):
    code, output = run_joblog(
        "--port", "0", "--dir", str(folder), *ALONE, "--log-store", address
    )
    assert code == 1, output
    assert "Traceback" not in output
    return output


def start_or_be_refused(server):
    """Start a server; return what it says where it refuses."""
    try:
        server.start()
    except RuntimeError as refused:
        return str(refused)
    return ""


def flip_a_bit(place, at):
    def change(messages):
        flipped = bytearray(messages[place])
        flipped[at] ^= 4
        messages[place] = bytes(flipped)

    return change


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        pytest.param(flip_a_bit(6, 140), "its checksum is wrong", id="a bit of data"),
        pytest.param(flip_a_bit(6, 85), "its checksum is wrong", id="of a digest"),
        pytest.param(flip_a_bit(6, 3), "no message of a joblog", id="of the magic"),
        pytest.param(
            lambda found: found.pop(6), "messages are missing", id="one is missing"
        ),
        pytest.param(
            lambda found: found.pop(0), "does not begin a log", id="the first is"
        ),
        pytest.param(
            lambda found: found.__setitem__(6, found[5]),
            "messages are missing, or come twice",
            id="an older one is served",
        ),
        pytest.param(
            lambda found: found.__setitem__(slice(5, 7), found[6:4:-1]),
            "messages are missing",
            id="two are exchanged",
        ),
    ],
)
def test_lie_refuses_a_new_server_that_reads_all(store, messages, tmp_path, lie, words):
    stream = f"L{next(NUMBERS)}"
    lying = list(messages)
    lie(lying)
    make(store, stream, lying)

    output = refusal(store.address(stream), tmp_path)

    assert words in output
    assert f"of stream {stream}" in output


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        pytest.param(lambda found: found.pop(), "it has lost some", id="is missing"),
        pytest.param(
            lambda found: found.__setitem__(-1, found[-2]),
            "another one than was acknowledged",
            id="is an older one",
        ),
        pytest.param(
            flip_a_bit(-1, 140), "its checksum is wrong", id="has a flipped bit"
        ),
    ],
)
def test_lie_about_the_last_message_refuses_who_wrote_it(
    store, server, messages, lie, words
):
    async def remove(context):
        await context.delete_stream("W")

    lying = list(messages)
    lie(lying)
    in_store(store, remove)
    make(store, "W", lying)

    with pytest.raises(RuntimeError, match=words) as refused:
        server.start()

    assert server.process.returncode == 1
    assert "Traceback" not in str(refused.value)


MANY = 400


@pytest.fixture(scope="module")
def many(store):
    """Return the messages of a log so long that a start reads it in batches."""
    with start_joblog("--log-store", store.address("M"), *ALONE) as server:
        client = server.connect()
        for number in range(MANY):
            assert client.ask("SET", f"k{number}", "v") == b"+OK\r\n"
        assert server.stop() == 0

    async def read(context):
        last = (await context.stream_info("M")).state.last_seq
        asked = [context.get_msg("M", number) for number in range(1, last + 1)]
        return [one.data for one in await asyncio.gather(*asked)]

    found = in_store(store, read)
    assert len(found) > MANY
    return found


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        pytest.param(flip_a_bit(300, 140), "its checksum is wrong", id="a bit"),
        pytest.param(
            lambda found: found.pop(300), "messages are missing", id="one is missing"
        ),
        pytest.param(
            lambda found: found.__setitem__(300, found[299]),
            "messages are missing, or come twice",
            id="an older one is served",
        ),
    ],
)
def test_lie_in_a_batch_refuses_a_new_server(store, many, tmp_path, lie, words):
    stream = f"B{next(NUMBERS)}"
    lying = list(many)
    lie(lying)
    make(store, stream, lying)

    output = refusal(store.address(stream), tmp_path)

    assert words in output
    assert f"message 301 of stream {stream}" in output


def test_what_a_batch_loses_on_its_way_is_asked_for_by_its_number(store, many):
    """Their numbers are changed, as if some were left out and others came twice."""
    make(store, "LOST", many)
    seen = []

    def change(data):
        def other(found):
            number = int(found[2])
            seen.append(number)
            wrong = number + 1 if number % 100 == 0 else number
            return found[1] + str(wrong).encode().rjust(len(found[2]), b"0")

        return re.sub(rb"(\$JS\.ACK\.LOST\.[^.]+\.\d+\.)(\d+)", other, data)

    with Network() as network:
        link = network.link(store.ports[0], change)
        through = f"nats://127.0.0.1:{link.port}/LOST"
        with start_joblog("--log-store", through, *ALONE) as server:
            client = server.connect()
            assert client.ask("DBSIZE") == b":%d\r\n" % MANY
            assert client.ask("SET", "k", "v") == b"+OK\r\n"
    assert seen[:99] == list(range(2, 101))

    async def consumers(context):
        return await context.consumers_info("LOST")

    # What sent the batches is not left behind.
    wait_until(lambda: not in_store(store, consumers))


@pytest.mark.parametrize("seed", range(2))
def test_bits_that_flip_in_the_files_of_a_store_are_noticed(seed):
    chance = random.Random(seed)
    with Store(1) as store, written_by(store.address("S")) as server:
        store.kill(0)
        (block,) = store.folder(0).rglob("S/msgs/*.blk")
        data = bytearray(block.read_bytes())
        for _ in range(1 + 2 * seed):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        block.write_bytes(data)
        # Without what it knows besides it reads its blocks.
        for index in store.folder(0).rglob("S/msgs/index.db"):
            index.unlink()
        store.start(0)
        store.wait_until_whole()

        told = start_or_be_refused(server)

        if told:
            assert "stream S" in told
            assert "Traceback" not in told
        else:
            client = server.connect()
            values = [client.ask("GET", f"k{number}") for number in range(VALUES)]
            assert values == [b"$50\r\n%b\r\n" % (b"v" * 50)] * VALUES


def test_store_that_takes_what_it_should_refuse_refuses_the_start(store, tmp_path):
    """No conditional append: who is overtaken would go on to write."""
    name = b"Nats-Expected-Last-Sequence"

    def forget(data):
        return data.replace(name, b"X" + name[1:])

    with Network() as network:
        link = network.link(store.ports[0], forget)
        output = refusal(f"nats://127.0.0.1:{link.port}/UNCONDITIONAL", tmp_path)

    assert "(no conditional append): it cannot keep a log" in output
