"""Links: TCP relays between two parties, which a test may cut and delay.

All live in one thread, on asyncio. A link is silent in a direction, as a network that
loses packets is: what was sent arrives when that ends. Or it is cut: connections are
reset, and new ones too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Self

CHUNK = 1 << 16
Change = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


class Link:
    """A port that leads to another one.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(self, network: Network, target: int, change: Change) -> None:
        """Lead nowhere yet; see `Network.link`."""
        self._change = change
        self._network = network
        self._target = target
        self._is_cut = False
        self._delay = 0.0
        self._gates = {"there": asyncio.Event(), "back": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> Self:
        """Take connections from now on."""
        for gate in self._gates.values():
            gate.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def silence(self, *directions: str) -> None:
        """Pass nothing on in these directions, of `there` and `back`."""
        for direction in directions:
            self._network.call_soon(self._gates[direction].clear)

    def cut(self) -> None:
        """Reset all connections, and those that come."""
        self._network.call_soon(self._cut)

    def slow_down(self, seconds: float) -> None:
        """Pass each piece on so much later."""
        self._delay = seconds

    def heal(self) -> None:
        """Be a good link again."""
        self._delay = 0.0
        self._is_cut = False
        for gate in self._gates.values():
            self._network.call_soon(gate.set)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            await self._pass_all(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _pass_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._is_cut:
            return
        # Who is not heard gets no connection either.
        await self._gates["there"].wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(back)
        try:
            await asyncio.gather(
                self._pass_on("there", reader, back),
                self._pass_on("back", there, writer),
            )
        finally:
            self._writers.discard(back)
            back.transport.abort()

    async def _pass_on(
        self,
        direction: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(CHUNK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._gates[direction].wait()
            writer.write(self._change(data))
            await writer.drain()
        raise ConnectionResetError


class Network:
    """Links, and the thread that they live in."""

    def __init__(self) -> None:
        """Begin the thread."""
        self.links: list[Link] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def link(self, target: int, change: Change = _as_it_is) -> Link:
        """Return a new link.

        Args:
            target: a port of 127.0.0.1.
            change: what becomes of each piece of bytes.
        """
        link = Link(self, target, change)
        asyncio.run_coroutine_threadsafe(link.listen(), self._loop).result()
        self.links.append(link)
        return link

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have the thread call something."""
        self._loop.call_soon_threadsafe(function)

    def heal(self) -> None:
        """Have all links be good ones."""
        for link in self.links:
            link.heal()

    def close(self) -> None:
        """End all connections and the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self.call_soon(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    async def _end(self) -> None:
        for link in self.links:
            link.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
