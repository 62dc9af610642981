"""The follower: reads what the leader appends, and claims when nobody leads.

    read -> chain -> cuts -> the keyspace's part (files, then memory) -> read on
    at the end, with the lease -> a CLAIM behind the last message -> this server leads

It lives in the link's thread. The lease is asked for at the end of the stream alone:
who is behind reads on first. What decides is the claim: it is appended only if nothing
was appended since.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from joblog.actors.quorum.mail import Came, InTouch, Led
from joblog.actors.quorum.parcels import (
    Kind,
    StreamDamagedError,
    decode_parcel,
    encode_parcel,
)
from joblog.actors.quorum.publisher import (
    Messages,
    OvertakenError,
    Publisher,
    Reached,
)
from joblog.actors.quorum.reading import Readable, Reader
from joblog.actors.quorum.stream import UnknownOutcomeError
from joblog.app import clock
from joblog.app.engine.outbox import SERVER_ID
from joblog.app.history.notes import ClaimNote, encode_note
from joblog.storage.batch import BatchEncoder
from joblog.storage.cutting import Cutter
from joblog.storage.frame import FrameHeads

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.quorum.chain import Chain
    from joblog.actors.quorum.mail import FromStore
    from joblog.storage.cutting import Cut, LogPlace
    from joblog.storage.record import Draft

logger = logging.getLogger(__name__)

_STRETCH_BYTES: Final = 1024 * 1024
_LOOK_SECONDS: Final = 0.25
"""So often the end of the stream is looked at, where no hint comes."""

_AGAIN_SECONDS: Final = 0.1
_HOLE_SECONDS: Final = 15.0
"""For so long a message may be missing before one that is there: whoever has just begun
to lead the stream may not know all yet."""


class Followed(Messages, Readable, Protocol):
    """A stream, see `joblog.actors.quorum.stream`."""


class Follower:
    """Follows the stream from a message on.

    Attributes:
        reached: the last message that is applied here; None before the first.
        is_at_end: whether the stream had nothing more when it was last read.
        epoch: that of the last message.
    """

    def __init__(
        self,
        stream: Followed,
        chain: Chain,
        number: int,
        claimed_by: tuple[bytes, str],
        may_claim: Callable[[], bool],
        on_reached: Callable[[Reached], None],
    ) -> None:
        """Go on behind a message.

        Args:
            stream: where to read.
            chain: stands behind the message, as the files do.
            number: the message's.
            claimed_by: the writer, and the name, with which this server claims.
            may_claim: whether this server has the lease; a claim is sent right behind.
            on_reached: called with what this server has appended once it leads.
        """
        self._stream, self._chain, self._number = stream, chain, number
        self._reader = Reader(stream)
        self._writer, self._name = claimed_by
        self._may_claim, self._on_reached = may_claim, on_reached
        self._known = number
        self._cutter = Cutter(None, 0, 0)
        self._has_news = asyncio.Event()
        self._hole_since: float | None = None
        self._post: Callable[[FromStore], None] = _post_nowhere
        self._call_soon: Callable[[Callable[[], object]], None] = _post_nowhere
        self.is_at_end = False
        self.reached: Reached | None = None
        self.epoch = chain.epoch

    def use(
        self,
        place: LogPlace,
        post: Callable[[FromStore], None],
        call_soon: Callable[[Callable[[], object]], None],
    ) -> None:
        """Prepare for `run`.

        Args:
            place: where the files end.
            post: mails the keyspace's part.
            call_soon: has this thread call something; any thread may call it.
        """
        self._cutter = Cutter(place.header, place.last_seq, place.last_at_ms)
        self._post, self._call_soon = post, call_soon

    def hint(self, number: int) -> None:
        """Note that a message is said to be in the stream."""
        self._known = max(self._known, number)
        self._has_news.set()

    def wake(self) -> None:
        """Look again at once."""
        self._has_news.set()

    async def run(self) -> None:
        """Follow until this server leads.

        Raises:
            StreamDamagedError: what comes does not follow.
            ShrunkError: the stream has lost something.
        """
        while True:
            try:
                await self._read_on()
            except UnknownOutcomeError as error:
                logger.debug("the stream is not read: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            self.is_at_end = True
            self._post(InTouch())
            if self._may_claim():
                publisher = await self._claim()
                if publisher is not None:
                    self._post(Led(publisher))
                    return
                continue
            await self._wait()

    async def _wait(self) -> None:
        """Wait until there may be more."""
        try:
            await asyncio.wait_for(self._has_news.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return
        self._has_news.clear()

    # --- reading -----------------------------------------------------------------

    async def _read_on(self) -> None:
        """Read to the end.

        Raises:
            UnknownOutcomeError: nobody answered.
        """
        while True:
            begin = self._number + 1
            messages = await self._reader.read(begin, max(self._known, begin))
            found = messages.index(None) if None in messages else len(messages)
            await self._take_all([one for one in messages[:found] if one is not None])
            if found < len(messages):
                self._require_no_hole(messages[found:])
                self._known = self._number
                return
            self._hole_since = None

    def _require_no_hole(self, messages: list[bytes | None]) -> None:
        """See that nothing is missing before a message that is there.

        Raises:
            UnknownOutcomeError: something is, perhaps for a moment.
            StreamDamagedError: for long.
        """
        if not any(messages):
            self._hole_since = None
            return
        now = monotonic()
        since = self._hole_since = self._hole_since or now
        text = f"message {self._number + 1} of {self._stream.place}: it is missing"
        if now - since > _HOLE_SECONDS:
            raise StreamDamagedError(text)
        raise UnknownOutcomeError(text)

    async def _take_all(self, messages: list[bytes]) -> None:
        """Have messages applied, those together that are small."""
        cuts: list[Cut] = []
        size, last = 0, _nothing()
        for message in messages:
            number = self._number + 1
            place = f"message {number} of {self._stream.place}"
            parcel = decode_parcel(message, place)
            group = self._chain.take(parcel, place)
            self._number, self.epoch = number, parcel.epoch
            if group is None:
                continue
            cuts += self._cutter.feed(group.data)
            size += len(group.data)
            last = Reached(number, parcel)
            if size > _STRETCH_BYTES:
                await self._hand(cuts, last)
                cuts, size, last = [], 0, None
        if last is not None:
            await self._hand(cuts, last)

    async def _hand(self, cuts: list[Cut], end: Reached) -> None:
        """Have the keyspace's part write and apply something; wait until it has."""
        self.is_at_end = False
        applied = asyncio.Event()
        done = partial(self._call_soon, applied.set)
        self._post(Came(cuts, end.number, end.parcel.epoch, done))
        await applied.wait()
        self.reached = end

    # --- claiming ----------------------------------------------------------------

    async def _claim(self) -> Publisher | None:
        """Claim the next epoch; None where another was quicker.

        Raises:
            ShrunkError: the stream has lost something.
        """
        chain, last_seq = self._chain, self._chain.last_seq
        packer = chain.packer(self._writer)
        packer.epoch += 1
        note = encode_note(ClaimNote(packer.epoch, self._name))
        draft: Draft = (clock.now_ms(), 0, [], [SERVER_ID, None, note])
        heads = FrameHeads(chain.salt)
        frame, seq, _ = BatchEncoder().encode(
            [draft], heads, last_seq, last_seq, self._cutter.last_at_ms
        )
        claim = packer.pack(Kind.CLAIM, frame, seq, self._stream.bytes_max)[0]
        publisher = Publisher(self._stream, packer, self._number, self._on_reached)
        try:
            await publisher.publish(claim)
        except OvertakenError as error:
            logger.info("not claimed: %s", error)
            return None
        logger.info(
            "%s: epoch %d is claimed, behind message %d",
            self._stream.place,
            packer.epoch,
            self._number,
        )
        # It is taken as what anybody appends is.
        await self._take_all([encode_parcel(claim)])
        return publisher


def _nothing() -> Reached | None:
    return None


def _post_nowhere(_: object) -> None:
    raise AssertionError("not in use yet")
