"""Asking beside the screen: one thread has the desk; what nobody waits for is left."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from joblog.replay.views.answers import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from joblog.replay.jobs.verdicts import Limits

_KEPT = frozenset(("board", "rates", "axis"))
"""What a desk keeps for the next question: never given up half way."""


class StaleError(Exception):
    """Somebody asked something else meanwhile."""


class AsyncDesk:
    """Answers questions about one folder, one at a time, while the screen goes on."""

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str],
        limits: Limits,
        progress: Callable[[int], None],
        descriptors: Sequence[str] = (),
    ) -> None:
        """Open nothing yet.

        Args:
            folder: the data folder.
            schemas: those that were named; none to find them out.
            limits: from when on a job is stuck or lost.
            progress: is told, in the thread, how far long work has come.
            descriptors: of messages that jobs carry.
        """
        self.folder = folder
        self._desk = Desk(folder, schemas, limits, descriptors)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._progress = progress
        self._newest = 0

    async def ask(self, name: str, **words: str) -> dict[str, Any]:
        """Return an answer; see `joblog.replay.views.answers.Desk.ask`.

        Raises:
            StaleError: `give_up` was called meanwhile.
        """
        number = self._newest
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ask, name, words, number)

    def _ask(self, name: str, words: dict[str, str], number: int) -> dict[str, Any]:
        def progress(seq: int) -> None:
            if name not in _KEPT and number != self._newest:
                raise StaleError
            self._progress(seq)

        if number != self._newest:
            raise StaleError
        return self._desk.ask(name, words, progress)

    def give_up(self) -> None:
        """Let nobody wait for what was asked so far."""
        self._newest += 1

    def close(self) -> None:
        """End the thread, and close what the desk has open."""
        self.give_up()
        self._thread.submit(self._desk.forget)
        self._thread.shutdown(wait=True)
