"""The publisher, over a stream that loses, delays and forgets to answer.

Two writers of one log, each sure to lead: what either had acknowledged must be what
whoever reads the stream afterwards believes, in that order, once.
"""

import asyncio
import hashlib
import random

import pytest

from joblog.actors.quorum.chain import Chain
from joblog.actors.quorum.parcels import (
    Kind,
    Packer,
    Position,
    StreamDamagedError,
    decode_parcel,
    encode_parcel,
)
from joblog.actors.quorum.publisher import (
    OvertakenError,
    Publisher,
    ShrunkError,
    Written,
)
from joblog.actors.quorum.stream import OutrunError, UnknownOutcomeError
from joblog.storage.batch import BatchEncoder
from joblog.storage.frame import FrameHeads
from joblog.storage.segment import (
    HEADER_BYTES,
    NO_DIGEST,
    SegmentHeader,
    decode_header,
    encode_header,
)

LOG_ID = b"l" * 16
BEGUN = encode_header(SegmentHeader(1, 1, 1, LOG_ID, NO_DIGEST))
HEADER = decode_header(BEGUN, "header")
START = Position(1, HEADER_BYTES)


class SimulatedStream:
    """A stream whose requests and answers may be lost or late, by chance."""

    place = "stream S"
    bytes_max = 4096

    def __init__(self, chance, *, loss):
        self.messages = []
        self._chance = chance
        self._loss = loss

    async def publish(self, message, expected, message_id):
        await self._travel("request lost")
        if expected != len(self.messages):
            await self._travel("refusal lost")
            raise OutrunError(f"wrong last sequence: {len(self.messages)}")
        self.messages.append(message)
        number = len(self.messages)
        await self._travel("answer lost")
        return number

    async def read(self, number):
        await self._travel("read lost")
        known = 0 < number <= len(self.messages)
        return self.messages[number - 1] if known else None

    async def _travel(self, text):
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        if self._chance.random() < self._loss:
            raise UnknownOutcomeError(text)


class Node:
    """A writer: it knows where the log stood when it came to lead."""

    def __init__(self, stream, name, epoch, position, running, last_seq, last_number):
        self.acknowledged = []
        self.last_seq = last_seq
        self._encoder = BatchEncoder()
        packer = Packer(HEADER, position, running, epoch, name * 16)
        self.packer = packer
        self.publisher = Publisher(
            stream,
            packer,
            last_number,
            lambda reached: self.acknowledged.append(reached.parcel),
        )

    def write(self, value):
        draft = (1_000, 0, [[b"SET", b"k", value]], 7)
        data, self.last_seq, _ = self._encoder.encode(
            [draft], FrameHeads(HEADER.salt), self.last_seq, 0, 1_000
        )
        return data

    def offer(self, value):
        self.publisher.offer(Written(Kind.FRAMES, self.write(value), self.last_seq))
        self.publisher.wake()

    async def claim(self, epoch):
        self.packer.epoch = epoch
        data = self.write(b"claim")
        (parcel,) = self.packer.pack(Kind.CLAIM, data, self.last_seq, 4096)
        await self.publisher.publish(parcel)


def new_chain():
    return Chain(HEADER, START, hashlib.sha256(BEGUN), 1, 0)


def read_all(stream):
    """Return what a reader believes, as (writer, last seq), and where it stands."""
    chain, believed, numbers = new_chain(), [], len(stream.messages)
    for number, message in enumerate(stream.messages[1:], 2):
        parcel = decode_parcel(message, f"message {number}")
        group = chain.take(parcel, f"message {number}")
        if group is not None:
            believed.append((parcel.writer, parcel.epoch, group.last_seq))
    return chain, believed, numbers


async def begin(stream):
    first = Node(stream, b"a", 1, START, hashlib.sha256(BEGUN), 0, 0)
    parcel = first.packer.begin(BEGUN, 0)
    await first.publisher.publish(parcel)
    await first.claim(2)
    return first


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    module = "joblog.actors.quorum.publisher"
    monkeypatch.setattr(f"{module}._AGAIN_SECONDS", 0)
    monkeypatch.setattr(f"{module}._SHRUNK_SECONDS", 0.01)


