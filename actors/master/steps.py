"""Steps: work on the log for replicas, a slice at a time between ticks."""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final

from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from joblog.actors.loop import Loop

logger = logging.getLogger(__name__)

SLICE_SECONDS: Final = 0.001


def run_steps(
    loop: Loop, steps: Generator[None, None, Any], then: Callable[[Any], None]
) -> None:
    """Go through steps, and do something with what they come to.

    Args:
        loop: calls for the rest when others had a turn.
        steps: each is short.
        then: takes what they return; None where the log cannot be read.
    """
    until = perf_counter() + SLICE_SECONDS
    try:
        while perf_counter() < until:
            next(steps)
    except StopIteration as ended:
        then(ended.value)
    except StorageError as error:
        logger.error("the log cannot be read for a replica: %s", error)  # noqa: TRY400 - no bug
        then(None)
    else:
        loop.call_soon(partial(run_steps, loop, steps, then))
