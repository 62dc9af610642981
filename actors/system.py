"""The server: its actors, started in order and stopped in reverse."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors import sockets
from actors.archiver import Archiver
from actors.disk_watch import DiskWatch
from actors.failures import Failures
from actors.historian import Historian
from actors.keeping import tell_what_is_kept
from actors.keyspace import KeyspaceActor
from actors.links import Link
from actors.listener import Listener
from actors.log_writer import LogWriter
from actors.loop import Loop
from actors.messages import Archive, Neighbours, TakeSnapshot
from actors.snapshotter import Snapshotter
from app import clock, collector
from app.commands.table import switch_off
from app.config.kinds import encode
from app.engine.engine import Engine
from app.engine.proofs import whole_digest
from app.moments import first_seq
from app.recovery import Fold, Recovery, recover
from app.slowness import seconds_for
from app.snapshots import save_snapshot
from storage.errors import StorageError
from storage.filesystem import FileSystem
from storage.folder import LogFolder
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
_SLOW_STEP_SECONDS = 0.01
_POLICIES = {policy.value: policy for policy in FsyncPolicy}


class StartError(Exception):
    """The server cannot start; the text says why, in one line.

    Attributes:
        exit_code: what the process is to end with.
    """

    def __init__(self, text: str, exit_code: int = 1) -> None:
        """Say why the server cannot start."""
        super().__init__(text)
        self.exit_code = exit_code


class Server:
    """One server.

    Attributes:
        port: the TCP port, 0 without TCP.
        exit_code: what the process is to end with.
    """

    def __init__(self, config: Config, engine: Engine | None = None) -> None:
        """Bind, lock and open; nothing is served yet.

        Args:
            config: the settings; `memory-only` must be on where there is an engine.
            engine: what to serve, such as a moment of the past (`app.engine.past`); by
                default what the log in the data folder folds to.

        Raises:
            StartError: an address is in use, or the data folder is.
        """
        _switch_off_commands(config)
        self._config = config
        self._loop = Loop()
        self._engine = engine or Engine(config, steady_ms=clock.steady_ms)
        self._is_stopping = False
        self._log_writer: pykka.ActorRef[Any] | None = None
        self._snapshotter: pykka.ActorRef[Any] | None = None
        self._archiver: pykka.ActorRef[Any] | None = None
        try:
            self._sockets = sockets.listen(config)
            self.port = sockets.tcp_port(self._sockets)
        except OSError as error:
            raise StartError(str(error)) from error
        self._engine.server.port = self.port
        self._engine.server.dial = Link
        self._engine.server.loop_cycles = lambda: self._loop.ticks
        try:
            self._log = _open_log(config) if config.keeps_log else None
        except StorageError as error:
            sockets.close_all(self._sockets)
            raise StartError(str(error), error.exit_code) from error
        if engine is None:
            last_seq = None if self._log is None else self._log.last_seq
            tell_what_is_kept(config, last_seq)
        self._engine.is_recording = self._log is not None
        if self._log is not None:
            self._engine.is_log_synced = self._is_synced
            self._log.keyspace_digest = self._state_digest
            self._engine.log_facts = self._log_facts

    def _state_digest(self) -> bytes:
        """Return the digest of memory for a seal; b"" where it is too large for that.

        Also where memory is ahead of the log: a script or an EXEC under way, or entries
        that are on their way to the log writer.
        """
        engine, writer = self._engine, self._log_writer
        if engine.unit is not None or engine.entries or writer is None:
            return b""
        return whole_digest(engine.keyspace) if writer.actor_inbox.empty() else b""

    def _is_synced(self) -> bool:
        log = self._log
        return log is not None and log.synced_seq >= log.last_seq

    def _log_facts(self) -> dict[str, int | bytes]:
        """Return how far the log goes, with what the engine has yet to hand over."""
        log = self._log
        assert log is not None
        try:
            floor = first_seq(_folder(self._config), FileSystem())
        except (OSError, StorageError):  # no descriptors: what was known last will do
            floor = log.first_seq
        return {
            "log_id": log.log_id.encode(),
            "first_seq": floor,
            "last_seq": log.last_seq + len(self._engine.entries),
            "synced_seq": log.synced_seq,
            "size_bytes": log.size_bytes,
        }

    @property
    def exit_code(self) -> int:
        """What the process is to end with: 0, or 1 after a failure."""
        return self._engine.server.exit_code

    def run(self) -> None:
        """Serve until `stop`, then stop all actors in order."""
        collector.calm()
        loop = self._loop
        loading = self._load() if self._log is not None else None
        keyspace: pykka.ActorRef[Any] = KeyspaceActor.start(
            loop,
            self._engine,
            self.stop,
            loading,
            self._reload if self._log is not None else None,
            self._begin_snapshot if self._log is not None else None,
        )
        if self._log is not None:
            folder = _folder(self._config)
            self._snapshotter = Snapshotter.start(
                folder, self._config.databases, keyspace.tell
            )
            self._archiver = Archiver.start(folder, FileSystem(), keyspace.tell)
        log_writer: pykka.ActorRef[Any] = LogWriter.start(
            loop,
            self._log,
            self._policy,
            keyspace.actor_inbox,
            self._fail,
            DiskWatch(
                _folder(self._config), FileSystem(), lambda: self._config.disk_reserve
            ),
            self._look_after_segments,
        )
        self._log_writer = log_writer
        mail: Any = keyspace.actor_inbox
        failures = Failures(loop, mail)
        historian = self._start_historian(keyspace, failures)
        inbox: Any = None if historian is None else historian.actor_inbox
        others: Any = log_writer.actor_inbox
        keyspace.tell(Neighbours(others, inbox))
        self._serve(keyspace, historian, log_writer, failures)

    def _serve(
        self,
        keyspace: pykka.ActorRef[Any],
        historian: pykka.ActorRef[Any] | None,
        log_writer: pykka.ActorRef[Any],
        failures: Failures,
    ) -> None:
        """Let clients in and run the loop until it ends, then stop all actors."""
        loop = self._loop
        mail: Any = keyspace.actor_inbox
        listener: pykka.ActorRef[Any] | None = None
        try:
            listener = Listener.start(loop, self._sockets, mail, self._config, failures)
            loop.run()
        except OSError as error:
            # Of the listener's start: what goes wrong later is contained by the loop.
            logger.critical("cannot serve: %s", error)
            self._engine.server.exit_code = 1
        finally:
            # The listener goes last: connections send what the log writer lets go.
            for actor in (keyspace, historian, log_writer, listener):
                if actor is not None:
                    actor.stop(block=False)
                    loop.run_actors()
            for beside in (self._snapshotter, self._archiver):
                if beside is not None:
                    beside.stop()
            # Last: a thread wakes the loop when it has something to say.
            loop.close()

    def _start_historian(
        self, keyspace: pykka.ActorRef[Any], failures: Failures
    ) -> pykka.ActorRef[Any] | None:
        log = self._log
        if log is None:
            return None
        return Historian.start(
            self._loop,
            _folder(self._config),
            FileSystem(),
            log,
            self._config,
            keyspace.actor_inbox,
            failures,
        )

    def stop(self) -> None:
        """End `run`; any thread may call it, and a signal handler."""
        if not self._is_stopping:
            self._is_stopping = True
            self._loop.stop()

    def _begin_snapshot(self, options: tuple[str, ...]) -> None:
        assert self._log is not None
        assert self._snapshotter is not None
        self._snapshotter.tell(TakeSnapshot(self._log.synced_seq, options))

    def _look_after_segments(self, log: Log) -> None:
        """Apply the settings of segments, which may have changed; once a second."""
        log.limit_segments(self._config.segment_bytes)
        assert self._archiver is not None
        self._archiver.tell(
            Archive(self._config.log_archive_command, log.open_first_seq)
        )

    def _fail(self) -> None:
        self._engine.server.exit_code = 1
        self.stop()

    def _policy(self) -> FsyncPolicy:
        # Without `appendonly` the log stands for Redis's snapshots, and is as safe.
        config = self._config
        return _POLICIES[config.appendfsync] if config.appendonly else FsyncPolicy.NO

    def _reload(self, is_saving: bool) -> Keyspace:  # noqa: FBT001 - see Saving
        """Return the state that is on disk, all that was appended included.

        Args:
            is_saving: whether to make a snapshot first and begin with that, else the
                log alone is folded, as far as it is there.
        """
        folder, filesystem = _folder(self._config), FileSystem()
        databases = self._config.databases
        if not is_saving and self._log is not None and self._log.first_seq == 1:
            fold = Fold(databases)
            fold.apply(read_records(folder, filesystem=filesystem))
            return fold.keyspace
        keyspace = recover(folder, filesystem, databases).keyspace
        if is_saving and self._log is not None and self._log.last_seq:
            paths = LogFolder(folder, filesystem)
            save_snapshot(
                paths, filesystem, keyspace, self._log.last_seq, clock.now_ms()
            )
            keyspace = recover(folder, filesystem, databases).keyspace
        return keyspace

    def _slowly(self, keys: int) -> Iterator[float]:
        """Take as long for some keys as the settings say, from step to step."""
        started = time.monotonic()
        yield 0.0
        while time.monotonic() - started < seconds_for(
            self._config.key_load_delay, keys
        ):
            yield _SLOW_STEP_SECONDS

    def _load(self) -> Iterator[float]:
        """Recover the engine's keyspace, a slice at each step.

        Yields:
            How many seconds to wait before the next.
        """
        log = self._log
        assert log is not None
        recovery = Recovery(_folder(self._config), FileSystem(), self._config.databases)
        loading = self._engine.server.loading
        loading["total_records"] = log.last_seq
        reported = slowed = 0
        for progress in recovery.steps():
            slow = recovery.keys + progress.records - slowed
            slowed += slow
            loading["loaded_records"] = progress.seq
            if progress.records - reported >= _PROGRESS_RECORDS:
                reported = progress.records
                logger.info("loading: %d of %d records", progress.seq, log.last_seq)
            yield from self._slowly(slow)
        fold = recovery.fold
        self._engine.server.saves.last_seq = recovery.snapshot_seq
        self._engine.adopt(fold.keyspace)
        for line in recovery.rejected:
            logger.warning("a snapshot was of no use: %s", line)
        logger.info(
            "loaded %d keys from %s and %d records",
            sum(len(database) for database in fold.keyspace.databases),
            recovery.snapshot or "no snapshot",
            fold.records,
        )


def _switch_off_commands(config: Config) -> None:
    """Take from clients the commands that `rename-command X ""` names.

    Raises:
        StartError: there is no such command.
    """
    for at, (name, _) in enumerate(config.rename_command):
        try:
            switch_off(encode(name))
        except KeyError:
            place = config.places["rename-command"][at]
            raise StartError(
                f"{place}: rename-command: there is no command of that name; correct "
                "it, or remove the directive"
            ) from None


def _folder(config: Config) -> Path:
    return Path(config.dir)


def _open_log(config: Config) -> Log:
    log = Log.open(
        _folder(config),
        filesystem=FileSystem(),
        now_ms=clock.now_ms,
        segment_bytes_max=config.segment_bytes,
    )
    if log.stale_pid:
        logger.warning(
            "process %s, which had this data folder before, did not stop cleanly; its "
            "lock is gone with it",
            log.stale_pid,
        )
    level = logging.WARNING if log.tail.cut_bytes else logging.INFO
    logger.log(level, "%s", log.tail)
    return log
