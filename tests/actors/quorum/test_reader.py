"""Reading in batches: what a batch leaves out, repeats or makes up changes nothing.

Each number is asked for by itself where a batch is not as it is to be.
"""

import asyncio
import random

import pytest

from joblog.actors.quorum.reading import Reader
from joblog.actors.quorum.stream import UnknownOutcomeError

COUNT = 3_000
MESSAGES = [b"message %d" % number for number in range(1, COUNT + 1)]


class FakeStream:
    """A stream of `MESSAGES`, whose batches a test may spoil.

    Attributes:
        asked: numbers that were asked for one by one.
        made: the batches that were begun.
    """

    def __init__(self, spoil=lambda number, batch: batch, missing=()):
        self.asked = []
        self.made = []
        self.spoil = spoil
        self.missing = missing

    async def read(self, number):
        self.asked.append(number)
        await asyncio.sleep(0)
        is_there = 0 < number <= COUNT and number not in self.missing
        return MESSAGES[number - 1] if is_there else None

    def batches(self):
        self.made.append(FakeBatches(self))
        return self.made[-1]


class FakeBatches:
    """Batches of a stream.

    Attributes:
        fetched: how many were asked for. is_closed: whether they have ended.
    """

    def __init__(self, stream):
        self._stream = stream
        self.fetched = 0
        self.is_closed = False

    async def open(self, begin):
        self._next = begin

    async def fetch(self, count):
        self.fetched += 1
        await asyncio.sleep(0)
        ends = min(self._next + count, COUNT + 1)
        numbers = [
            one for one in range(self._next, ends) if one not in self._stream.missing
        ]
        self._next = ends
        batch = [(one, MESSAGES[one - 1]) for one in numbers]
        return self._stream.spoil(self.fetched, batch)

    async def close(self):
        self.is_closed = True


def read_all(stream, begin=1, last=COUNT):
    async def run():
        reader, found = Reader(stream), []
        while begin + len(found) <= last:
            more = await reader.read(begin + len(found), last)
            assert more
            found += more
        await asyncio.sleep(0.01)
        return found

    return asyncio.run(run())


def test_many_messages_come_in_batches_and_a_few_one_by_one():
    stream = FakeStream()

    assert read_all(stream) == MESSAGES
    assert stream.asked == []
    assert [(one.fetched, one.is_closed) for one in stream.made] == [(3, True)]
    few = FakeStream()
    assert read_all(few, 11, 60) == MESSAGES[10:60]
    assert few.made == []
    assert few.asked == list(range(11, 61))


def _lose(number, batch):
    return batch[:500] + batch[501:]


def _repeat(number, batch):
    return batch[:500] + batch[499:]


def _exchange(number, batch):
    return [*batch[:500], *batch[501:499:-1], *batch[502:]]


def _send_nothing(number, batch):
    return []


def _send_others(number, batch):
    return [(one + 1, message) for one, message in batch]


def _end(number, batch):
    if number == 2:
        raise OSError
    return batch


@pytest.mark.parametrize(
    "spoil",
    [_lose, _repeat, _exchange, _send_nothing, _send_others, _end],
)
def test_what_is_amiss_with_a_batch_is_asked_for_by_its_number(spoil):
    stream = FakeStream(spoil)

    assert read_all(stream) == MESSAGES
    assert stream.asked
    assert all(one.is_closed for one in stream.made)


def test_batch_that_ends_early_is_gone_on_with():
    stream = FakeStream()
    stream.spoil = _of_few_bytes(stream)

    assert read_all(stream) == MESSAGES
    assert stream.asked == []


def _of_few_bytes(stream):
    def cut(number, batch):
        kept = batch[:100]
        stream.made[-1]._next = kept[-1][0] + 1
        return kept

    return cut


@pytest.mark.parametrize("missing", [1, 700, COUNT])
def test_message_that_is_missing_is_none_by_its_own_number(missing):
    stream = FakeStream(missing={missing})

    found = read_all(stream)

    expected = [*MESSAGES]
    expected[missing - 1] = None
    assert found == expected
    assert missing in stream.asked


def test_batches_that_cannot_be_had_are_not_asked_for_again_at_once():
    class Refused(FakeBatches):
        async def open(self, begin):
            raise OSError

    stream = FakeStream()
    stream.batches = lambda: stream.made.append(Refused(stream)) or stream.made[-1]

    assert read_all(stream) == MESSAGES
    assert stream.asked == list(range(1, COUNT + 1))
    assert len(stream.made) == 1


def test_only_one_batch_is_ahead():
    async def run():
        stream = FakeStream()
        reader = Reader(stream)
        await reader.read(1, COUNT)
        for _ in range(10):
            await asyncio.sleep(0)
        return stream.made[0].fetched

    assert asyncio.run(run()) == 2


def test_who_reads_elsewhere_gets_what_is_there():
    async def run():
        stream = FakeStream()
        reader = Reader(stream)
        first = await reader.read(1, COUNT)
        again = await reader.read(1, COUNT)
        await asyncio.sleep(0.01)
        return stream, first, again

    stream, first, again = asyncio.run(run())

    assert first == again == MESSAGES[: len(first)]
    assert stream.made[0].is_closed


@pytest.mark.parametrize("seed", range(20))
def test_whatever_befalls_batches_each_message_comes_once_and_in_order(
    monkeypatch, seed
):
    monkeypatch.setattr("joblog.actors.quorum.reading._REST_SECONDS", 0)
    chance = random.Random(seed)

    def spoil(number, batch):
        kind = chance.randrange(6)
        at = chance.randrange(len(batch)) if batch else 0
        if kind == 0:
            return batch[:at] + batch[at + 1 :]
        if kind == 1:
            return batch[:at] + batch[max(0, at - 1) :]
        if kind == 2:
            raise OSError
        return batch

    stream = FakeStream(spoil, {chance.randrange(1, COUNT)})

    expected = [None if n + 1 in stream.missing else m for n, m in enumerate(MESSAGES)]
    assert read_all(stream) == expected


def test_nobody_who_answers_is_said():
    class Silent(FakeStream):
        async def read(self, number):
            raise UnknownOutcomeError("no answer")

    with pytest.raises(UnknownOutcomeError):
        read_all(Silent(_send_nothing))
