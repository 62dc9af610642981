"""Who gets the lease anew answers nothing before it knows that nobody led meanwhile."""

import asyncio
from types import SimpleNamespace

import pytest

from joblog.actors.quorum.keeping import Quorum
from joblog.actors.quorum.parcels import Kind, decode_parcel
from joblog.actors.quorum.publisher import OvertakenError
from tests.actors.quorum.test_publisher import Node, SimulatedStream, begin, read_all


class FakeLease:
    """A lease that is lost and had again as a test says."""

    is_held = True
    term = 1


class Sure:
    """A server that leads, over a stream that loses nothing."""

    def __init__(self, stream, first):
        self.lease = FakeLease()
        self.quorum = Quorum(
            *(None, stream, self.lease, lambda: 1000, (None, None)),
            ("127.0.0.1", 1),
            lambda: True,
        )
        packer = first.packer
        self.publisher = self.quorum.use(packer, len(stream.messages))
        self._first = first

    async def claim(self):
        self._first.publisher = self.publisher
        await self._first.claim(3)

    @property
    def may_read(self):
        return self.quorum._may_read()

    async def renew(self):
        await self.quorum._sureness.make_sure(self.publisher)


class Quiet:
    """Chance that makes nothing late."""

    def randrange(self, _):
        return 0

    def random(self):
        return 1.0


async def lead():
    stream = SimulatedStream(Quiet(), loss=0)
    sure = Sure(stream, await begin(stream))
    before = sure.may_read
    await sure.claim()
    return stream, sure, before


async def overtake(stream):
    chain, _, last = read_all(stream)
    second = Node(
        stream,
        *(b"b", chain.epoch, chain.position, chain._running, chain.last_seq, last),
    )
    await second.claim(chain.epoch + 1)


def test_claim_that_is_acknowledged_lets_reads_go():
    _, sure, before = asyncio.run(lead())

    assert not before
    assert sure.may_read


def test_lease_that_is_had_anew_lets_reads_go_behind_a_look():
    async def run():
        _, sure, _ = await lead()
        sure.lease.term = 2
        found = [sure.may_read]
        await sure.renew()
        return [*found, sure.may_read]

    assert asyncio.run(run()) == [False, True]


def test_who_was_led_over_meanwhile_answers_nothing_and_ends():
    async def run():
        stream, sure, _ = await lead()
        await overtake(stream)
        sure.lease.term = 2
        with pytest.raises(OvertakenError):
            await sure.renew()
        return sure.may_read

    assert not asyncio.run(run())


def test_what_was_sent_before_says_nothing_and_what_was_sent_since_does():
    async def run():
        stream, sure, _ = await lead()
        first, found = sure._first, []
        sure.lease.term = 2
        for count in range(3):
            first.offer(b"%d" % count)  # under way: there is no place to look at
            await sure.renew()
            found.append(sure.may_read)
            task = asyncio.ensure_future(sure.publisher.run())
            await asyncio.wait_for(sure.publisher.become_idle(), 30)
            task.cancel()
        assert decode_parcel(stream.messages[-1], "last").kind is Kind.FRAMES
        return found

    assert asyncio.run(run()) == [False, False, True]


def test_fake_lease_has_what_the_real_one_has():
    from joblog.actors.quorum.lease import Lease  # noqa: PLC0415 - only here

    place = SimpleNamespace(stream="S")
    lease = Lease(None, place, 1, 1.0, b"me")

    assert lease.term == 0
    assert not lease.is_held
