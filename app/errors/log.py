"""Texts for those who ask for the log, or for a moment of it."""

from __future__ import annotations

from joblog.app.errors.general import one_line


def pruned(floor_seq: int) -> bytes:
    """Return the text for records that the log no longer has."""
    return b"ERR pruned: the log starts at seq %d" % floor_seq


def log_ends(last_seq: int) -> bytes:
    """Return the text for a record that the log does not have yet."""
    return b"ERR the log ends with seq %d" % last_seq


def redacted(when: str, by: str, why: str, first_seq: int, last_seq: int) -> bytes:
    """Return the text for what was at a moment of the past, and is unreadable now."""
    text = f"REDACTED on {when} by {by}: {why} (seq {first_seq} to {last_seq})"
    return one_line(text.encode(errors="surrogateescape"))


def unreadable_log(reason: str) -> bytes:
    """Return the text for a log that the system does not let us read."""
    return b"ERR the log cannot be read: " + reason.encode()


def in_own_words(error: Exception) -> bytes:
    """Return the text for an error that says by itself, for people, what is wrong."""
    return one_line(b"ERR " + str(error).encode(errors="replace"))
