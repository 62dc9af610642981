"""Who gets the lease anew answers nothing before it knows that nobody led meanwhile.

Only a message of its own that the stream has taken since tells it: a look at the stream
may be answered from an old view, and is here.
"""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from joblog.actors.quorum.keeping import Quorum
from joblog.actors.quorum.mail import LedAgain
from joblog.actors.quorum.publisher import OvertakenError
from tests.actors.quorum.test_publisher import Node, SimulatedStream, begin, read_all


class FakeLease:
    """A lease that is lost and had again as a test says."""

    is_held = True
    term = 1


class OldView(SimulatedStream):
    """A stream that takes only what it should, and shows what it was before.

    Attributes:
        shown: how many messages who reads is shown; None for all.
        sent: numbers that a message was to have, whether it was taken or not.
        is_held: messages arrive once it is set, if there is one.
    """

    shown = is_held = None

    def __init__(self):
        super().__init__(Quiet(), loss=0)
        self.sent = []

    async def publish(self, message, expected, message_id):
        self.sent.append(expected + 1)
        if self.is_held is not None:
            self.is_under_way.set()
            await self.is_held.wait()
        return await super().publish(message, expected, message_id)

    async def read(self, number):
        if self.shown is not None and number > self.shown:
            return None
        return await super().read(number)


class Sure:
    """A server that leads; each record that it is asked for is written."""

    def __init__(self, stream, first):
        self.asked = []
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
        self.quorum._post = self.asked.append

    @property
    def may_read(self):
        return self.quorum._may_read()

    def renew(self):
        """Do what is done once the lease is renewed."""
        self.quorum._note_term(self.publisher)

    def write(self):
        """Write what was asked for, as the keyspace does."""
        self._first.offer(b"note")

    @contextlib.asynccontextmanager
    async def publishing(self):
        """Publish what is written."""
        task = asyncio.ensure_future(self.publisher.run())
        try:
            yield task
        finally:
            task.cancel()


class Quiet:
    """Chance that makes nothing late."""

    def randrange(self, _):
        return 0

    def random(self):
        return 1.0


async def lead():
    stream = OldView()
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
    sure.renew()
    assert sure.asked == []


def test_lease_that_is_had_anew_lets_reads_go_behind_one_message_of_its_own():
    async def run():
        stream, sure, _ = await lead()
        found, count = [], len(stream.messages)
        for term in (2, 3):
            sure.lease.term = term
            for _ in range(10):
                sure.renew()
                found.append(sure.may_read)
            sure.write()
            async with sure.publishing():
                await asyncio.wait_for(sure.publisher.become_idle(), 30)
            found.append(sure.may_read)
        return found, sure.asked, len(stream.messages) - count

    found, asked, appended = asyncio.run(run())

    assert found == ([False] * 10 + [True]) * 2
    # One for each time that the lease was had anew, not one for each renewal.
    assert asked == [LedAgain()] * 2
    assert appended == 2


def test_who_was_led_over_and_sees_an_old_end_of_the_stream_answers_nothing():
    async def run():
        stream, sure, _ = await lead()
        stream.shown = len(stream.messages)
        await overtake(stream)
        sure.lease.term = 2
        sure.renew()
        await sure.publisher.look()  # nothing is to be seen
        found = [sure.may_read]
        sure.write()
        async with sure.publishing() as task:
            while len(stream.sent) < 10:
                await asyncio.sleep(0)
                found.append(sure.may_read)
            stream.shown = None
            with pytest.raises(OvertakenError):
                await asyncio.wait_for(task, 30)
        return [*found, sure.may_read]

    assert not any(asyncio.run(run()))


def test_who_sees_that_it_was_led_over_ends():
    async def run():
        stream, sure, _ = await lead()
        await overtake(stream)
        sure.lease.term = 2
        with pytest.raises(OvertakenError):
            await sure.publisher.look()
        return sure.may_read

    assert not asyncio.run(run())


def test_what_was_sent_before_says_nothing_and_what_was_sent_since_does():
    async def run():
        stream, sure, _ = await lead()
        stream.is_held, stream.is_under_way = asyncio.Event(), asyncio.Event()
        found = []
        async with sure.publishing():
            sure.write()
            await stream.is_under_way.wait()
            sure.lease.term = 2
            sure.renew()
            stream.is_held.set()
            await asyncio.wait_for(sure.publisher.become_idle(), 30)
            found.append(sure.may_read)
            sure.write()
            await asyncio.wait_for(sure.publisher.become_idle(), 30)
            found.append(sure.may_read)
        return found

    assert asyncio.run(run()) == [False, True]


def test_candidate_that_was_late_with_its_claim_is_refused_by_who_is_sure():
    async def run():
        stream, sure, _ = await lead()
        chain, _, last = read_all(stream)
        late = Node(
            stream,
            *(b"b", chain.epoch, chain.position, chain._running),
            *(chain.last_seq, last),
        )
        sure.lease.term = 2  # the other had it, and is slow to claim
        sure.renew()
        sure.write()
        async with sure.publishing():
            await asyncio.wait_for(sure.publisher.become_idle(), 30)
        with pytest.raises(OvertakenError):
            await late.claim(chain.epoch + 1)
        return sure.may_read

    assert asyncio.run(run())


def test_follower_that_claims_is_sure_by_its_claim():
    async def run():
        stream, sure, _ = await lead()
        quorum = sure.quorum
        found = [quorum.may_claim(), quorum._sureness.is_sure]
        chain, _, last = read_all(stream)
        node = Node(
            stream,
            *(b"b", chain.epoch, chain.position, chain._running),
            *(chain.last_seq, last),
        )
        node.publisher._on_reached = quorum.note_reached
        await node.claim(chain.epoch + 1)
        return [*found, quorum._sureness.is_sure]

    assert asyncio.run(run()) == [True, False, True]


def test_fake_lease_has_what_the_real_one_has():
    from joblog.actors.quorum.lease import Lease  # noqa: PLC0415 - only here

    place = SimpleNamespace(stream="S")
    lease = Lease(None, place, 1, 1.0, b"me")

    assert lease.term == 0
    assert not lease.is_held
