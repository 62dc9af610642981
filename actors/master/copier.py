"""Copier: a thread that minds the child process which makes datasets for replicas.

The child (`joblog.app.history.sending`) reads the data folder as anybody may: the live
keyspace is neither copied nor paused.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pykka

from joblog.actors.master.mail import Look, Made, Make
from joblog.actors.master.spool import let_go
from joblog.actors.telling_child import TellingChild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


class Copier(pykka.ThreadingActor):
    """Has datasets made, one at a time."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        databases: int,
        report: Callable[[Made], None],
        environment: Callable[[], dict[str, str]],
    ) -> None:
        """Make the copier of a data folder.

        Args:
            folder: the data folder.
            databases: as many as the log uses, or more.
            report: takes what is to be told to the keyspace; called in this thread.
            environment: gives the child's.
        """
        super().__init__()
        self._folder = folder.resolve()
        self._databases = databases
        self._report = report
        self._environment = environment
        self._order: Make | None = None
        self._child: TellingChild | None = None
        self._said: dict[str, Any] = {}

    def on_receive(self, message: Make | Look) -> None:
        """Begin a dataset, or see how far the one under way is."""
        try:
            if isinstance(message, Make):
                self._begin(message)
            else:
                self._look()
        except Exception as error:
            logger.exception("internal error of the copier")
            self.on_stop()
            self._end(0, f"internal error: {error!r}")

    def on_stop(self) -> None:
        """Kill the child, if there is one, and remove what it has written."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
        if self._order is not None:
            let_go(self._order.path)

    def _begin(self, order: Make) -> None:
        assert self._child is None
        self._order, self._said = order, {}
        words = [str(self._folder), "--until", str(order.seq)]
        words += ["--file", str(order.path), "--databases", str(self._databases)]
        words += ["--history", order.history, "--offset", str(order.offset)]
        words += ["--for-redis"] if order.is_for_redis else []
        try:
            self._child = TellingChild(
                "joblog.app.history.sending", words, self._environment()
            )
        except OSError as error:
            self._end(0, f"the child process cannot be started: {error}")
            return
        self.actor_ref.tell(Look())

    def _look(self) -> None:
        """Take what the child has said, for a moment; then see to the mailbox."""
        if self._child is None:
            return
        told = self._child.hear()
        if told is None:
            self._child_ended()
            return
        for fields in told:
            self._said |= fields
        self.actor_ref.tell(Look())

    def _child_ended(self) -> None:
        child, self._child = self._child, None
        assert child is not None
        code, said = child.reap(), self._said
        error = said.get("error") or f"the child process ended with code {code}"
        version = 0 if code else said.get("version", 0)
        self._end(version, "" if version else error)

    def _end(self, version: int, error: str) -> None:
        order, self._order = self._order, None
        assert order is not None
        if error:
            let_go(order.path)
        with contextlib.suppress(pykka.ActorDeadError):
            self._report(Made(order.seq, order.path, version, error))
