"""The levels of the server's own log file, as redis.conf names them.

    debug      what only somebody who looks for a bug wants to read
    verbose    what is ordinary but may be much, such as a line for each client
    notice     what an operator wants to know: the start, who changed what, the stop
    warning    what an operator should look at, and why the server ends

WARNING and above (errors, and what is critical) are told at each level; `nothing`,
which Valkey knows, leaves those lines that say why the server ends.
"""

from __future__ import annotations

import logging
from typing import Final

VERBOSE: Final = 15
NOTICE: Final = logging.INFO

LEVELS: Final = {
    "debug": logging.DEBUG,
    "verbose": VERBOSE,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "nothing": logging.CRITICAL,
}


def name_levels() -> None:
    """Let lines of these levels have their names."""
    logging.addLevelName(VERBOSE, "VERBOSE")
    logging.addLevelName(NOTICE, "NOTICE")
