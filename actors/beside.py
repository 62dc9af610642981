"""Beside: the threads that do slow work beside the loop, each an actor of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.actors.anchorer import Anchorer
from joblog.actors.archiver import Archiver
from joblog.actors.indexer import Indexer
from joblog.actors.messages import (
    AnchorLog,
    AnchorStatus,
    Archive,
    IndexLog,
    IndexStatus,
    KeyStatus,
    Rekey,
    TakeReading,
    TakeSnapshot,
)
from joblog.actors.metrics.process import MetricsProcess
from joblog.actors.rekeyer import Rekeyer
from joblog.actors.snapshotter import Snapshotter
from joblog.app.commands.server.readings import take_reading
from joblog.storage.disk import child_environment, key_names

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import pykka

    from joblog.actors.command_log import CommandLog
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.storage.filesystem import FileSystem

Threaded = AnchorStatus | IndexStatus | KeyStatus | TakeReading
"""Mail of threads to the keyspace, which `take_note` sees to."""


class Beside:
    """Starts these threads, tells them how the log is, and stops them."""

    def __init__(self, config: Config) -> None:
        """Begin with none."""
        self._config = config
        self._folder = Path(config.dir)
        self._actors: list[pykka.ActorRef[Any]] = []
        self._snapshotter: pykka.ActorRef[Any] | None = None
        self._archiver: pykka.ActorRef[Any] | None = None
        self._anchorer: pykka.ActorRef[Any] | None = None
        self._indexer: pykka.ActorRef[Any] | None = None
        self._rekeyer: pykka.ActorRef[Any] | None = None

    def _environment(self) -> dict[str, str]:
        """Return the environment of processes that work on the log's files."""
        return child_environment(self._config.log_encryption_key_file)

    def begin(self, tell: Callable[[Any], None], disk: FileSystem) -> None:
        """Start those that a log asks for.

        Args:
            tell: mails to the keyspace.
            disk: the door to the disk.
        """
        folder, environment = self._folder, self._environment
        databases = self._config.databases
        self._snapshotter = Snapshotter.start(folder, databases, tell, environment)
        self._archiver = Archiver.start(folder, disk, tell)
        self._anchorer = Anchorer.start(folder, tell, environment)
        self._indexer = Indexer.start(folder, tell, environment)
        self._disk = disk
        if key_names(disk):
            self._rekeyer = Rekeyer.start(folder, tell, environment)
            self._actors.append(self._rekeyer)
        self._actors += [self._snapshotter, self._archiver]
        self._actors += [self._anchorer, self._indexer]

    def begin_metrics(
        self, listening: list[socket.socket], tell: Callable[[Any], None]
    ) -> None:
        """Start the process that tells metrics, where a port is for that."""
        if listening:
            config = self._config
            follows = config.keeps_log and config.metrics_queues
            folder = self._folder if follows else None
            self._actors.append(
                MetricsProcess.start(folder, listening, tell, self._environment)
            )

    def take_snapshot(self, log: CommandLog, options: tuple[str, ...]) -> None:
        """Have a snapshot made of what is durable."""
        assert self._snapshotter is not None
        self._snapshotter.tell(TakeSnapshot(log.synced_seq, options))

    def look_at_log(self, log: CommandLog) -> None:
        """Apply the settings of segments, which may have changed; once a second."""
        log.limit_segments(self._config.segment_bytes)
        config, open_first_seq = self._config, log.open_first_seq
        assert self._archiver is not None
        assert self._anchorer is not None
        assert self._indexer is not None
        self._archiver.tell(Archive(config.log_archive_command, open_first_seq))
        self._anchorer.tell(
            AnchorLog(
                config.log_anchor_command,
                config.log_anchor_key,
                config.log_anchor_seconds,
                open_first_seq,
                log.synced_seq,
            )
        )
        wish = IndexLog(open_first_seq, config.disk_reserve, config.log_index)
        self._indexer.tell(wish)
        if self._rekeyer is not None:
            names = key_names(self._disk)
            self._rekeyer.tell(Rekey(len(names), names[0]))

    def stop(self) -> None:
        """Stop all of them, and wait for it."""
        for actor in self._actors:
            actor.stop()


def take_note(engine: Engine, message: Threaded) -> None:
    """Take in what a thread tells or asks; in the loop."""
    if isinstance(message, AnchorStatus):
        engine.server.anchor_status = message.fields
    elif isinstance(message, IndexStatus):
        engine.server.index_status = message.fields
    elif isinstance(message, KeyStatus):
        engine.server.key_status = message.fields
    elif engine.context.unit is None:
        message.done(take_reading(engine.context))
    else:
        # A script is under way, in which the loop serves others: it holds the clock.
        message.done(None)
