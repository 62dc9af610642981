"""How an encrypted file is known, and refused where no key was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.errors import KeyMissingError

if TYPE_CHECKING:
    from pathlib import Path

ENCRYPTED_MAGIC = b"\x89JOBLOGE"


def require_plain(data: bytes, path: Path) -> None:
    """Check that a file which is no log is not one that is encrypted.

    Args:
        data: the file's first bytes.
        path: its name.

    Raises:
        KeyMissingError: it is, so the key is needed.
    """
    if data.startswith(ENCRYPTED_MAGIC):
        raise KeyMissingError(
            f"{path}: encrypted, and no key was given: log-encryption-key-file names "
            "the key file for a server, JOBLOG_KEY_FILE in the environment for replay"
        )
