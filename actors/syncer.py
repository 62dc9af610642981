"""Syncer: a thread that makes the log durable, since fdatasync blocks."""

from __future__ import annotations

import contextlib
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

import pykka

from joblog.actors.messages import Aside, Durable, Sync, SyncFailed
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from joblog.actors.command_log import CommandLog


class Syncer(pykka.ThreadingActor):
    """Syncs when told to, and reports what is durable then."""

    use_daemon_thread = True

    def __init__(self, log: CommandLog, log_writer: pykka.ActorRef[Any]) -> None:
        """Make the syncer of a log; it reports to the log writer."""
        super().__init__()
        self._log = log
        self._log_writer = log_writer

    @staticmethod
    def _create_actor_inbox() -> SimpleQueue[Any]:
        # pykka's own, queue.Queue, costs ten times as much: under `always`, every
        # commit comes through here.
        return SimpleQueue()

    def on_receive(self, message: Any) -> None:
        """Sync, or do what takes long, and say up to which record all is durable."""
        began = monotonic()
        try:
            if isinstance(message, Aside):
                message.work()
                seq, began = self._log.synced_seq, monotonic()
            else:
                assert isinstance(message, Sync)
                seq = self._log.sync()
        except StorageError as error:
            self._report(SyncFailed(str(error)))
        else:
            self._report(Durable(seq, monotonic() - began))

    def on_failure(self, *failure: Any) -> None:
        """Say that nothing is synced any more: the log writer would wait for ever."""
        self._report(SyncFailed(f"internal error of the syncer: {failure[1]!r}"))

    def _report(self, news: Durable | SyncFailed) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # it is stopping
            self._log_writer.tell(news)
