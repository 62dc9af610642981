"""What clients are told of what somebody made unreadable: by whom, when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app import errors
from joblog.app.history.moments import show_time
from joblog.storage.folder import LogFolder
from joblog.storage.redacted_segments import Redactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.redaction import Redaction


def redacted_keys(
    folder: Path, filesystem: FileSystem, seq: int, at_ms: int
) -> Callable[[bytes], bytes | None] | None:
    """Return what tells why a key is missing at a moment; None where nothing may be.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        seq: the last record that had happened.
        at_ms: the time.

    Returns:
        key -> the text of an error, or None where the key is just missing.

    Raises:
        StorageError: a table of redactions is damaged.
    """
    redactions = Redactions(LogFolder(folder, filesystem), filesystem)
    if not redactions:
        return None

    def find(key: bytes) -> bytes | None:
        gone = redactions.find_of_key(key, seq, at_ms)
        if gone is None:
            return None
        redaction = gone.redaction
        when = show_time(redaction.at_ms)
        told = when, redaction.by, redaction.why
        return errors.redacted(*told, gone.first_seq, gone.last_seq)

    return find


def redaction_facts(redaction: Redaction) -> dict[bytes, Any]:
    """Return who made a record unreadable, when and why, as LOG.READ tells it."""
    return {
        b"at-ms": redaction.at_ms,
        b"by": redaction.by.encode(errors="surrogateescape"),
        b"why": redaction.why.encode(errors="surrogateescape"),
    }
