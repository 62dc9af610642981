"""Desks: processes that answer the page's questions, so that it never waits for one.

There are two: a quick one for what the index knows at once, which keeps the board, and
one for what takes its time. A question that nobody waits for any more is not begun; one
under way is ended with its process, and the next question starts another. A process
that still starts has no question yet, and goes on to start for the next.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from joblog.replay.jobs.verdicts import Limits

_ALLOCATOR = {"PYTHONMALLOC": "malloc"}
"""That of the system: Python's own keeps each megabyte of which a byte is in use, and
so nearly all that the largest question took."""

_LINE_MAX = 256 << 20
_PATIENCE_SECONDS = 0.3
_GONE = {"error": "the process that reads the log has ended", "kind": "gone"}


class Desk:
    """One process."""

    def __init__(self, about: str) -> None:
        """Start nothing yet.

        Args:
            about: what the process is told of the folder, as JSON.
        """
        self._about = about
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Future[asyncio.subprocess.Process] | None = None
        self._turn = asyncio.Lock()

    async def ask(
        self,
        name: str,
        words: Mapping[str, str],
        progress: Callable[[int], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Return an answer; who is cancelled meanwhile ends the work on it."""
        async with self._turn:
            process = await self._start()
            reading = asyncio.ensure_future(_exchange(process, name, words, progress))
            try:
                return await asyncio.shield(reading)
            except asyncio.CancelledError:
                # What is done in a moment is worth more than the process. Who is
                # cancelled once more does not even wait for that.
                try:
                    await asyncio.wait({reading}, timeout=_PATIENCE_SECONDS)
                finally:
                    if not reading.done():
                        self._end()
                        reading.cancel()
                raise

    async def _start(self) -> asyncio.subprocess.Process:
        """Return the process when it is ready; who is cancelled does not stop it."""
        process = self._process
        if self._starting is None:
            if process is not None and process.returncode is None:
                return process
            self._starting = asyncio.ensure_future(self._begin())
        return await asyncio.shield(self._starting)

    async def _begin(self) -> asyncio.subprocess.Process:
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "joblog.replay.web.desk",
                self._about,
                env={**_ALLOCATOR, **os.environ},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE_MAX,
            )
            assert process.stdout is not None
            await process.stdout.readline()  # it is ready, or has ended
            return process
        finally:
            self._starting = None

    async def close(self) -> None:
        """End the process."""
        process = self._end()
        if self._starting is not None:
            process = await self._starting
            self._end()
        if process is not None:
            await process.wait()

    def _end(self) -> asyncio.subprocess.Process | None:
        """Tell the process to end, and know of it no more; return it."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return None
        with suppress(ProcessLookupError):
            process.kill()
        return process


async def _exchange(
    process: asyncio.subprocess.Process,
    name: str,
    words: Mapping[str, str],
    progress: Callable[[int], None],
) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    question = json.dumps({"name": name, "words": dict(words)})
    try:
        process.stdin.write(question.encode() + b"\n")
        await process.stdin.drain()
        while True:
            line = await process.stdout.readline()
            if not line:
                return _GONE
            told = json.loads(line)
            if "answer" in told:
                answer: dict[str, Any] = told["answer"]
                return answer
            progress(told["progress"])
    except (ConnectionError, ValueError):
        return _GONE


class Desks:
    """The quick desk and the patient one, for one folder."""

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str],
        limits: Limits,
        descriptors: Sequence[str] = (),
    ) -> None:
        """Start nothing yet.

        Args:
            folder: the data folder.
            schemas: those that were named; none to find them out.
            limits: from when on a job is stuck or lost.
            descriptors: of messages that jobs carry.
        """
        about = json.dumps(
            {
                "folder": str(folder),
                "schemas": list(schemas),
                "limits": list(limits),
                "descriptors": list(descriptors),
            }
        )
        self.folder = folder
        self.quick, self.patient = Desk(about), Desk(about)

    async def close(self) -> None:
        """End both."""
        await self.quick.close()
        await self.patient.close()
