"""Texts of replication."""

from __future__ import annotations

STALE = (
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
)
STALE_IN_SCRIPT = b"ERR Can not execute the command on a stale replica"
PART_HAS_CHANGED = (
    b"UNBLOCKED force unblock from blocking operation, instance state changed "
    b"(master -> replica?)"
)
ITSELF = b"ERR This server cannot follow itself"
