"""The server: its actors, started in order and stopped in reverse."""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from joblog.actors import sockets
from joblog.actors.beside import Beside
from joblog.actors.command_log import LogThatTakes
from joblog.actors.disk_watch import DiskWatch
from joblog.actors.failures import Failures
from joblog.actors.historian import Historian
from joblog.actors.keeping import tell_what_is_kept
from joblog.actors.keyspace import KeyspaceActor
from joblog.actors.listener import Listener
from joblog.actors.loading import Loading
from joblog.actors.log_source import take_files
from joblog.actors.log_writer import LogWriter
from joblog.actors.loop import Loop
from joblog.actors.messages import LogOpened, Neighbours
from joblog.actors.metrics.process import listen_for_metrics
from joblog.actors.reloading import load_again
from joblog.actors.replica.mail import EndTaking
from joblog.actors.service.supervision import Supervisor
from joblog.actors.starting import StartError, switch_off_commands
from joblog.actors.tls.contexts import ContextError, Contexts
from joblog.app import clock, collector, errors
from joblog.app.engine.engine import Engine
from joblog.app.engine.proofs import whole_digest
from joblog.app.errors import CommandError
from joblog.app.history.moments import first_seq
from joblog.storage.disk import open_disk, renew_keys
from joblog.storage.errors import StorageError
from joblog.storage.fsync import FsyncPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    import pykka

    from joblog.actors.command_log import CommandLog, LogSource
    from joblog.actors.quorum.keeping import Quorum
    from joblog.app.config import Config
    from joblog.app.keyspace.keyspace import Keyspace

__all__ = ("Server", "StartError")

logger = logging.getLogger(__name__)

SCRIPT_GRACE_NS = 1_000_000_000
"""So long a script may go on when the server is to stop."""

_POLICIES = {policy.value: policy for policy in FsyncPolicy}


def _go_on() -> None:
    """Go on; nobody waits for the server."""


