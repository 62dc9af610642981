"""How a verb ends: exit codes, and the error for what a log does not have."""

from __future__ import annotations

FOUND = 0
NOTHING = 1
USAGE = 2
DAMAGED = 3


class NoSuchMomentError(Exception):
    """The log has not come to that moment."""
