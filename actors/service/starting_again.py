"""Starting again: the same process, with nothing left in its memory.

A server that was overtaken (`log-store`) has written what never was acknowledged, and
its memory shows it. The program takes its own place (exec): the process keeps its
number, its standard streams and its limits, and what it starts with is the log.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from joblog.actors.service.working_folder import leave_data_folder

if TYPE_CHECKING:
    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_AGAIN: Final = "JOBLOG_STARTED_AGAIN"
"""In the environment: it is in the background already, if it is to be there."""


def is_again() -> bool:
    """Whether this process has started the server before."""
    return os.environ.get(_AGAIN) == str(os.getpid())


def start_again(config: Config, port: int) -> None:
    """Start the program anew in this process; return only where that is impossible.

    Args:
        config: the settings.
        port: the one that the server had, which is to stay where the system chose it.
    """
    words = list(sys.orig_argv[1:])
    if words[-1:] == ["-"]:
        logger.warning("the settings were read from the standard input: it ends")
        return
    if not config.port and port:
        words += ["--port", str(port)]
    logger.warning("this server starts again, with the log alone")
    os.environ[_AGAIN] = str(os.getpid())
    leave_data_folder()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - its own words