async def _duel(seed):
    chance = random.Random(seed)
    stream = SimulatedStream(chance, loss=chance.choice([0, 0.05, 0.3]))
    first = await begin(stream)
    running = asyncio.ensure_future(first.publisher.run())
    for count in range(chance.randrange(60)):
        first.offer(b"%d" % count)
        await asyncio.sleep(0)
    while True:
        chain, _, last_number = read_all(stream)
        second = Node(
            stream,
            *(b"b", chain.epoch, chain.position, chain._running),
            *(chain.last_seq, last_number),
        )
        claiming = asyncio.ensure_future(second.claim(chain.epoch + 1))
        for count in range(chance.randrange(30)):
            first.offer(b"late %d" % count)
            await asyncio.sleep(0)
        try:
            await claiming
            break
        except OvertakenError:
            continue  # the first one wrote meanwhile
    follower = asyncio.ensure_future(second.publisher.run())
    for count in range(chance.randrange(30)):
        second.offer(b"%d" % count)
        first.offer(b"too late %d" % count)
        await asyncio.sleep(0)
    await asyncio.wait_for(second.publisher.become_idle(), 30)
    first.offer(b"much too late")
    with pytest.raises(OvertakenError):
        await asyncio.wait_for(running, 30)
    follower.cancel()
    return stream, first, second


@pytest.mark.parametrize("seed", range(60))
def test_what_was_acknowledged_is_what_a_reader_believes(seed):
    stream, first, second = asyncio.run(_duel(seed))

    _, believed, _ = read_all(stream)
    told = [
        (one.writer, one.epoch, one.last_seq)
        for one in [*first.acknowledged, *second.acknowledged]
        if one.kind is not Kind.BEGIN
    ]
    assert [one for one in believed if one in told] == told
    assert len(set(believed)) == len(believed)
    epochs = [epoch for _, epoch, _ in believed]
    assert epochs == sorted(epochs)
    assert all(one in told for one in believed if one[0] == b"b" * 16)


def test_message_of_a_lower_epoch_behind_a_claim_is_damage():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        chain, _, last = read_all(stream)
        second = Node(
            stream, b"b", 2, chain.position, chain._running, chain.last_seq, last
        )
        await second.claim(3)
        late = first.packer.pack(Kind.FRAMES, first.write(b"x"), first.last_seq, 4096)
        stream.messages.append(encode_parcel(late[0]))
        return stream

    stream = asyncio.run(run())

    with pytest.raises(StreamDamagedError):
        read_all(stream)


def test_large_group_goes_in_parts_and_is_believed_as_a_whole():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        task = asyncio.ensure_future(first.publisher.run())
        first.offer(b"v" * 10_000)
        await asyncio.wait_for(first.publisher.become_idle(), 30)
        task.cancel()
        return stream

    stream = asyncio.run(run())

    _, whole, _ = read_all(stream)
    last = stream.messages.pop()
    _, cut, _ = read_all(stream)
    assert [one[2] for one in whole] == [1, 2]
    assert [one[2] for one in cut] == [1]
    assert len(stream.messages) == 4
    assert len(last) <= 4096


def test_group_that_a_claim_cuts_short_is_no_part_of_the_log():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        task = asyncio.ensure_future(first.publisher.run())
        first.offer(b"v" * 10_000)
        await asyncio.wait_for(first.publisher.become_idle(), 30)
        task.cancel()
        stream.messages.pop()
        chain, _, last = read_all(stream)
        second = Node(
            stream, b"b", 2, chain.position, chain._running, chain.last_seq, last
        )
        await second.claim(3)
        return stream

    stream = asyncio.run(run())

    _, believed, _ = read_all(stream)
    assert [(epoch, seq) for _, epoch, seq in believed] == [(2, 1), (3, 2)]


def test_stream_that_has_lost_what_it_acknowledged_is_noticed():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        del stream.messages[1:]
        first.offer(b"x")
        with pytest.raises(ShrunkError):
            await asyncio.wait_for(first.publisher.run(), 30)

    asyncio.run(run())


def _written_stream():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        task = asyncio.ensure_future(first.publisher.run())
        for value in (b"one", b"two", b"three"):
            first.offer(value)
            await asyncio.wait_for(first.publisher.become_idle(), 30)
        task.cancel()
        return stream

    return asyncio.run(run())


def test_any_flipped_bit_is_noticed():
    stream = _written_stream()
    message = stream.messages[3]

    for byte in range(len(message)):
        flipped = bytearray(message)
        flipped[byte] ^= 1 << byte % 8
        stream.messages[3] = bytes(flipped)
        with pytest.raises(StreamDamagedError):
            read_all(stream)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda messages: messages.pop(3), id="missing"),
        pytest.param(lambda messages: messages.insert(3, messages[2]), id="twice"),
        pytest.param(
            lambda messages: messages.__setitem__(3, messages[2]), id="an older one"
        ),
        pytest.param(lambda messages: messages.__setitem__(3, b"x"), id="no parcel"),
    ],
)
def test_stream_that_lies_is_noticed(spoil):
    stream = _written_stream()
    spoil(stream.messages)

    with pytest.raises(StreamDamagedError):
        read_all(stream)
