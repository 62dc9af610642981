"""Archiver: a thread that has `log-archive-command` take each segment that is sealed.

One after the other, the oldest first; what the command refuses is offered again, after
a second, two, four, up to a minute. Which it has taken is on the disk
(`joblog.storage.archiving`), and pruning goes by that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pykka

from joblog.actors.children import Retries
from joblog.actors.messages import Archive, ArchiveStatus, Watch
from joblog.app import clock
from joblog.storage.archiving import find_unarchived, mark_archived
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

logger = logging.getLogger(__name__)

LOCK_NAME: Final = "archiving.lock"
_STOP_SECONDS: Final = 2.0
_WAIT_SECONDS: Final = 0.05
_READ_BYTES: Final = 65536
_WORDS_MAX: Final = 500
_OFF: Final = Archive("", 0)


class Archiver(pykka.ThreadingActor):
    """Runs the command for one file at a time, and reports."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        report: Callable[[Any], None],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the archiver of a data folder.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            report: takes what is to be told to the keyspace; called in this thread.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = LogFolder(folder.resolve(), filesystem)
        self._filesystem = filesystem
        self._report = report
        self._retries = Retries(steady_ms)
        self._order = self._done = _OFF
        self._child: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._path: Path | None = None
        self._words = b""
        self._has_snapshot = False
        self._taken = self._last_ms = self._waiting = 0
        self._told: dict[str, Any] = {}

    def on_start(self) -> None:
        """Say that nothing is archived yet."""
        self._tell()

    def on_receive(self, message: Any) -> None:
        """Begin with what is due, or see whether the command that runs has ended."""
        try:
            if isinstance(message, Archive):
                self._order = message
                if self._child is None:
                    self._begin_if_due()
            else:
                assert isinstance(message, Watch)
                self._watch()
        except (StorageError, OSError) as error:
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the command that runs: what it was given is offered again."""
        if self._child is not None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_STOP_SECONDS)
            self._signal(signal.SIGKILL)
            self._reap()
        if self._lock is not None:
            self._filesystem.close(self._lock)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and what it has started."""
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)

    # --- one file ---------------------------------------------------------------------

    def _begin_if_due(self) -> None:
        """Give the command the next file, if there is one and its time has come."""
        order = self._order
        if not order.command:
            self._done, self._waiting, self._retries.error = _OFF, 0, ""
            return
        if order == self._done or not self._retries.is_due():
            return
        # A seal may not be over yet: then the newest segment is looked for again. It is
        # looked for first: what is sealed in between counts as unarchived.
        segments = self._folder.find_segments()
        paths = find_unarchived(self._folder, self._filesystem)
        if paths and paths[0].suffix == ".snap" and self._has_snapshot:
            del paths[0]
        self._waiting = len(paths)
        if not paths:
            if segments and segments[-1] >= order.open_first_seq:
                self._done = order
            return
        self._begin(paths[0])

    def _begin(self, path: Path) -> None:
        if self._lock is None:
            # The command inherits it: one that outlives its server is waited for.
            lock_path = self._folder.path / LOCK_NAME
            self._lock = self._filesystem.flock(lock_path)
            if self._lock is None:
                self._fail(
                    f"{lock_path}: the log-archive-command of a server that is gone "
                    "still runs; nothing is archived until it ends"
                )
                return
        command = self._order.command
        for mark, text in (("%p", str(path)), ("%f", path.name)):
            command = command.replace(mark, text)
        self._words, self._path = b"", path
        self._child = subprocess.Popen(  # noqa: S602 - the operator's own command line
            command,
            shell=True,
            cwd=self._folder.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        assert self._child.stderr is not None
        os.set_blocking(self._child.stderr.fileno(), False)
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Take what the command says, for a moment, and see whether it has ended."""
        child = self._child
        if child is None:
            return
        assert child.stderr is not None
        poll = select.poll()
        poll.register(child.stderr, select.POLLIN)
        began = time.monotonic()
        if poll.poll(_WAIT_SECONDS * 1000):
            data = child.stderr.read(_READ_BYTES) or b""
            self._words = (self._words + data)[-_READ_BYTES:]
            if not data:  # it has closed its standard error, so there is no waiting
                rest = _WAIT_SECONDS - (time.monotonic() - began)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(rest, 0.001))
        if child.poll() is None:
            self.actor_ref.tell(Watch())
            return
        self._ended(child.returncode)

    def _ended(self, code: int) -> None:
        self._reap()
        path = self._path
        assert path is not None
        if code:
            words = self._words.decode(errors="replace").strip()[-_WORDS_MAX:]
            self._fail(
                f"{path}: log-archive-command ended with exit code {code}, so the file "
                f"stays and is offered again: {words}"
            )
            return
        if path.suffix == ".snap":
            self._has_snapshot = True
        else:
            mark_archived(self._folder, self._filesystem, int(path.name[:20]))
        self._taken += 1
        self._last_ms = clock.now_ms()
        if self._retries.error:
            count = self._retries.failures
            logger.warning("%s: archived, after %d failures", path, count)
        self._retries.succeed()
        self._begin_if_due()

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        self._retries.fail(text, partial(logger.error, "%s"))

    def _reap(self) -> None:
        assert self._child is not None
        self._child.wait()
        if self._child.stderr is not None:
            self._child.stderr.close()
        self._child = None

    def _tell(self) -> None:
        fields = {
            "log_archive_enabled": int(bool(self._order.command)),
            "log_archive_status": "err" if self._retries.error else "ok",
            "log_archive_waiting": self._waiting,
            "log_archive_taken": self._taken,
            "log_archive_failures": self._retries.failures,
            "log_archive_last_time": self._last_ms // 1000,
            "log_archive_error": self._retries.line,
        }
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(ArchiveStatus(fields))
