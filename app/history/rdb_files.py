"""RDB files are written here: one moment of a server, as Redis and Valkey load it.

`joblog.replay.exchange.rdb` says what is in one, and reads them.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from joblog.app.types.crc64 import crc64
from joblog.app.types.rdb_strings import encode_length, encode_rdb_string
from joblog.app.types.rdb_written_rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.storage.filesystem import FileSystem

LEAST_VERSION: Final = 9
LIBRARY_VERSION: Final = 10
LIBRARY, REMARK, HINT = 0xF5, 0xFA, 0xFB
DEADLINE_MS, DATABASE, END = 0xFC, 0xFE, 0xFF
CRC_BYTES: Final = 8
VALKEY_VERSIONS: Final = 80
_CHECKED_AT_ONCE: Final = 1 << 23
_LOOKED_AFTER: Final = 4096
_ROW: Final = 128
_FILE_MODE: Final = 0o600


def write_rdb(
    file: BinaryIO,
    keyspace: Keyspace,
    *,
    is_for_redis: bool = False,
    has_checksum: bool = True,
    look: Callable[[], None] | None = None,
    remarks: Mapping[str, str | int] | None = None,
) -> int:
    """Write a keyspace, in the lowest version of the format that has all of it.

    Args:
        file: open for writing and seeking, in binary, empty.
        keyspace: all that is to be in it.
        is_for_redis: whether deadlines of hash fields are for Redis, not for Valkey.
        has_checksum: whether it ends with its checksum; else with zeroes.
        look: called every few thousand keys, and every few megabytes of the checksum.
        remarks: what else it says of itself, by name.

    Returns:
        The version.
    """
    version, written = LEAST_VERSION, 0
    file.write(_header(version))
    for name, text in (remarks or {}).items():
        words = (name.encode(), str(text).encode())
        file.write(bytes([REMARK]) + b"".join(map(encode_rdb_string, words)))
    if keyspace.libraries:
        version = LIBRARY_VERSION
    libraries = map(encode_rdb_string, keyspace.libraries.values())
    file.writelines(bytes([LIBRARY]) + library for library in libraries)
    for database in keyspace.databases:
        if not database.values:
            continue
        file.write(bytes([DATABASE]) + encode_length(database.index))
        sizes = (len(database.values), len(database.deadlines))
        file.write(bytes([HINT]) + b"".join(map(encode_length, sizes)))
        keys, values = iter(database.values), iter(database.values.values())
        while row := list(islice(keys, _ROW)):
            data, needed = write_rows(
                *(row, list(islice(values, _ROW)), database.deadlines),
                is_for_redis=is_for_redis,
            )
            version = max(version, needed)
            file.write(data)
            written += len(row)
            if look is not None and written % _LOOKED_AFTER < _ROW:
                look()
    file.write(bytes([END]))
    file.seek(0)
    file.write(_header(version))
    _write_checksum(file, look, has_checksum=has_checksum)
    return version


def _write_checksum(
    file: BinaryIO, look: Callable[[], None] | None, *, has_checksum: bool
) -> None:
    crc = 0
    file.seek(0)
    while has_checksum and (data := file.read(_CHECKED_AT_ONCE)):
        crc = crc64(data, crc)
        if look is not None:
            look()
    file.seek(0, os.SEEK_END)
    file.write(crc.to_bytes(CRC_BYTES, "little"))


def _header(version: int) -> bytes:
    if version >= VALKEY_VERSIONS:
        return b"VALKEY%03d" % version
    return b"REDIS%04d" % version


def save_rdb(
    filesystem: FileSystem,
    path: Path,
    keyspace: Keyspace,
    *,
    has_checksum: bool,
    look: Callable[[], None],
) -> None:
    """Write an RDB file so that it is there wholly, durably, or as it was before.

    Args:
        filesystem: the door to the disk.
        path: its name; it is written aside, as `.new`, and renamed.
        keyspace: all that is to be in it.
        has_checksum: see `write_rdb`.
        look: see `write_rdb`.

    Raises:
        OSError: the disk refused; nothing new is left, as far as that could be.
    """
    temporary = path.with_name(f"{path.name}.new")
    if temporary.name in filesystem.listdir(path.parent):
        filesystem.unlink(temporary)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(temporary, flags, _FILE_MODE), "wb+") as file:
            write_rdb(file, keyspace, has_checksum=has_checksum, look=look)
            file.flush()
            filesystem.fsync(file.fileno())
        filesystem.rename(temporary, path)
    except OSError:
        if os.path.exists(temporary):  # noqa: PTH110 - it never raises
            filesystem.unlink(temporary)
        raise
    filesystem.sync_directory(path.parent)
