"""What the records of scripts and functions have for their command, and say of it."""

from __future__ import annotations

from typing import Any, Final

SCRIPT_ADDRESS: Final = "lua"
"""How MONITOR shows where the commands of scripts come from."""

SCRIPT_CALL: Final = b"EVALSHA"
"""What the record of a script has for its command; see `joblog.app.history.notes`."""

MICROSECONDS: Final = "us"
"""The field of a note that tells how long a script took, by the server's clock."""

FUNCTION_NOTE: Final[dict[str, Any]] = {"kind": "script", "sha": ""}
"""What the record of a function says of it, which its command names."""


def failure_note(sha: bytes, error: bytes) -> dict[str, Any]:
    """Return what the record of a script that failed says of it.

    Args:
        sha: the script's; empty for a function.
        error: the error line that the client got.
    """
    return {"kind": "script", "sha": sha.decode(), "error": error}
