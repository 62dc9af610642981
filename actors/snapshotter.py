"""Snapshotter: a thread that minds the child process which folds snapshots.

The child (`joblog.app.history.folding`) reads the data folder as anybody may; the live
keyspace is neither copied nor paused. The thread only waits for its lines, a moment at
a time, so that it can stop whenever it is told to: a child that is killed leaves half a
snapshot, which the next one replaces.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pykka

from joblog.actors.messages import (
    SnapshotEnded,
    SnapshotProgress,
    TakeSnapshot,
    Watch,
)
from joblog.actors.telling_child import TellingChild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


class Snapshotter(pykka.ThreadingActor):
    """Has snapshots made, one at a time, and reports."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        databases: int,
        report: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
    ) -> None:
        """Make the snapshotter of a data folder.

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
        self._child: TellingChild | None = None
        self._seq = 0
        self._said: dict[str, Any] = {}

    def on_receive(self, message: Any) -> None:
        """Begin a snapshot, or see how far the one under way is.

        Whatever goes wrong ends this snapshot: those who wait for it are told, and
        another may begin.
        """
        try:
            if isinstance(message, TakeSnapshot):
                self._begin(message)
            else:
                assert isinstance(message, Watch)
                self._watch()
        except Exception as error:
            logger.exception("internal error of the snapshotter")
            self.on_stop()
            self._end(f"internal error: {error!r}")

    def on_stop(self) -> None:
        """Kill the child, if there is one; what it has written so far is of no use."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _begin(self, order: TakeSnapshot) -> None:
        assert self._child is None
        self._seq = order.seq
        words = [str(self._folder), "--until", str(order.seq)]
        words += ["--databases", str(self._databases), *order.options]
        self._said = {}
        try:
            self._child = TellingChild(
                "joblog.app.history.folding", words, self._environment()
            )
        except OSError as error:
            self._end(f"the child process cannot be started: {error}")
            return
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Take what the child has said, for a moment; then see to the mailbox."""
        if self._child is None:
            return
        told = self._child.hear()
        if told is None:
            self._child_ended()
            return
        for fields in told:
            self._said.update(fields)
            self._tell(SnapshotProgress(fields))
        self.actor_ref.tell(Watch())

    def _child_ended(self) -> None:
        child, self._child = self._child, None
        assert child is not None
        code = child.reap()
        error = self._said.get("error")
        if code or not self._said.get("is_done"):
            self._end(error or f"the child process ended with exit code {code}")
        else:
            self._end(None)

    def _end(self, error: str | None) -> None:
        said = self._said
        seq: int = said.get("snapshot_seq", 0)
        if error is not None:
            logger.error(
                "snapshot of seq %d failed: %s; the log is as it was, nothing is lost",
                self._seq,
                error,
            )
        else:
            self._tell_of_snapshot(seq)
        if "first_seq" in said:
            logger.info("pruned: the log starts at seq %d now", said["first_seq"])
        if "alarm" in said:
            logger.critical(
                "the log folds to another state than memory had (%d differences): %s; "
                "a bug: keep a copy of the data folder",
                said["differences"],
                said["alarm"],
            )
        if "trouble" in said:
            logger.error("the log is not pruned or packed: %s", said["trouble"])
        self._tell(SnapshotEnded(seq, error))

    def _tell_of_snapshot(self, seq: int) -> None:
        """Log what became of a snapshot that did not fail."""
        said = self._said
        if not said.get("was_there"):
            if seq:
                logger.info(
                    "snapshot of seq %d: done, %d keys", seq, said.get("keys", 0)
                )
        elif seq:
            logger.info(
                "snapshot of seq %d: nothing was written since the last one, which is "
                "sound and stays",
                seq,
            )
        else:
            logger.info("no snapshot: the log is empty, there is nothing to save")

    def _tell(self, news: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(news)
