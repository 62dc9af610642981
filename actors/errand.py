"""Errand: a thread that has a child process do a piece of work of the log, in the end.

An order says what is to be done now. It is begun when it is due and no child runs; what
fails is tried again after a second, two, four, up to a minute; what has changed is told
to the keyspace.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import pykka

from joblog.actors.children import NICED_REPLAY, Children, Retries
from joblog.actors.messages import Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Errand(pykka.ThreadingActor):
    """Runs the children of one piece of work at a time, and reports.

    Attributes:
        STATUS: the message that takes the fields of a report.
    """

    STATUS: ClassVar[Any]
    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the errand of a data folder.

        Args:
            folder: the data folder.
            report: takes what is to be told to the keyspace; called in this thread.
            environment: gives the child's.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = folder.resolve()
        self._report = report
        self._environment = environment
        self._steady_ms = steady_ms
        self._children = Children()
        self._retries = Retries(steady_ms)
        self._told: dict[str, Any] = {}

    def on_receive(self, message: Any) -> None:
        """Take an order, or look after the children that run."""
        try:
            if isinstance(message, Watch):
                self._watch()
            else:
                self._take(message)
        except OSError as error:
            self._children.end()
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the children that run."""
        self._children.end()

    def _run_replay(self, verb: str, *words: str) -> None:
        """Start a verb of `replay` as the only child, niced."""
        self._children.start(
            [sys.executable, "-c", NICED_REPLAY, verb, str(self._folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=self._children.open_words(),
            stderr=subprocess.STDOUT,
            env=self._environment(),
        )
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Wait a moment for the children to end."""
        if not self._children:
            return
        ended = self._children.take_codes()
        if ended is None:
            self.actor_ref.tell(Watch())
        else:
            self._note_end(*ended)

    def _tell(self) -> None:
        """Report, where something is otherwise than it was told."""
        fields = self._fields()
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(self.STATUS(fields))

    @abstractmethod
    def _take(self, order: Any) -> None:
        """Take an order, and begin what is due."""

    @abstractmethod
    def _note_end(self, codes: list[int], words: str) -> None:
        """Note how the children have ended, and what they said last."""

    @abstractmethod
    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""

    @abstractmethod
    def _fields(self) -> dict[str, Any]:
        """Return what is told to the keyspace."""
