"""What is told of redacted keys, jobs and records: by whom, when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.history.moments import show_time
from joblog.replay.output.texts import plain_text
from joblog.storage.folder import LogFolder
from joblog.storage.redacted_segments import Redactions

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.storage.redaction import Redaction


def find_redactions(index: LogIndex) -> Redactions:
    """Return the redactions of a log."""
    return Redactions(LogFolder(index.folder, index.filesystem), index.filesystem)


def redaction_text(redaction: Redaction) -> str:
    """Return who made something unreadable, when and why."""
    when = show_time(redaction.at_ms)
    return f"redacted on {when} by {plain_text(redaction.by)}: " + plain_text(
        redaction.why
    )


def redacted_texts(
    redactions: Redactions, kind: str, name: bytes, seq: int | None = None
) -> list[str]:
    """Return what is to be said of a key or job, a line for each redaction.

    Args:
        redactions: those of the log.
        kind: "key" or "job".
        name: its name.
        seq: a moment; what was redacted of later times is not told. None for all.
    """
    return [
        f"{redaction_text(gone.redaction)} (seq {gone.first_seq} to {gone.last_seq})"
        for gone in redactions.find(kind, name)
        if seq is None or gone.first_seq <= seq
    ]
