"""Loading: from a locked data folder to the keyspace, a slice at a time.

    check the last segment -> open the log -> load a snapshot -> fold the records behind

The server listens all the while, and answers LOADING to what needs the data. Nothing is
appended before the keyspace is whole: whoever may run (`Flag.LOADING`) writes nothing.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from joblog.actors.keeping import tell_what_is_kept
from joblog.actors.replica.place import find_history, find_place
from joblog.app import clock
from joblog.app.history.recovery import Recovery
from joblog.app.slowness import seconds_for
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.actors.command_log import CommandLog, LogSource
    from joblog.actors.service.supervision import Supervisor
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.storage.filesystem import FileSystem

logger = logging.getLogger(__name__)

_TELL_EACH_MS: Final = 5_000
_SLOW_STEP_SECONDS: Final = 0.01
_RECORDS_A_STEP: Final = 200


class Loading:
    """Recovers the keyspace of an engine."""

    def __init__(
        self,
        config: Config,
        source: LogSource,
        engine: Engine,
        supervisor: Supervisor,
        disk: FileSystem,
    ) -> None:
        """Load from a log that is not open yet.

        Args:
            config: the settings.
            source: the log.
            engine: gets the keyspace.
            supervisor: is told how far it has come.
            disk: the door to the disk.
        """
        self._config = config
        self._engine = engine
        self._supervisor = supervisor
        self._source = source
        self._disk = disk
        self._tell_from_ms = clock.steady_ms() + _TELL_EACH_MS
        self.log: CommandLog | None = None

    def steps(self, on_open: Callable[[CommandLog], None]) -> Iterator[float]:
        """Load, a slice at each step.

        Args:
            on_open: gets the log as soon as it is open, before it is folded.

        Yields:
            How many seconds to wait before the next.

        Raises:
            StorageError: the log cannot be opened or folded.
        """
        supervisor = self._supervisor
        supervisor.tell_loading("checking the end of the log")
        yield from self._open()
        log = self.log
        assert log is not None
        on_open(log)
        yield 0.0  # what the log writer reports then is taken as news of a start
        tell_what_is_kept(self._config, log.last_seq)
        yield from self._fold(log)

    def close(self) -> None:
        """Give the log back, where it was not opened."""
        if self.log is None:
            self._source.release()

    def _open(self) -> Iterator[float]:
        """Check the end of the log, and open it."""
        opening = self._source.steps()
        loading = self._engine.server.loading
        while True:
            try:
                progress = next(opening)
            except StopIteration as ended:
                self.log = ended.value
                return
            loading["checked_bytes"], loading["checked_total"] = progress
            if progress[0]:  # nothing while one waits for a store or a lock
                self._tell("checking the end of the log", *progress, "bytes")
            yield 0.0

    def _fold(self, log: CommandLog) -> Iterator[float]:
        """Recover the engine's keyspace."""
        engine = self._engine
        recovery = Recovery(
            Path(self._config.dir),
            self._disk,
            self._config.databases,
            packs_hashes=True,
        )
        loading = engine.server.loading
        loading["total_bytes"] = log.size_bytes
        total = loading["total_records"] = log.last_seq
        slowed = 0
        for progress in recovery.steps():
            loading["loaded_records"] = progress.seq
            self._tell("loading", progress.seq, total, "records")
            keys = recovery.keys + progress.records
            yield from self._slowly(keys - slowed)
            slowed = keys
        fold = recovery.fold
        if fold.last_seq != log.last_seq:
            raise StorageError(
                f"{self._config.dir}: the log was folded up to seq {fold.last_seq}, "
                f"but it ends with seq {log.last_seq}"
            )
        engine.server.saves.last_seq = recovery.snapshot_seq
        engine.adopt(fold.keyspace)
        yield 0.0
        find_place(self._config, engine)
        if engine.server.replication.is_taking and not self._config.log_store:
            for at, _ in enumerate(find_history(self._config, engine, log.last_seq)):
                if not at % _RECORDS_A_STEP:
                    yield 0.0
        for line in recovery.rejected:
            logger.warning("a snapshot was of no use: %s", line)
        logger.info(
            "loaded %d keys from %s and %d records",
            sum(len(database) for database in fold.keyspace.databases),
            recovery.snapshot or "no snapshot",
            fold.records,
        )

    def _slowly(self, keys: int) -> Iterator[float]:
        """Take as long for some keys as the settings say, from step to step."""
        started = time.monotonic()
        yield 0.0
        while time.monotonic() - started < seconds_for(
            self._config.key_load_delay, keys
        ):
            yield _SLOW_STEP_SECONDS

    def _tell(self, what: str, done: int, total: int, unit: str) -> None:
        """Say now and then how far it has come."""
        steady_ms = clock.steady_ms()
        if steady_ms < self._tell_from_ms:
            return
        self._tell_from_ms = steady_ms + _TELL_EACH_MS
        text = f"{what}: {100 * done // max(total, 1)}% of {total} {unit}"
        logger.info("%s", text)
        self._supervisor.tell_loading(text)
