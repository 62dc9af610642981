"""Scripts as they are kept: what is known of a text once it is compiled."""

from __future__ import annotations

from typing import Any, Final

SCRIPT_ADDRESS: Final = "lua"
"""How MONITOR shows where the commands of scripts come from."""

SCRIPT_CALL: Final = b"EVALSHA"
"""What the record of a script has for its command; see `joblog.storage.notes`."""

FUNCTION_NOTE: Final[dict[str, Any]] = {"kind": "script", "sha": ""}
"""What the record of a function says of it, which its command names."""


def failure_note(sha: bytes, error: bytes) -> dict[str, Any]:
    """Return what the record of a script that failed says of it.

    Args:
        sha: the script's; empty for a function.
        error: the error line that the client got.
    """
    return {"kind": "script", "sha": sha.decode(), "error": error}


class Script:
    """One script that is loaded.

    Attributes:
        sha: of its source, in lower case.
        source: its text.
        number: what the runtime knows it by.
        flags: what its first line says; None where it says nothing, and all is allowed.
        is_described: whether the log has its source.
    """

    __slots__ = ("flags", "is_described", "number", "sha", "source")

    def __init__(
        self, sha: bytes, source: bytes, number: int, flags: frozenset[bytes] | None
    ) -> None:
        """Describe a script that has just been compiled."""
        self.sha = sha
        self.source = source
        self.number = number
        self.flags = flags
        self.is_described = False
