"""Which door to the disk there is: a plain one, or one that encrypts.

A server is told the key file by its settings, what it starts and `replay` by the
environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.storage.errors import KeyFileError
from joblog.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from joblog.storage.encryption.converting import Converted
    from joblog.storage.encryption.disk import EncryptedDisk
    from joblog.storage.encryption.rekeying import Rekeyed

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


def key_names(disk: FileSystem) -> list[str]:
    """Return the names of the keys that files may be under; none where none is."""
    keys = getattr(disk, "keys", None)
    return [] if keys is None else list(keys.names)


def renew_keys(disk: FileSystem, folder: Path) -> list[str]:
    """Read the key file anew, if it has all keys that a folder's files are under.

    Returns:
        The names of its keys, the first of which is used from now on.

    Raises:
        KeyFileError: it cannot be used, or lacks one; what was read before holds.
        OSError: the folder cannot be read.
    """
    from joblog.storage.encryption.disk import (  # noqa: PLC0415 - an extra
        EncryptedDisk,
    )
    from joblog.storage.encryption.keys import read_keys  # noqa: PLC0415 - an extra
    from joblog.storage.encryption.rekeying import (  # noqa: PLC0415 - an extra
        keys_in_use,
    )

    assert isinstance(disk, EncryptedDisk)
    keys = read_keys(disk.keys.path)
    for key_id, count in keys_in_use(folder, disk.beneath).items():
        if keys.find(key_id) is None:
            raise KeyFileError(
                f"{keys.path}: the key file lacks the key {key_id.hex()}, which "
                f"{count} files are under; add it as a further line"
            )
    disk.keys = keys
    return keys.names


def rekey_folder(folder: Path) -> Rekeyed:
    """Put all encrypted files of a folder under the first key of the environment's.

    Raises:
        KeyFileError: the key file cannot be used.
        OSError: the disk refused.
    """
    disk = _open_encrypted()
    from joblog.storage.encryption.rekeying import rekey  # noqa: PLC0415 - an extra

    return rekey(folder, disk.beneath, disk.keys)


def convert_folder(folder: Path, *, encrypts: bool) -> Converted:
    """Encrypt all files of a folder that nobody has open, or decrypt them.

    Raises:
        KeyFileError: the environment's key file cannot be used.
        StorageError: somebody has it open, or it is another user's.
        OSError: the disk refused; it may be done again.
    """
    disk = _open_encrypted()
    from joblog.storage.encryption.converting import (  # noqa: PLC0415 - an extra
        convert,
    )

    return convert(folder, disk, encrypts=encrypts)


def _open_encrypted() -> EncryptedDisk:
    """Return the door to the disk under the environment's key file."""
    disk = open_disk()
    from joblog.storage.encryption.disk import (  # noqa: PLC0415 - an extra
        EncryptedDisk,
    )

    assert isinstance(disk, EncryptedDisk)
    return disk


def child_environment(key_file: str) -> dict[str, str]:
    """Return the environment of a process that works on the same files."""
    environment = dict(os.environ)
    environment.pop(VARIABLE, None)
    if key_file:
        environment[VARIABLE] = os.path.abspath(key_file)  # noqa: PTH100 - as it is
    return environment
