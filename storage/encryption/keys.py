"""The key file: keys of 256 bits, one a line; the first is used, all are accepted.

A key is 64 hexadecimal digits, or the same 32 bytes in base64. Empty lines count for
nothing, nor does what follows a `#`. The further keys are those that files may still be
under, or shall be soon: how a key is changed without an end of service.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from joblog.storage.errors import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
KEY_ID_BYTES = 8

_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_ID_OF = b"joblog key id\0"
_FILE_BYTES_MAX = 64 * 1024


class Key(NamedTuple):
    """One of the operator's keys.

    Attributes:
        id: 8 bytes by which it is known again; they tell nothing of it.
        cipher: what it encrypts with.
    """

    id: bytes
    cipher: AESGCM


class Keys:
    """The keys of a key file.

    Attributes:
        path: the file.
        current: the key that new files are put under.
    """

    def __init__(self, path: Path, keys: list[Key]) -> None:
        self.path = path
        self.current = keys[0]
        self._by_id = {key.id: key for key in reversed(keys)}

    def find(self, key_id: bytes) -> Key | None:
        """Return the key with an id, None where the file has none."""
        return self._by_id.get(key_id)

    @property
    def names(self) -> list[str]:
        """Names of the keys, in 16 hexadecimal digits, which tell nothing of them."""
        ids = [key_id for key_id in self._by_id if key_id != self.current.id]
        return [self.current.id.hex(), *(key_id.hex() for key_id in ids)]


def make_key(data: bytes) -> Key:
    """Return the key of 32 bytes."""
    assert len(data) == KEY_BYTES
    digest = hashlib.sha256(_ID_OF + data).digest()
    return Key(digest[:KEY_ID_BYTES], AESGCM(data))


def read_keys(path: Path) -> Keys:
    """Read a key file.

    Raises:
        KeyFileError: it cannot be read, others may read it, or what stands in it is no
            key. The text shows nothing of what stands in it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            _require_private(path, os.fstat(file))
            data = os.read(file, _FILE_BYTES_MAX)
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KeyFileError(f"{path}: the key file cannot be read: {reason}") from None
    found = []
    lines = data.decode("ascii", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].strip()
        if word:
            found.append(make_key(_decode(path, number, word)))
    if not found:
        raise KeyFileError(
            f"{path}: there is no key in the key file; 'openssl rand -hex 32' makes one"
        )
    return Keys(path, found)


def _require_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"{path}: the key file is no regular file")
    allowed = stat.S_IRWXU
    if found.st_uid == 0 and os.geteuid() != 0:
        allowed |= stat.S_IRGRP
    if stat.S_IMODE(found.st_mode) & ~allowed:
        raise KeyFileError(
            f"{path}: others may use the key file: its mode is "
            f"{stat.S_IMODE(found.st_mode):04o}; run chmod 600 on it"
        )


def _decode(path: Path, number: int, word: str) -> bytes:
    try:
        if _HEX.match(word) and len(word) == 2 * KEY_BYTES:
            return bytes.fromhex(word)
        data = base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if len(data) != KEY_BYTES:
        raise KeyFileError(
            f"{path}: line {number} of the key file is no key: one has {KEY_BYTES} "
            f"bytes, as {2 * KEY_BYTES} hexadecimal digits or in base64; 'openssl rand "
            "-hex 32' makes one"
        )
    return data
