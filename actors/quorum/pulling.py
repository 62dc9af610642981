"""Pulling: a stream sends its messages in order, a batch at a time, to who asks.

That is a consumer of JetStream: it ends with its use, or after a while unused. What
it sends is to be checked: it may leave something out, send something twice, or end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joblog.actors.quorum.link import Link

BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends before it has more; a message that is longer is not sent at all."""

_ANSWER_SECONDS: Final = 2.0
_EXPIRES_SECONDS: Final = 1.0
"""So long a batch waits for messages that its server does not have yet."""

_IDLE_SECONDS: Final = 10.0
"""So long it stays where nobody asks for a batch."""

_ACK: Final = "$JS.ACK."
_SHORT_ACK_PARTS: Final = 9


class Pull:
    """A consumer that nothing depends on; it lives in the link's thread."""

    def __init__(self, link: Link, stream: str) -> None:
        """Ask nothing yet.

        Args:
            link: the connection.
            stream: the stream's name.
        """
        self._client = link.client
        self._stream = stream
        self._name = self._inbox = ""
        self._subscription: Any = None
        self._found: list[tuple[int, bytes]] = []
        self._count = 0
        self._is_over = asyncio.Event()

    async def open(self, begin: int) -> None:
        """Have it made.

        Args:
            begin: the number of the first message that it is to send.

        Raises:
            Exception: it is not made; nats-py has many kinds.
        """
        from nats.js import api  # noqa: PLC0415 - an extra

        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._take, pending_bytes_limit=4 * BATCH_BYTES
        )
        wanted = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=begin,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=_IDLE_SECONDS,
            num_replicas=1,
            mem_storage=True,
        )
        context = self._client.jetstream(timeout=_ANSWER_SECONDS)
        self._name = (await context.add_consumer(self._stream, wanted)).name

    async def fetch(self, count: int) -> list[tuple[int, bytes]]:
        """Return messages with their numbers, as they come.

        They are fewer where `BATCH_BYTES` are reached, or something is amiss.

        Args:
            count: so many at the most.

        Raises:
            Exception: the connection is gone; nats-py has many kinds.
        """
        self._found, self._count = [], count
        self._is_over.clear()
        asked = {
            "batch": count,
            "max_bytes": BATCH_BYTES,
            "expires": int(_EXPIRES_SECONDS * 1e9),
        }
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}",
            json.dumps(asked).encode(),
            reply=self._inbox,
        )
        before = -1
        while not self._is_over.is_set() and len(self._found) > before:
            before = len(self._found)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), _ANSWER_SECONDS)
        return self._found

    async def _take(self, message: Any) -> None:
        """Take a message, or what says that a batch has no more."""
        number = _number_of(message.reply)
        if number:
            self._found.append((number, message.data))
        if not number or len(self._found) >= self._count:
            self._is_over.set()

    async def close(self) -> None:
        """End it; where nobody answers it ends by itself."""
        with contextlib.suppress(Exception):  # nats-py raises many kinds
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._name:
                context = self._client.jetstream(timeout=_ANSWER_SECONDS)
                await context.delete_consumer(self._stream, self._name)


def _number_of(reply: str) -> int:
    """Return the number of a message of the stream; 0 where it is none."""
    if not reply.startswith(_ACK):
        return 0
    parts = reply.split(".")
    word = parts[5 if len(parts) == _SHORT_ACK_PARTS else 7]
    return int(word) if word.isdecimal() else 0
