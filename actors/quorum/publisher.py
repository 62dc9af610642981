"""The publisher: what was written to the files goes to the stream, in order, once.

One message is under way at a time, and what is written meanwhile becomes the next one:
of two under way the first may be lost, another server's claim take its number, and the
second be stored behind that. Where nobody says what became of a message, it is looked
for in the stream:

    what stands in its place is it      it is acknowledged
    nothing stands there                it is sent again, with the same id
    something else stands there         this server is overtaken, for good
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from joblog.actors.quorum.parcels import (
    Kind,
    Packer,
    Parcel,
    StreamDamagedError,
    decode_parcel,
    encode_parcel,
)
from joblog.actors.quorum.stream import OutrunError, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable

_JOINED_BYTES_MAX: Final = 512 * 1024
"""Group commits that wait become one message, up to so many bytes."""

_AGAIN_SECONDS: Final = 0.1
_SHRUNK_SECONDS: Final = 15.0
"""For so long a stream may seem to end before what it has acknowledged: whoever has
just become its leader may not know all yet."""


class OvertakenError(Exception):
    """Another server has claimed a higher epoch: nothing more may be acknowledged."""


class ShrunkError(Exception):
    """The stream has lost what it had acknowledged."""


class Messages(Protocol):
    """A stream, see `joblog.actors.quorum.stream`."""

    place: str
    bytes_max: int

    async def publish(self, message: bytes, expected: int, message_id: str) -> int:
        """Append a message behind the one that is expected to be last."""

    async def read(self, number: int) -> bytes | None:
        """Return a message, or None where there is none of that number."""


class Written(NamedTuple):
    """What was written to the files. Loop -> publisher."""

    kind: Kind
    data: bytes
    last_seq: int


class Reached(NamedTuple):
    """What the stream has acknowledged last.

    Attributes:
        number: of the message.
        parcel: what is in it.
    """

    number: int
    parcel: Parcel


class Publisher:
    """Publishes what one epoch's writer writes.

    Attributes:
        waiting_since: when the oldest that waits was taken, by the steady clock; None
            where nothing waits.
        reached: what the stream has acknowledged last; None before the first.
        sent: the number of the last message that was sent, acknowledged or not.
        trouble: what was heard last of a message that is not acknowledged; "" for none.
    """

    def __init__(
        self,
        stream: Messages,
        packer: Packer,
        last_number: int,
        on_reached: Callable[[Reached], None],
    ) -> None:
        """Publish behind a message.

        Args:
            stream: where to.
            packer: makes messages.
            last_number: the number of the stream's last message.
            on_reached: called with each that is acknowledged.
        """
        self._stream = stream
        self._packer = packer
        self._last = self.sent = last_number
        self._on_reached = on_reached
        self._queue: deque[Written] = deque()
        self._parcels: deque[Parcel] = deque()
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._shrunk_since: float | None = None
        self._is_found = False
        self.waiting_since: float | None = None
        self.reached: Reached | None = None
        self.trouble = ""

    @property
    def epoch(self) -> int:
        """The epoch of its messages."""
        return self._packer.epoch

    def offer(self, written: Written) -> None:
        """Take what was written. Any thread may call it; `wake` must follow."""
        self._queue.append(written)

    def wake(self) -> None:
        """See what was offered."""
        if self.waiting_since is None and self._queue:
            self.waiting_since = monotonic()
        self._has_work.set()

    @property
    def is_idle(self) -> bool:
        """Whether all that was offered is acknowledged."""
        return not (self._queue or self._parcels)

    async def publish(self, parcel: Parcel) -> None:
        """Publish a parcel, and wait until it is acknowledged.

        Raises:
            OvertakenError: another has appended.
            ShrunkError: the stream has lost something.
        """
        message = encode_parcel(parcel)
        while not await self._try(parcel, message):
            is_known = False
            while not is_known:
                await asyncio.sleep(_AGAIN_SECONDS)
                is_known = await self._find(parcel, message)
            if self._is_found:
                return

    async def run(self) -> None:
        """Publish what is offered, for ever.

        Raises:
            OvertakenError: another has claimed the next epoch.
            ShrunkError: the stream has lost something.
        """
        while True:
            if not self._parcels and self._queue:
                self._pack()
            if self._parcels:
                await self.publish(self._parcels[0])
                self._parcels.popleft()
                continue
            self.waiting_since = None
            self._is_idle.set()
            self._has_work.clear()
            if not self._queue:
                await self._has_work.wait()
            self._is_idle.clear()

    async def become_idle(self) -> None:
        """Wait until all that was offered is acknowledged."""
        while not self.is_idle:
            self._is_idle.clear()
            await self._is_idle.wait()

    async def look(self) -> None:
        """See whether another has appended, where nothing is under way.

        That none is seen says nothing: what answers may be behind.

        Raises:
            OvertakenError: it has.
            UnknownOutcomeError: nobody answered.
        """
        if not self.is_idle:
            return
        number = self._last + 1
        message = await self._stream.read(number)
        # Ours, where something was offered meanwhile.
        is_waiting = bool(self._queue or self._parcels)
        if message is not None and not is_waiting and number == self._last + 1:
            raise self._overtaken(message, number)

    def _pack(self) -> None:
        """Make parcels of what waits: of frames that follow each other, one."""
        queue = self._queue
        kind, data, last_seq = queue.popleft()
        pieces, size = [data], len(data)
        while (
            kind is Kind.FRAMES
            and queue
            and queue[0].kind is kind
            and size + len(queue[0].data) <= _JOINED_BYTES_MAX
        ):
            following = queue.popleft()
            pieces.append(following.data)
            size += len(following.data)
            last_seq = following.last_seq
        data = b"".join(pieces)
        self._parcels += self._packer.pack(kind, data, last_seq, self._stream.bytes_max)

    async def _try(self, parcel: Parcel, message: bytes) -> bool:
        """Send a parcel; say whether it is known to be in the stream."""
        self.sent = self._last + 1
        try:
            number = await self._stream.publish(message, self._last, _id_of(parcel))
        except (OutrunError, UnknownOutcomeError) as error:
            self.trouble = str(error)
            return False
        if number != self._last + 1:
            self.trouble = f"it was given number {number} instead of {self._last + 1}"
            return False
        self._acknowledge(parcel, number)
        return True

    async def _find(self, parcel: Parcel, message: bytes) -> bool:
        """Look for a parcel in the stream; say whether it is known if it is there."""
        number = self._last + 1
        self._is_found = False
        try:
            found = await self._stream.read(number)
            if found is None:
                await self._require_all()
                return True
        except UnknownOutcomeError as error:
            self.trouble = str(error)
            return False
        if found != message:
            raise self._overtaken(found, number)
        self._is_found = True
        self._acknowledge(parcel, number)
        return True

    def _overtaken(self, message: bytes, number: int) -> OvertakenError:
        """Return what it means that another message stands where ours was to be."""
        place = f"message {number} of {self._stream.place}"
        try:
            parcel = decode_parcel(message, place)
        except StreamDamagedError as error:
            return OvertakenError(str(error))
        return OvertakenError(
            f"{place} is of another writer, in epoch {parcel.epoch}; this server wrote "
            f"in epoch {self._packer.epoch}: it is overtaken"
        )

    async def _require_all(self) -> None:
        """See that the stream still has what it acknowledged last.

        Raises:
            ShrunkError: it has not, and not only for a moment.
            UnknownOutcomeError: nobody answered.
        """
        if self._last == 0 or await self._stream.read(self._last) is not None:
            self._shrunk_since = None
            return
        now = monotonic()
        if self._shrunk_since is None:
            self._shrunk_since = now
        elif now - self._shrunk_since > _SHRUNK_SECONDS:
            raise ShrunkError(
                f"{self._stream.place} has no message {self._last} any more, which it "
                "had acknowledged"
            )

    def _acknowledge(self, parcel: Parcel, number: int) -> None:
        self._last = number
        self.reached = Reached(number, parcel)
        self.trouble = ""
        self.waiting_since = monotonic()
        self._on_reached(self.reached)


def _id_of(parcel: Parcel) -> str:
    """Return what tells a message from all others."""
    where = f"{parcel.start.first_seq}-{parcel.start.offset}-{parcel.kind.value}"
    return f"{parcel.writer.hex()}-{where}"
