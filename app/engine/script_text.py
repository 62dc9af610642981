"""Scripts as they are kept: what is known of a text once it is compiled."""

from __future__ import annotations

from typing import Any, Final


def script_note(sha: bytes) -> dict[str, Any]:
    """Return what a record says of the script that wrote it; see `storage.notes`."""
    return {"kind": "script", "sha": sha.decode()}


FUNCTION_NOTE: Final = script_note(b"")
"""The same for a function, which the command names."""


class Script:
    """One script that is loaded.

    Attributes:
        sha: of its source, in lower case.
        source: its text.
        note: what its records say of it (see `storage.notes`); it is never changed.
        number: what the runtime knows it by.
        flags: what its first line says; None where it says nothing, and all is allowed.
        is_described: whether the log has its source.
    """

    __slots__ = ("flags", "is_described", "note", "number", "sha", "source")

    def __init__(
        self, sha: bytes, source: bytes, number: int, flags: frozenset[bytes] | None
    ) -> None:
        """Describe a script that has just been compiled."""
        self.sha = sha
        self.note = script_note(sha)
        self.source = source
        self.number = number
        self.flags = flags
        self.is_described = False
