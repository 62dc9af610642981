"""Reading: many messages of the stream in order, quickly, and each where it is missing.

    far from the end     batches that the stream sends, one of them ahead
    else                 one request for each number, some at once

Of a batch only numbers that follow each other are taken. Whatever else comes of it, or
does not, is asked for by its number: that alone says what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 32
_MANY: Final = 128
"""Fewer messages are asked for one by one: that is quicker than to begin batches."""

_BATCH: Final = 1024
_REST_SECONDS: Final = 5.0
"""So long nothing is asked for in batches once one of them was not as it is to be."""


class Batches(Protocol):
    """What sends batches; see `joblog.actors.quorum.pulling.Pull`."""

    async def open(self, begin: int, /) -> None:
        """Have it made, from a message on."""

    async def fetch(self, count: int, /) -> list[tuple[int, bytes]]:
        """Return the next messages with their numbers."""

    async def close(self) -> None:
        """End it."""


class Readable(Protocol):
    """A stream, see `joblog.actors.quorum.stream`."""

    async def read(self, number: int) -> bytes | None:
        """Return a message, or None where there is none of that number."""

    def batches(self) -> Batches:
        """Return what sends batches; nothing is asked yet."""


class Reader:
    """Reads a stream from one message to the next; it lives in the link's thread."""

    def __init__(self, stream: Readable) -> None:
        """Read nothing yet.

        Args:
            stream: what to read.
        """
        self._stream = stream
        self._batches: Batches | None = None
        self._ahead: asyncio.Future[list[tuple[int, bytes]]] | None = None
        self._next = 0
        self._rests_until = 0.0
        self._closing: set[asyncio.Future[None]] = set()

    async def read(self, begin: int, last: int) -> list[bytes | None]:
        """Return messages from one on: at least one, and not all where that is much.

        Args:
            begin: the number of the first.
            last: the number of the last that is wanted.

        Returns:
            The messages; None for one that there is not.

        Raises:
            UnknownOutcomeError: nobody answered.
        """
        if self._batches is not None and self._next != begin:
            self._end()
        if self._batches is None and last - begin >= _MANY:
            await self._begin(begin, last)
        if self._batches is not None:
            found = await self._take_batch(begin, last)
            if found:
                return found
        end = min(begin + _AT_ONCE, last + 1)
        return list(await asyncio.gather(*map(self._stream.read, range(begin, end))))

    async def _begin(self, begin: int, last: int) -> None:
        """Have batches sent, where that is possible."""
        if monotonic() < self._rests_until:
            return
        self._batches = batches = self._stream.batches()
        try:
            await batches.open(begin)
        except Exception as error:  # noqa: BLE001 - nats-py raises many kinds
            logger.debug("messages are read one by one: %s", error)
            self._give_up()
        else:
            self._ask(begin, last)

    def _ask(self, begin: int, last: int) -> None:
        """Ask for the next batch; it comes while the one before is worked on."""
        assert self._batches is not None
        self._next = begin
        count = min(_BATCH, last - begin + 1)
        self._ahead = asyncio.ensure_future(self._batches.fetch(count))

    async def _take_batch(self, begin: int, last: int) -> list[bytes | None]:
        """Return what came of a batch, as far as it is as it is to be."""
        assert self._ahead is not None
        came: list[tuple[int, bytes]] = []
        with contextlib.suppress(Exception):  # nats-py raises many kinds
            came = await self._ahead
        found = _in_order(came, begin)
        following = begin + len(found)
        if not found or len(found) < len(came):
            logger.debug("message %d does not come in a batch", following)
            self._give_up()
        elif following > last:
            self._end()
        else:
            self._ask(following, last)
        return found

    def _give_up(self) -> None:
        """Ask for no batch for a while."""
        self._rests_until = monotonic() + _REST_SECONDS
        self._end()

    def _end(self) -> None:
        """Ask for no batch any more; what is under way is forgotten."""
        batches, self._batches = self._batches, None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
        if batches is not None:
            closing = asyncio.ensure_future(batches.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _in_order(came: Iterable[tuple[int, bytes]], begin: int) -> list[bytes | None]:
    """Return messages as long as each has the number behind the one before."""
    found: list[bytes | None] = []
    for number, message in came:
        if number != begin + len(found):
            break
        found.append(message)
    return found
