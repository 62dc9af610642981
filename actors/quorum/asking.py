"""Asking: what a start wants of the link's thread, a slice at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import TimeoutError as NotYetError
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.quorum.stream import UnknownOutcomeError
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from joblog.actors.quorum.link import Link

ANSWER_SECONDS: Final = 30.0
"""So long a start waits for servers that do not answer."""

_STEP_SECONDS: Final = 0.005
_AGAIN_SECONDS: Final = 0.2


class Asking:
    """Asks the servers of a store, and lets others have a turn meanwhile."""

    def __init__(self, link: Link, servers: str) -> None:
        """Ask nothing yet.

        Args:
            link: the connection.
            servers: what texts call the servers.
        """
        self._link = link
        self._servers = servers

    def wait(
        self, coroutine: Coroutine[Any, Any, Any]
    ) -> Generator[tuple[int, int], None, Any]:
        """Wait for what the link's thread does."""
        future = self._link.call(coroutine)
        deadline = monotonic() + ANSWER_SECONDS
        while True:
            try:
                return future.result(_STEP_SECONDS)
            except NotYetError:
                if future.done():
                    raise
            if monotonic() > deadline:
                future.cancel()
                raise self.unanswered(self._link.last_error)
            yield 0, 1

    def ask(
        self, ask: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Generator[tuple[int, int], None, Any]:
        """Ask until there is an answer, for a while."""
        deadline = monotonic() + ANSWER_SECONDS
        while True:
            try:
                answer = yield from self.wait(ask())
            except UnknownOutcomeError:
                if monotonic() > deadline:
                    raise
                yield from self.pause()
            else:
                return answer

    def pause(self) -> Generator[tuple[int, int], None, None]:
        """Wait a moment before something is asked again."""
        yield from self.wait(asyncio.sleep(_AGAIN_SECONDS))

    def unanswered(self, heard: str) -> StorageError:
        """Return what it means that nobody answers, or not what was asked."""
        return StorageError(
            f"log-store: {self._servers} did not do what was asked within "
            f"{ANSWER_SECONDS:.0f} s: {heard}; see that most of the servers run, and "
            "that this user may use JetStream there"
        )
