"""Stepping: all replicas are sent a little more; those that are silent are found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from joblog.actors.master.feeder import OtherStreamError
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.master.datasets import Datasets
    from joblog.actors.master.feeder import Feeder
    from joblog.actors.master.place import Place
    from joblog.app.config import Config

logger = logging.getLogger(__name__)


def step_all(
    feeders: dict[int, Feeder],
    place: Place,
    steady_ms: int,
    give_up: Callable[[int, Feeder], None],
) -> bool:
    """Send some more to all who lack something; say whether to go on soon.

    Args:
        feeders: what replicas are sent, by client.
        place: how far the stream is.
        steady_ms: the time.
        give_up: closes the connection of one who cannot be sent more.
    """
    goes_on = False
    for client_id, feeder in list(feeders.items()):
        try:
            goes_on |= feeder.catch_up(place.mark(), steady_ms)
        except (StorageError, OSError) as error:
            logger.error("%s: %s", feeder, error)  # noqa: TRY400 - no bug
            if isinstance(error, OtherStreamError):
                place.raise_floor(error.offset)
            give_up(client_id, feeder)
        except Exception:
            logger.exception("%s: internal error", feeder)
            give_up(client_id, feeder)
        if feeder.replica.is_online and feeder.replica.is_rdb_only:
            feeder.end()
    return goes_on


def find_silent(
    feeders: dict[int, Feeder], datasets: Datasets, steady_ms: int, config: Config
) -> list[int]:
    """Return which clients are to be closed; those who wait for a dataset hear of us.

    Args:
        feeders: what replicas are sent, by client.
        datasets: knows who waits for one.
        steady_ms: the time.
        config: says how long a replica may be silent.
    """
    silent = []
    for client_id, feeder in feeders.items():
        replica = feeder.replica
        if not replica.is_online:
            if datasets.is_waiting(feeder):
                feeder.push(b"\n")
            continue
        silent_ms = steady_ms - replica.heard_ms
        if silent_ms > config.repl_timeout * 1000 and not feeder.is_old:
            logger.warning("%s is silent: closed", feeder)
            silent.append(client_id)
    return silent
