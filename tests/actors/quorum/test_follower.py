"""Followers of a stream that loses, delays and forgets to answer.

Whoever leads writes and falls silent; followers that all think they may claim do. What
each applied is one and the same history, and each epoch is one server's.
"""

import asyncio
import random

import pytest

from joblog.actors.quorum.chain import Chain
from joblog.actors.quorum.follower import Follower
from joblog.actors.quorum.mail import Came, Led
from joblog.actors.quorum.parcels import Kind, StreamDamagedError, decode_parcel
from joblog.actors.quorum.publisher import Written
from joblog.storage.batch import BatchEncoder
from joblog.storage.cutting import LogPlace, Piece
from joblog.storage.frame import FrameHeads
from tests.actors.quorum import test_publisher as simulated
from tests.actors.quorum.test_publisher import HEADER, SimulatedStream, begin, read_all

pytestmark = pytest.mark.usefixtures("hurry")


@pytest.fixture
def hurry(monkeypatch):
    for module in ("follower", "publisher"):
        name = f"joblog.actors.quorum.{module}._AGAIN_SECONDS"
        monkeypatch.setattr(name, 0)
    monkeypatch.setattr("joblog.actors.quorum.follower._LOOK_SECONDS", 0.001)
    monkeypatch.setattr("joblog.actors.quorum.follower._HOLE_SECONDS", 0.01)


class Part:
    """Stands in for the keyspace's part: notes what comes, and says that it is done.

    Attributes:
        seqs: the records that came. led: the publisher, once this one leads.
    """

    def __init__(self, stream, name, may_claim=lambda: False):
        self.seqs = []
        self.led = None
        self.follower = Follower(
            stream,
            simulated.new_chain(),
            1,
            (name * 16, f"{name.decode()}:1"),
            may_claim,
            lambda reached: None,
        )
        place = LogPlace("", HEADER, 0, 0, "", 1)
        self.follower.use(place, self.post, lambda function: function())

    def post(self, message):
        if isinstance(message, Came):
            for cut in message.cuts:
                assert isinstance(cut, Piece)
                self.seqs += [record.seq for record in cut.records]
            message.done()
        elif isinstance(message, Led):
            self.led = message.publisher


async def _write(node, chance, count):
    task = asyncio.ensure_future(node.publisher.run())
    for _ in range(count):
        node.offer(b"v" * chance.choice([1, 10_000]))
        await asyncio.sleep(0)
    await asyncio.wait_for(node.publisher.become_idle(), 30)
    task.cancel()


async def _play(seed):
    chance = random.Random(seed)
    stream = SimulatedStream(chance, loss=chance.choice([0, 0.05, 0.2]))
    first = await begin(stream)
    is_silent = []
    parts = [Part(stream, b"b", lambda: bool(is_silent)) for _ in range(3)]
    for number, part in enumerate(parts):
        part.follower._writer = bytes([number]) * 16
    tasks = [asyncio.ensure_future(part.follower.run()) for part in parts]
    await _write(first, chance, chance.randrange(30))
    is_silent.append(True)
    done, others = await asyncio.wait(tasks, return_when="FIRST_COMPLETED", timeout=30)
    assert done
    is_silent.clear()
    leaders = [part for part in parts if part.led is not None]
    newest = leaders[-1].led
    assert newest.is_idle
    await asyncio.sleep(0.05)
    for task in others:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return stream, parts


@pytest.mark.parametrize("seed", range(40))
def test_all_apply_one_history_and_each_epoch_is_one_servers(seed):
    stream, parts = asyncio.run(_play(seed))

    chain, believed, _ = read_all(stream)
    for part in parts:
        # In order, each once, from the beginning.
        assert part.seqs == list(range(1, len(part.seqs) + 1))
        assert part.seqs[-1] <= chain.last_seq
        assert part.follower.reached is not None
    parcels = [decode_parcel(one, "here") for one in stream.messages]
    claims = [one for one in parcels if one.kind is Kind.CLAIM]
    assert len({one.epoch for one in claims}) == len(claims) >= 2
    by_epoch = {(writer, epoch) for writer, epoch, _ in believed}
    assert len(by_epoch) == len({epoch for _, epoch in by_epoch})


def test_who_leads_writes_behind_its_claim():
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        await begin(stream)
        part, other = Part(stream, b"b", lambda: True), Part(stream, b"c")
        await asyncio.wait_for(part.follower.run(), 30)
        publisher = part.led
        draft = (2**50, 0, [[b"SET", b"k", b"x"]], 7)
        heads = FrameHeads(HEADER.salt)
        frame, _, _ = BatchEncoder().encode([draft], heads, 2, 0, 2**50)
        publisher.offer(Written(Kind.FRAMES, frame, 3))
        task = asyncio.ensure_future(publisher.run())
        await asyncio.wait_for(publisher.become_idle(), 30)
        task.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.follower.run(), 0.5)
        return stream, part, other

    stream, part, other = asyncio.run(run())

    chain, believed, _ = read_all(stream)
    assert [epoch for _, epoch, _ in believed] == [2, 3, 3]
    assert part.seqs == [1, 2]
    assert other.seqs == [1, 2, 3]
    assert (other.follower.epoch, chain.epoch) == (3, 3)


@pytest.mark.parametrize("place", [2, 3])
def test_message_that_is_missing_is_noticed_and_nothing_behind_it_is_applied(place):
    async def run():
        stream = SimulatedStream(random.Random(1), loss=0)
        first = await begin(stream)
        await _write(first, random.Random(1), 3)
        number = len(stream.messages)
        stream.messages[place] = None
        part = Part(stream, b"b")
        part.follower.hint(number)
        with pytest.raises(StreamDamagedError, match="it is missing"):
            await asyncio.wait_for(part.follower.run(), 30)
        return part

    part = asyncio.run(run())

    assert part.seqs == list(range(1, place))


def test_chain_says_where_checksums_start():
    assert isinstance(simulated.new_chain(), Chain)
    assert simulated.new_chain().salt == HEADER.salt
