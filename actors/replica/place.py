"""Where a server that starts stands in its master's history."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.actors.master.histories import find_standing as find_stream
from joblog.app.engine.outbox import SERVER_ID
from joblog.app.history.positions import (
    dataset_path,
    find_standing,
    state_before,
    take_back,
)
from joblog.app.state.replication import Position
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.keyspace import Keyspace

logger = logging.getLogger(__name__)


def find_place(config: Config, engine: Engine) -> None:
    """Note where the log stands; take the records of a dataset back that is not whole.

    Raises:
        StorageError: the log is damaged.
    """
    path, state = dataset_path(config), engine.server.replication
    if state.is_taking:
        path.unlink(missing_ok=True)
        return  # `find_history` knows
    is_left = path.exists()
    if not (is_left or state.is_replica):
        return
    folder = Path(config.dir)
    filesystem = open_disk(config.log_encryption_key_file)
    standing = find_standing(folder, filesystem)
    position, begun_seq = standing.position, standing.begun_seq
    if begun_seq:
        logger.warning(
            "the records of a master's dataset from %d on are not whole: they are "
            "taken back",
            begun_seq,
        )
        _take_back(
            engine, state_before(folder, filesystem, config.databases, begun_seq)
        )
    if is_left:
        path.unlink(missing_ok=True)
    if position is not None and state.is_replica:
        state.take_position(position)
        logger.info(
            "the log stands at offset %d of history %s", position.offset, position.id
        )


def find_history(config: Config, engine: Engine, until_seq: int) -> Iterator[None]:
    """Note where a log that is taken stands in the master's history, by its own notes.

    Yields:
        After each record that is looked at.

    Raises:
        StorageError: the log is damaged.
    """
    disk = open_disk(config.log_encryption_key_file)
    steps = find_stream(Path(config.dir), disk, until_seq, until_seq)
    standing = yield from steps
    if standing.elders:
        place = Position(standing.elders[-1].id, standing.offset, 0)
        engine.server.replication.take_position(place)


def _take_back(engine: Engine, before: Keyspace) -> None:
    entries, now_ms = engine.outbox.entries, engine.server.now_ms()
    keyspace = engine.keyspace
    for db, commands in take_back(keyspace, before):
        entries.append(
            (now_ms, db, commands, [SERVER_ID, None, {"kind": "synchronized"}])
        )
    note = {"kind": "replication", "what": "taken back"}
    entries.append((now_ms, 0, [], [SERVER_ID, None, note]))
    engine.functions.forget()