class Server:
    """One server.

    Attributes:
        port: the TCP port, 0 without TCP.
        exit_code: what the process is to end with.
        starts_again: it is to start again, with nothing in memory: it was overtaken.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine | None = None,
        *,
        supervisor: Supervisor | None = None,
        take_log: Callable[[Config], LogSource] | None = None,
        on_ready: Callable[[], None] = _go_on,
    ) -> None:
        """Bind and lock; nothing is served yet.

        Args:
            config: the settings; `memory-only` must be on where there is an engine.
            engine: what to serve, such as a moment of the past
            (`joblog.app.engine.past`); by
                default what the log in the data folder folds to.
            supervisor: the service manager, which is told how the server is.
            take_log: takes the log for this process, where one is kept; by default
                that of the data folder.
            on_ready: called once the data is loaded and clients are served.

        Raises:
            StartError: an address is in use, or the data folder is.
        """
        switch_off_commands(config)
        self._config = config
        self._supervisor = supervisor or Supervisor()
        self._on_ready = on_ready
        self._loop = Loop()
        self._is_past = engine is not None
        self._engine = engine or Engine(config, steady_ms=clock.steady_ms)
        self._engine.keyspace.pack_hashes()
        self._is_stopping = self.starts_again = False
        self._log: CommandLog | None = None
        self._quorum: Quorum | None = None
        self._log_writer: pykka.ActorRef[Any] | None = None
        self._disk = open_disk("")
        self._beside = Beside(config)
        self._historian: pykka.ActorRef[Any] | None = None
        self._listen()
        self._engine.server.supervised = self._supervisor.kind
        self._engine.server.dial = self._contexts.dial
        self._engine.server.loop_cycles = lambda: self._loop.ticks
        self._engine.server.traffic = self._loop.traffic
        server = self._engine.server
        server.has_log = server.is_recording = config.keeps_log
        self._loading: Loading | None = None
        if config.keeps_log:
            self._engine.server.is_log_synced = self._is_synced
            self._engine.server.log_facts = self._log_facts
            self._loading = self._lock(take_log)
        elif not self._is_past:
            tell_what_is_kept(config, None)

    def _listen(self) -> None:
        """Read certificates, and bind."""
        config = self._config
        try:
            self._contexts = Contexts(config)
            self._sockets = sockets.listen(config)
            self._metrics_sockets = listen_for_metrics(config, self._sockets)
        except ContextError as error:
            place = (config.places[error.setting] or ["default"])[-1]
            raise StartError(f"{place}: {error.setting}: {error}") from error
        except sockets.ListenError as error:
            raise StartError(str(error)) from error
        self._contexts.follow_settings()
        self.port = sockets.tcp_port(self._sockets)

    def renew_certificates(self) -> None:
        """Read certificates anew; a signal handler may call it."""
        self._loop.call_soon(self._contexts.renew_or_tell)
        self._loop.wake()

    def renew_keys(self) -> None:
        """Read the key file anew; a signal handler may call it."""
        if self._config.log_encryption_key_file:
            self._loop.call_soon(self._renew_keys)
            self._loop.wake()

    def _renew_keys(self) -> None:
        try:
            names = renew_keys(self._disk, _folder(self._config))
        except (StorageError, OSError) as error:
            logger.warning("%s; what was read before holds", error)
            return
        logger.info("the key file is read anew; its first key is %s", names[0])

    def _lock(self, take_log: Callable[[Config], LogSource] | None) -> Loading:
        """Take the log for this server."""
        config = self._config
        source: LogSource
        try:
            self._disk = open_disk(config.log_encryption_key_file)
            if take_log is not None:
                source = take_log(config)
            else:
                source, self._quorum = take_files(config, self._disk, self.port)
        except StorageError as error:
            sockets.close_all([*self._sockets, *self._metrics_sockets])
            raise StartError(str(error), error.exit_code) from error
        return Loading(config, source, self._engine, self._supervisor, self._disk)

    def _state_digest(self) -> bytes:
        """Return the digest of memory for a seal; b"" where it is too large for that.

        Also where memory is ahead of the log: a script or an EXEC under way, or entries
        that are on their way to the log writer.
        """
        engine, writer = self._engine, self._log_writer
        is_swapping = engine.server.replication.is_swapping
        if engine.context.unit is not None or engine.outbox.entries or is_swapping:
            return b""
        is_written = writer is not None and writer.actor_inbox.empty()
        return whole_digest(engine.keyspace) if is_written else b""

    def _is_synced(self) -> bool:
        log = self._log
        return log is not None and log.synced_seq >= log.last_seq

    def _log_facts(self) -> dict[str, int | bytes]:
        """Return how far the log goes, with what the engine has yet to hand over.

        Raises:
            CommandError: it is not open yet.
        """
        log = self._log
        if log is None:
            raise CommandError(errors.LOADING)
        try:
            floor = first_seq(_folder(self._config), self._disk)
        except (OSError, StorageError):  # no descriptors: what was known last will do
            floor = log.first_seq
        return {
            "log_id": log.log_id.encode(),
            "first_seq": floor,
            "last_seq": log.last_seq + len(self._engine.outbox.entries),
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
        loop, loading = self._loop, self._loading
        keyspace: pykka.ActorRef[Any] = KeyspaceActor.start(
            loop,
            self._engine,
            self.stop,
            None if loading is None else loading.steps(self._begin_log),
            None if loading is None else self._reload,
            None if loading is None else self._begin_snapshot,
            self._tell_ready,
            self._contexts.reach,
            None if self._quorum is None else self._quorum.following,
        )
        self._keyspace = keyspace
        mail: Any = keyspace.actor_inbox
        self._log_writer = LogWriter.start(
            loop,
            None,
            self._policy,
            mail,
            self._fail,
            DiskWatch(
                _folder(self._config), self._disk, lambda: self._config.disk_reserve
            ),
            self._beside.look_at_log,
            self._quorum,
        )
        self._failures = Failures(loop, mail)
        self._engine.server.tell_operator = self._failures.note_for_operator
        self._introduce()
        self._beside.begin_metrics(self._metrics_sockets, keyspace.tell)
        self._serve(keyspace, self._log_writer)

    def _introduce(self) -> None:
        """Tell the keyspace whom it mails to."""
        assert self._log_writer is not None
        log_writer: Any = self._log_writer.actor_inbox
        historian = self._historian
        inbox: Any = None if historian is None else historian.actor_inbox
        self._keyspace.tell(Neighbours(log_writer, inbox))

    def _begin_log(self, log: CommandLog) -> None:
        """Go on with a log that has just been opened."""
        self._log = log
        log.keyspace_digest = self._state_digest
        assert self._log_writer is not None
        log_writer: Any = self._log_writer.actor_inbox
        log_writer.post(LogOpened(log))
        server = self._engine.server
        server.replication.log_synced = lambda: log.synced_seq
        if isinstance(log, LogThatTakes):
            if self._quorum is not None:
                self._quorum.following.use(log)
            server.replication.log_place = lambda: log.place
            server.replication.log_begins = log.find_begins
            if log.is_taken and server.replication.is_replica:
                server.replication.take(is_taking=True)
            elif log.is_taken:
                log_writer.post(EndTaking({"kind": "replication", "what": "master"}))
        self._beside.begin(self._keyspace.tell, self._disk)
        self._historian = Historian.start(
            self._loop,
            _folder(self._config),
            self._disk,
            log,
            self._config,
            self._keyspace.actor_inbox,
            self._failures,
        )
        self._introduce()

    def _serve(
        self, keyspace: pykka.ActorRef[Any], log_writer: pykka.ActorRef[Any]
    ) -> None:
        """Let clients in and run the loop until it ends, then stop all actors."""
        loop, failures = self._loop, self._failures
        mail: Any = keyspace.actor_inbox
        listener: pykka.ActorRef[Any] | None = None
        try:
            listener = Listener.start(
                *(loop, self._sockets, mail, self._config, failures, self._contexts),
                self._engine.server,
            )
            self._pat_watchdog()
            loop.run()
        except OSError as error:
            # Of the listener's start: what goes wrong later is contained by the loop.
            logger.critical("cannot serve: %s", error)
            self._engine.server.exit_code = 1
        finally:
            # The listener goes last: connections send what the log writer lets go.
            for actor in (keyspace, self._historian, log_writer, listener):
                if actor is not None:
                    actor.stop(block=False)
                    loop.run_actors()
            if self._loading is not None:
                self._loading.close()
            if self._quorum is not None:
                self._quorum.close()
            self._beside.stop()
            sockets.close_all(self._metrics_sockets)
            # Last: a thread wakes the loop when it has something to say.
            loop.close()

    def _tell_ready(self) -> None:
        """Say that clients are served: the data is loaded."""
        where = sockets.describe(self._sockets, self._config.unixsocket)
        logger.info("Ready to accept connections on %s", where)
        self._supervisor.tell_ready(f"Ready to accept connections on {where}")
        self._on_ready()

    def _pat_watchdog(self) -> None:
        """Show the service manager, if it wants to see it, that the loop goes round."""
        seconds = self._supervisor.watchdog_seconds
        if seconds:
            self._supervisor.tell_alive()
            self._loop.call_later(seconds, self._pat_watchdog)

    def stop(self, why: str = "") -> None:
        """End `run`; any thread may call it, and a signal handler.

        A script under way is given a moment to come to its end.

        Args:
            why: who wants it, for the log file and the service manager; else what
                the engine knows of that.
        """
        if self._is_stopping:
            self.starts_again = self.starts_again and not why
            return
        self._is_stopping = True
        why = why or self._engine.server.stopped_by
        if why:
            logger.warning("%s: the server stops", why)
        if not self.starts_again:
            self._supervisor.tell_stopping(f"stopping: {why or 'after a failure'}")
        self._engine.scripts.end_by_ns = monotonic_ns() + SCRIPT_GRACE_NS
        self._loop.stop()

    def _begin_snapshot(self, options: tuple[str, ...]) -> None:
        assert self._log is not None
        self._beside.take_snapshot(self._log, options)

    def _fail(self) -> None:
        self._engine.server.exit_code = 1
        if self._quorum is not None and not self._is_stopping:
            self.starts_again = self._quorum.is_overtaken
        self.stop()

    def _policy(self) -> FsyncPolicy:
        # Without `appendonly` the log stands for Redis's snapshots, and is as safe.
        config = self._config
        return _POLICIES[config.appendfsync] if config.appendonly else FsyncPolicy.NO

    def _reload(self, is_saving: bool) -> Keyspace:  # noqa: FBT001 - see Saving
        return load_again(self._config, self._log, is_saving=is_saving)


def _folder(config: Config) -> Path:
    return Path(config.dir)
