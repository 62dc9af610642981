"""The server: its actors, started in order and stopped in reverse."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors import sockets
from actors.keyspace import KeyspaceActor
from actors.listener import Listener
from actors.log_writer import LogWriter
from actors.loop import Loop
from app import clock
from app.engine.engine import Engine
from app.recovery import Fold, fold_slices
from storage.errors import StorageError
from storage.filesystem import FileSystem
from storage.fsync import FsyncPolicy
from storage.log import Log
from storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pykka

    from app.config import Config
    from app.keyspace.keyspace import Keyspace

logger = logging.getLogger(__name__)

_PROGRESS_RECORDS = 500_000
_POLICIES = {policy.value: policy for policy in FsyncPolicy}


class StartError(Exception):
    """The server cannot start; the text says why, in one line."""


class Server:
    """One server.

    Attributes:
        port: the TCP port, 0 without TCP.
        exit_code: what the process is to end with.
    """

    def __init__(self, config: Config) -> None:
        """Bind, lock and open; nothing is served yet.

        Raises:
            StartError: an address is in use, or the data folder is.
        """
        if config.rename_command:
            raise StartError(
                "rename-command is not possible here: the log keeps commands by their "
                "names; remove the directive"
            )
        self._config = config
        self._loop = Loop()
        self._engine = Engine(config)
        self._is_stopping = False
        try:
            self._sockets = sockets.listen(config)
        except OSError as error:
            raise StartError(str(error)) from error
        self.port = sockets.tcp_port(self._sockets)
        self._engine.server.port = self.port
        try:
            self._log = _open_log(config) if config.appendonly else None
        except StorageError as error:
            sockets.close_all(self._sockets)
            raise StartError(str(error)) from error
        self._engine.is_recording = self._log is not None
        if self._log is not None:
            self._engine.is_log_synced = self._is_synced

    def _is_synced(self) -> bool:
        log = self._log
        return log is not None and log.synced_seq >= log.last_seq

    @property
    def exit_code(self) -> int:
        """What the process is to end with: 0, or 1 after a failure."""
        return self._engine.server.exit_code

    def run(self) -> None:
        """Serve until `stop`, then stop all actors in order."""
        _calm_garbage_collector()
        loop = self._loop
        loading = self._load() if self._log is not None else None
        keyspace: pykka.ActorRef[Any] = KeyspaceActor.start(
            loop,
            self._engine,
            self.stop,
            loading,
            self._fold_log if self._log is not None else None,
        )
        log_writer: pykka.ActorRef[Any] = LogWriter.start(
            loop, self._log, self._policy, keyspace.actor_inbox, self._fail
        )
        keyspace.tell(log_writer.actor_inbox)
        listener: pykka.ActorRef[Any] = Listener.start(
            loop, self._sockets, keyspace.actor_inbox, self._config
        )
        try:
            loop.run()
        finally:
            # The listener goes last: connections send what the log writer lets go.
            for actor in (keyspace, log_writer, listener):
                actor.stop(block=False)
                loop.run_actors()
            loop.close()

    def stop(self) -> None:
        """End `run`; any thread may call it, and a signal handler."""
        if not self._is_stopping:
            self._is_stopping = True
            self._loop.stop()

    def _fail(self) -> None:
        self._engine.server.exit_code = 1
        self.stop()

    def _policy(self) -> FsyncPolicy:
        return _POLICIES[self._config.appendfsync]

    def _fold_log(self) -> Keyspace:
        """Return what the log folds to, all that was appended included."""
        fold = Fold(self._config.databases)
        fold.apply(read_records(_folder(self._config), filesystem=FileSystem()))
        return fold.keyspace

    def _load(self) -> Iterator[None]:
        """Fold the log into the engine's keyspace, a slice at each step."""
        log = self._log
        assert log is not None
        fold = Fold(self._config.databases)
        reported = 0
        records = read_records(_folder(self._config), filesystem=FileSystem())
        loading = self._engine.server.loading
        loading["total_records"] = log.last_seq
        for progress in fold_slices(fold, records):
            loading["loaded_records"] = progress.records
            if progress.records - reported >= _PROGRESS_RECORDS:
                reported = progress.records
                logger.info("loading: %d of %d records", progress.seq, log.last_seq)
            yield
        self._engine.adopt(fold.keyspace)
        keys = sum(len(database) for database in fold.keyspace.databases)
        logger.info("loaded %d keys from %d records", keys, fold.records)


def _calm_garbage_collector() -> None:
    """Let the collector look for circles seldom, and hardly ever at all of memory.

    Values of the keyspace form no circles, and going through millions of them would
    stop the server for seconds. Measured: with Python's own thresholds a pipelined SET
    costs a third more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


def _folder(config: Config) -> Path:
    return Path(config.dir)


def _open_log(config: Config) -> Log:
    log = Log.open(
        _folder(config),
        filesystem=FileSystem(),
        now_ms=clock.now_ms,
        segment_bytes_max=config.segment_bytes_max,
    )
    level = logging.WARNING if log.tail.cut_bytes else logging.INFO
    logger.log(level, "%s", log.tail)
    return log
