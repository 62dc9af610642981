"""Hellos: what servers of one log say of themselves, and that there is more to read.

They go by a subject that no stream keeps: who does not hear one hears the next. Nothing
that is safe rests on them.

    {"id": ..., "host": ..., ...}    how a server is, some times in a lease's length
    1234                             a message that the stream has acknowledged
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.app import clock
from joblog.app.state.cluster import Node
from joblog.app.state.replication import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.quorum.link import Link

logger = logging.getLogger(__name__)

HELLO_SECONDS: Final = 0.5


class Hellos:
    """Says hello, and hears the others."""

    def __init__(
        self,
        link: Link,
        stream: str,
        on_node: Callable[[Node], None],
        on_number: Callable[[int], None],
    ) -> None:
        """Say nothing yet.

        Args:
            link: the connection.
            stream: the stream's name.
            on_node: called with each server that is heard.
            on_number: called with the number of a message that is in the stream.
        """
        self._link = link
        self._subject = f"{stream}.hello"
        self._on_node, self._on_number = on_node, on_number
        self._saying: asyncio.Task[None] | None = None

    async def run(self, make: Callable[[], dict[str, Any]]) -> None:
        """Say hello again and again.

        Args:
            make: returns what is said.
        """
        await self._link.client.subscribe(self._subject, cb=self._hear)
        while True:
            with contextlib.suppress(Exception):  # nats-py raises many kinds
                data = json.dumps(make()).encode()
                await self._link.client.publish(self._subject, data)
            await asyncio.sleep(HELLO_SECONDS)

    def tell_number(self, number: int) -> None:
        """Say that a message is in the stream."""
        if self._saying is None or self._saying.done():
            self._saying = asyncio.ensure_future(self._tell_number(number))

    async def _tell_number(self, number: int) -> None:
        with contextlib.suppress(Exception):  # the next one will do
            await self._link.client.publish(self._subject, b"%d" % number)

    async def _hear(self, message: Any) -> None:
        data = message.data
        try:
            if data[:1] == b"{":
                self._on_node(_read(json.loads(data)))
            else:
                self._on_number(int(data))
        except (ValueError, KeyError, TypeError) as error:
            logger.debug("no hello: %r", error)


def _read(told: dict[str, Any]) -> Node:
    return Node(
        str(told["id"]),
        Address(str(told["host"]), int(told["port"])),
        bool(told["leads"]),
        int(told["epoch"]),
        int(told["seq"]),
        int(told["priority"]),
        clock.steady_ms(),
    )
