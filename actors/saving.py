"""Saving: what the keyspace actor does about snapshots.

A snapshot is begun once all that was written is durable: that is an `Order` to the log
writer. Clients of SAVE are answered when the snapshot has ended.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.actors.messages import (
    Order,
    SegmentsChanged,
    SnapshotEnded,
    SnapshotProgress,
)
from joblog.app import errors
from joblog.app.engine.proofs import Prover
from joblog.app.errors import CommandError
from joblog.app.keyspace.digest import dataset_digest
from joblog.app.reply import OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.messages import Mailbox
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.inquiries import AwaitSave
    from joblog.app.state.session import Session

    Begin = Callable[[tuple[str, ...]], None]

logger = logging.getLogger(__name__)


def _options(config: Config) -> tuple[str, ...]:
    """Return what the child is to do besides a snapshot, as the settings say."""
    options = [
        *("--retention-bytes", str(config.log_retention_bytes)),
        *("--retention-seconds", str(config.log_retention_seconds)),
        *("--reserve", str(config.disk_reserve)),
        *("--keep", str(config.snapshots_kept)),
    ]
    if config.rdb_key_save_delay:
        options += ["--key-delay", str(config.rdb_key_save_delay)]
    if config.log_compression == "zlib":
        options.append("--pack")
    if config.log_archive_command:
        options.append("--only-archived")
    return tuple(options)


def _rdb_options(config: Config) -> tuple[str, ...]:
    """Return where the child is to write Redis's file, if the settings ask for it."""
    if not config.rdb_compat:
        return ()
    path = Path(config.dir).absolute() / config.dbfilename
    return ("--rdb", str(path), *(() if config.rdbchecksum else ("--no-checksum",)))


def _wants_tidying(config: Config) -> bool:
    return bool(
        config.log_retention_bytes
        or config.log_retention_seconds
        or config.log_compression != "no"
    )


class Saving:
    """Has snapshots made for an engine, and answers those who wait.

    Attributes:
        waiting: those of SAVE, until the snapshot that they wait for has ended.
    """

    def __init__(
        self,
        engine: Engine,
        begin: Begin | None,
        reload: Callable[[bool], Keyspace] | None,
    ) -> None:
        """Make the saving of an engine.

        Args:
            engine: the engine, which says when a snapshot is due.
            begin: has one made of all that is durable, with options for the child;
                None without a log.
            reload: saves where it is asked to, and gives the state that is on disk.
        """
        self._reload = reload
        self._prover = Prover(engine.context, engine.outbox)
        self._engine = engine
        engine.server.saves.count_changes = self._count_changes
        self._begin = begin
        self.waiting: list[AwaitSave] = []

    def _count_changes(self) -> int:
        return self._engine.keyspace.count_changes()

    def order(self) -> Order:
        """Return what the log writer is to have done when everything is durable."""
        server = self._engine.server
        server.saves.is_due = False
        begin, options = self._begin, _options(server.config)
        if server.saves.running == "tidy":
            options += ("--tidy",)
        if self._engine.server.alarm.disk_error is not None:
            options += ("--urgent",)
        elif server.saves.running == "save":
            options += _rdb_options(server.config)
        assert begin is not None
        return Order(lambda: begin(options))

    def reload(self) -> bool:
        """Take the state that is on disk in place of memory's, which it must equal.

        Returns:
            False where it does not: a bug, for which the server has to stop.
        """
        engine = self._engine
        assert self._reload is not None
        loaded = self._reload(engine.server.saves.is_reload_saving)
        on_disk, live = dataset_digest(loaded), dataset_digest(engine.keyspace)
        if on_disk == live:
            engine.adopt(loaded)
            if engine.server.saves.is_reload_saving:
                engine.server.saves.note_all_saved()
            return True
        logger.critical(
            "the log folds to a state with digest %s, memory has %s: a bug; the "
            "server stops, and goes by the log at the next start",
            on_disk.hex(),
            live.hex(),
        )
        engine.server.exit_code = 1
        return False

    def _segments_changed(self, fields: dict[str, Any]) -> SegmentsChanged | None:
        """Return what the log writer has to know of the child's news, if anything."""
        if "first_seq" in fields:
            return SegmentsChanged(fields["first_seq"], {})
        if "packed" in fields:
            first_seq, size = fields["packed"]
            return SegmentsChanged(0, {first_seq: size})
        return None

    def begin_segment(self) -> None:
        """Do what each segment begins with: a round of proofs, and who is who.

        Older segments may be pruned: clients and scripts are described in each anew.
        """
        self._prover.begin()
        self._engine.scripts.describe_anew()
        for session in self._engine.server.sessions.values():
            session.is_described = False

    def note_log(self, fields: dict[str, Any]) -> None:
        """Take what INFO says of the log each second; the `save` rules may ask."""
        server = self._engine.server
        server.log_status.update(fields)
        if self._begin is not None and not server.is_loading:
            steady_ms = self._engine.context.steady_ms
            is_disk_full = self._engine.server.alarm.disk_error is not None
            if not is_disk_full:
                server.saves.consider(server.config.save, steady_ms)
            if _wants_tidying(server.config):
                server.saves.consider_tidying(
                    fields.get("log_segments", 0), steady_ms, is_urgent=is_disk_full
                )

    def note_archive(self, fields: dict[str, Any]) -> None:
        """Take what INFO says of the archive; what it has taken may be pruned."""
        server = self._engine.server
        taken = "log_archive_taken"
        if fields[taken] != server.archive_status.get(taken, 0):
            server.saves.look_again()
        server.archive_status = fields

    def note_disk(self) -> None:
        """Have the log pruned soon where the disk is full: that may make room."""
        if self._engine.server.alarm.disk_error is not None:
            self._engine.server.saves.look_again()

    def prove(self) -> None:
        """Prove another slice of memory, where a round is under way."""
        if not self._engine.server.replication.is_swapping:
            self._prover.step()

    def take(
        self, news: SnapshotProgress | SnapshotEnded, log_writer: Mailbox | None
    ) -> list[Session]:
        """Note what the snapshotter says.

        Args:
            news: what it says.
            log_writer: is told which segments have changed.

        Returns:
            The clients that have an answer.
        """
        saves = self._engine.server.saves
        if isinstance(news, SnapshotProgress):
            saves.note(news.fields)
            changed = self._segments_changed(news.fields)
            if changed is not None and log_writer is not None:
                log_writer.post(changed)
            return []
        covered = saves.covered
        self._engine.context.read_clock()
        context = self._engine.context
        saves.end(
            news.seq,
            context.steady_ms,
            context.now_ms,
            is_ok=news.error is None,
            error=news.error or "",
        )
        ended = [each for each in self.waiting if each.awaited_save <= covered]
        self.waiting = [each for each in self.waiting if each not in ended]
        for inquiry in ended:
            is_saved = news.error is None
            inquiry.answer = OK if is_saved else CommandError(errors.SAVE_FAILED)
        return [inquiry.session for inquiry in ended]
