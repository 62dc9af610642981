"""Snapshotter: a thread that minds the child process which folds snapshots.

The child (`joblog.app.history.folding`) reads the data folder as anybody may; the live
keyspace is neither copied nor paused. The thread only waits for its lines, a moment at
a time, so that it can stop whenever it is told to: a child that is killed leaves half a
snapshot, which the next one replaces.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pykka

import joblog
from joblog.actors.messages import (
    SnapshotEnded,
    SnapshotProgress,
    TakeSnapshot,
    Watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_WAIT_MS = 50
_READ_BYTES = 65536
_PACKAGES = Path(joblog.__file__).resolve().parent.parent


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
        self._child: subprocess.Popen[bytes] | None = None
        self._seq = 0
        self._rest = b""
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
        if self._child is not None:
            self._child.kill()
            self._reap()

    def _begin(self, order: TakeSnapshot) -> None:
        assert self._child is None
        self._seq = order.seq
        command = [
            sys.executable,
            "-m",
            "joblog.app.history.folding",
            str(self._folder),
        ]
        command += ["--until", str(order.seq), "--databases", str(self._databases)]
        command += order.options
        self._rest, self._said = b"", {}
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own program
                command,
                cwd=_PACKAGES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
                env=self._environment(),
            )
        except OSError as error:
            self._end(f"the child process cannot be started: {error}")
            return
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Take what the child has said, for a moment; then see to the mailbox."""
        if self._child is None:
            return
        assert self._child.stdout is not None
        output = self._child.stdout.fileno()
        # Not select.select, which knows no file descriptor beyond 1023.
        poll = select.poll()
        poll.register(output, select.POLLIN)
        if poll.poll(_WAIT_MS):
            data = os.read(output, _READ_BYTES)
            if not data:
                self._child_ended()
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._hear(line)
        self.actor_ref.tell(Watch())

    def _hear(self, line: bytes) -> None:
        with contextlib.suppress(ValueError):
            fields = json.loads(line)
            self._said.update(fields)
            self._tell(SnapshotProgress(fields))

    def _child_ended(self) -> None:
        code = self._reap()
        error = self._said.get("error")
        if code or not self._said.get("is_done"):
            self._end(error or f"the child process ended with exit code {code}")
        else:
            self._end(None)

    def _reap(self) -> int:
        assert self._child is not None
        code = self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None
        return code

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
