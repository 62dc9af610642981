"""Putting files under another of the operator's keys: their envelopes are written anew.

Each file is opened once, and what was read of it is written to the same: one that takes
another's name meanwhile is none of it. The two copies of a file's key are written one
after the other, each durable before the next, so that one is whole at any moment. What
reads or appends to the file meanwhile is not disturbed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.encrypted import ENCRYPTED_MAGIC
from joblog.storage.encryption.envelope import (
    ENVELOPE_BYTES,
    SLOTS,
    make_slot,
    open_envelope,
)
from joblog.storage.errors import EncryptionError, EnvelopeError
from joblog.storage.folder import find_set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.storage.encryption.keys import Keys
    from joblog.storage.filesystem import FileSystem

FOLDERS = ("", "log", "snapshots", "index")


class Rekeyed(NamedTuple):
    """What became of the files of a folder.

    Attributes:
        changed: how many are under the first key now, and were under another.
        present: how many were under it before.
        plain: how many are in the clear, and not empty.
        failures: why others could not be changed, a line each.
    """

    changed: int
    present: int
    plain: int
    failures: list[str]


def rekey(folder: Path, filesystem: FileSystem, keys: Keys) -> Rekeyed:
    """Put all files of a data folder, or of an archive, under the first key.

    Args:
        folder: the folder.
        filesystem: the door to the disk, which does not decrypt.
        keys: the operator's.

    Raises:
        OSError: the disk refused; it may be done again.
    """
    changed = present = plain = 0
    failures: list[str] = []
    for path in _files(folder, filesystem):
        try:
            file = filesystem.open_to_overwrite(path)
        except (FileNotFoundError, IsADirectoryError):
            continue
        try:
            data = filesystem.read_at(file, ENVELOPE_BYTES, 0)
            if not data.startswith(ENCRYPTED_MAGIC):
                plain += bool(data) and ".lock" not in path.name
            elif len(data) == ENVELOPE_BYTES:
                if _rewrap(filesystem, file, data, path, keys):
                    changed += 1
                else:
                    present += 1
        except (EncryptionError, EnvelopeError) as error:
            failures.append(str(error))
        finally:
            filesystem.close(file)
    return Rekeyed(changed, present, plain, failures)


def keys_in_use(folder: Path, filesystem: FileSystem) -> dict[bytes, int]:
    """Return how many files of a folder are under each key, by its id.

    Raises:
        OSError: the folder cannot be read.
    """
    found: dict[bytes, int] = {}
    for path in _files(folder, filesystem):
        try:
            file = filesystem.open_to_read(path)
        except FileNotFoundError:
            continue
        try:
            data = filesystem.read_at(file, ENVELOPE_BYTES, 0)
        except IsADirectoryError:
            continue
        finally:
            filesystem.close(file)
        if data.startswith(ENCRYPTED_MAGIC) and len(data) == ENVELOPE_BYTES:
            # Whichever slot is behind: both have to be under a key that stays.
            for key_id in {data[place : place + 8] for place in SLOTS}:
                found[key_id] = found.get(key_id, 0) + 1
    return found


def _files(folder: Path, filesystem: FileSystem) -> Iterator[Path]:
    histories = [folder, *find_set_aside(folder, filesystem)]
    for place in (each / name for each in histories for name in FOLDERS):
        try:
            names = filesystem.listdir(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield from (place / each for each in sorted(names))


def _rewrap(
    filesystem: FileSystem, file: int, data: bytes, path: Path, keys: Keys
) -> bool:
    envelope = open_envelope(data, path, keys)
    if envelope.key_ids == (keys.current.id,) * len(SLOTS):
        return False
    slot = make_slot(envelope, keys.current)
    # The one that is sound may be the last that is.
    sound_last = sorted(SLOTS, key=lambda place: place in envelope.sound)
    for place in sound_last:
        filesystem.overwrite(file, slot, place)
        filesystem.fsync(file)
    return True
