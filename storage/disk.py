"""Which door to the disk there is: a plain one, or one that encrypts.

A server is told the key file by its settings, what it starts and `replay` by the
environment.
"""

from __future__ import annotations

import os
from pathlib import Path

from joblog.storage.errors import KeyFileError
from joblog.storage.filesystem import FileSystem

VARIABLE = "JOBLOG_KEY_FILE"


def open_disk(
    key_file: str | None = None, beneath: FileSystem | None = None
) -> FileSystem:
    """Return the door to the disk.

    Args:
        key_file: the path of the key file; "" for none, None where the environment is
            to say it.
        beneath: what files are read and written with, if it is not the system's own.

    Raises:
        KeyFileError: the key file cannot be used.
    """
    if key_file is None:
        key_file = os.environ.get(VARIABLE, "")
    disk = beneath or FileSystem()
    if not key_file:
        return disk
    try:
        from joblog.storage.encryption.disk import (  # noqa: PLC0415 - an extra
            EncryptedDisk,
        )
        from joblog.storage.encryption.keys import read_keys  # noqa: PLC0415 - an extra
    except ImportError:
        raise KeyFileError(
            f"{key_file}: encryption needs the package cryptography: "
            "pip install 'joblog[encrypt]'"
        ) from None
    return EncryptedDisk(disk, read_keys(Path(key_file)))


def child_environment(key_file: str) -> dict[str, str]:
    """Return the environment of a process that works on the same files."""
    environment = dict(os.environ)
    environment.pop(VARIABLE, None)
    if key_file:
        environment[VARIABLE] = os.path.abspath(key_file)  # noqa: PTH100 - as it is
    return environment
