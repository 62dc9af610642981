"""Reloading: the state that the disk has, for DEBUG RELOAD and its like.

It waits until memory and the log are the same, and for as long as `key-load-delay`
asks: clients are told LOADING meanwhile. Where the two differ, which is a bug, the
server stops.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from joblog.app import clock
from joblog.app.history.recovery import Fold, recover
from joblog.app.history.snapshots import save_snapshot
from joblog.app.slowness import seconds_for
from joblog.storage.disk import open_disk
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.command_log import CommandLog
    from joblog.actors.loop import Loop
    from joblog.actors.saving import Saving
    from joblog.actors.turn import Turn
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.inquiries import AwaitReload

_STEP_SECONDS: Final = 0.01


def load_again(config: Config, log: CommandLog | None, *, is_saving: bool) -> Keyspace:
    """Return the state that is on disk, all that was appended included.

    Args:
        config: says where the data is.
        log: the open log, None where it is not open yet.
        is_saving: whether to make a snapshot first and begin with that, else the log
            alone is folded, as far as it is there.
    """
    folder = Path(config.dir)
    filesystem = open_disk(config.log_encryption_key_file)
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


class Reloading:
    """Loads the state again, and tells who asked for it.

    Attributes:
        waiting: those who asked.
    """

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        saving: Saving,
        on_end: Callable[[list[AwaitReload] | None], None],
    ) -> None:
        """Make the reloading of an engine.

        Args:
            loop: the loop to wait in.
            engine: the engine.
            turn: knows what is on its way to the log.
            saving: saves and loads.
            on_end: called with those who asked once it is done; with None where memory
                was another state.
        """
        self._loop = loop
        self._engine = engine
        self._turn = turn
        self._saving = saving
        self._on_end = on_end
        self.waiting: list[AwaitReload] = []

    def begin(self, begun: float | None = None) -> None:
        """Take as long as the settings say for so many keys, then load them.

        Args:
            begun: when it began, by `monotonic`; None for now.
        """
        if begun is None:
            begun = monotonic()
        server = self._engine.server
        keys = sum(map(len, self._engine.keyspace.databases))
        if monotonic() < begun + seconds_for(server.config.key_load_delay, keys):
            server.set_loading(is_loading=True)
            again = partial(self.begin, begun)
            self._loop.call_later(_STEP_SECONDS, again, self._turn)
        else:
            self._loop.call_soon(self._load, self._turn)

    def _load(self) -> None:
        """Save and load, or load, as DEBUG asks."""
        log_writer = self._turn.log_writer
        engine = self._engine
        is_swapping = engine.server.replication.is_swapping
        is_written = log_writer is not None and log_writer.empty()
        if engine.outbox.entries or is_swapping or not is_written:
            # What one has and the other has not would look like a difference.
            self._loop.call_soon(self._load, self._turn)
            return
        if not self._saving.reload():
            self._on_end(None)
            return
        self._engine.server.set_loading(is_loading=False)
        waiting, self.waiting = self.waiting, []
        self._on_end(waiting)
