"""Reloading: the state that the disk has, for DEBUG RELOAD and its like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app import clock
from joblog.app.history.recovery import Fold, recover
from joblog.app.history.snapshots import save_snapshot
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from joblog.actors.command_log import CommandLog
    from joblog.app.config import Config
    from joblog.app.keyspace.keyspace import Keyspace


def load_again(config: Config, log: CommandLog | None, *, is_saving: bool) -> Keyspace:
    """Return the state that is on disk, all that was appended included.

    Args:
        config: says where the data is.
        log: the open log, None where it is not open yet.
        is_saving: whether to make a snapshot first and begin with that, else the log
            alone is folded, as far as it is there.
    """
    folder, filesystem = Path(config.dir), FileSystem()
    if not is_saving and log is not None and log.first_seq == 1:
        fold = Fold(config.databases)
        fold.apply(read_records(folder, filesystem=filesystem))
        return fold.keyspace
    keyspace = recover(folder, filesystem, config.databases).keyspace
    if is_saving and log is not None and log.last_seq:
        paths = LogFolder(folder, filesystem)
        save_snapshot(paths, filesystem, keyspace, log.last_seq, clock.now_ms())
        keyspace = recover(folder, filesystem, config.databases).keyspace
    return keyspace
