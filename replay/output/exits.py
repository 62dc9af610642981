"""How a verb ends: its exit codes."""

from __future__ import annotations

FOUND = 0
NOTHING = 1
USAGE = 2
DAMAGED = 3
NO_KEY = 4
