"""Datasets: what replicas are sent first that have nothing to go on from.

A child makes one at a time. It goes with the last replica that is still sent it; who
asks meanwhile is sent the same, and what comes behind it from the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from joblog.actors.master.copier import Copier
from joblog.actors.master.feeder import Dataset
from joblog.actors.master.mail import Made, Make
from joblog.actors.master.spool import make_place
from joblog.app.history.rdb_files import write_rdb
from joblog.app.keyspace.keyspace import Keyspace
from joblog.storage.disk import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pykka

    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.actors.master.feeder import Feeder
    from joblog.actors.master.histories import Mark
    from joblog.app.config import Config

    Send = Callable[[Feeder, Dataset | None, str], None]
    """Called with who asked, the dataset, and else why there is none."""

logger = logging.getLogger(__name__)

_FILE: Final = "replicas-%s.rdb"

_TRIES: Final = 3
_WAIT_MS: Final = 30_000
"""A replica that did not take so many datasets is sent another after so long: it asks
for one several times a second."""


class Datasets:
    """Has datasets made."""

    def __init__(
        self, loop: Loop, folder: Path, config: Config, inbox: Inbox, send: Send
    ) -> None:
        """Begin with none.

        Args:
            loop: the loop of the keyspace.
            folder: the data folder.
            config: the settings.
            inbox: the keyspace's.
            send: called for each who asked.
        """
        self._loop = loop
        self._folder = folder
        self._config = config
        self._inbox = inbox
        self._send = send
        self._copier: pykka.ActorRef[Copier] | None = None
        self._dataset: Dataset | None = None
        self._begun: Mark | None = None
        self._wanted: list[Feeder] = []
        self._unread: dict[tuple[str, int], tuple[int, int]] = {}

    def remove_old(self) -> None:
        """Remove what a child left that was killed."""
        for path in self._folder.glob(_FILE % "*"):
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop the thread, and the child with it."""
        if self._copier is not None:
            self._copier.stop()

    def is_waiting(self, feeder: Feeder) -> bool:
        """Say whether a replica waits for a dataset to be made."""
        return feeder in self._wanted

    def note_gone(self, feeder: Feeder, steady_ms: int) -> None:
        """Note whether a replica that is gone had a dataset that it did not take."""
        replica = feeder.replica
        place = (replica.address, replica.port)
        if replica.has_acknowledged or feeder.is_old:
            self._unread.pop(place, None)
        elif feeder.was_sent_dataset:
            times = self._unread.get(place, (0, 0))[0] + 1
            self._unread[place] = times, steady_ms + _WAIT_MS
            if times == _TRIES:
                text = (
                    "%s did not take the dataset %d times: is it a version that cannot "
                    "read what is in it, such as deadlines of hash fields? It is sent "
                    "one each %d seconds from now on"
                )
                logger.error(text, feeder, times, _WAIT_MS // 1000)

    def _is_hopeless(self, feeder: Feeder, steady_ms: int) -> bool:
        """Say whether a replica is to wait: it asks for what it cannot read."""
        place = (feeder.replica.address, feeder.replica.port)
        times, until_ms = self._unread.get(place, (0, 0))
        return times >= _TRIES and steady_ms < until_ms

    def want(self, feeder: Feeder, mark: Mark, history: str, steady_ms: int) -> None:
        """Have a dataset sent to a replica.

        Args:
            feeder: the replica.
            mark: what there is now, if one has to be made.
            history: its id.
            steady_ms: the time, of the clock that nobody sets.
        """
        if self._is_hopeless(feeder, steady_ms):
            self._send(feeder, None, "this replica did not take those before")
            return
        dataset = self._dataset
        if dataset is not None and dataset.users:
            self._send(feeder, dataset, "")
            return
        self._wanted.append(feeder)
        if self._begun is None:
            self._begun = mark
            if self._copier is None:
                self._copier = Copier.start(
                    *(self._folder, self._config.databases, self._tell),
                    lambda: child_environment(self._config.log_encryption_key_file),
                )
            # A Valkey says its version: it knows deadlines of fields by its own form.
            is_for_redis = not feeder.replica.version
            path = self._place(str(mark.seq))
            make = Make(mark.seq, path, history, mark.offset, is_for_redis)
            self._copier.tell(make)

    def of_functions(self, libraries: dict[bytes, bytes], mark: Mark) -> Dataset:
        """Return a dataset of libraries of functions alone, or of nothing."""
        keyspace = Keyspace(1)
        keyspace.libraries.update(libraries)
        path = self._place("functions")
        with path.open("wb+") as file:
            write_rdb(file, keyspace)
        return Dataset(path, mark, 0)

    def _place(self, name: str) -> Path:
        return make_place(
            self._folder, _FILE % name, self._config.log_encryption_key_file
        )

    def _tell(self, made: Made) -> None:
        self._loop.post_from_thread(self._inbox, made)

    def take(self, made: Made) -> None:
        """Send what was made to all who asked meanwhile."""
        mark, self._begun = self._begun, None
        assert mark is not None
        wanted, self._wanted = self._wanted, []
        self._dataset, error = None, made.error
        if not error:
            try:
                self._dataset = Dataset(made.path, mark, made.version)
            except OSError as failure:
                error = failure.strerror or str(failure)
        if error:
            logger.error("the dataset for replicas cannot be made: %s", error)
        for feeder in wanted:
            self._send(feeder, self._dataset, error)
        if self._dataset is not None and not self._dataset.users:
            self._dataset.close()
