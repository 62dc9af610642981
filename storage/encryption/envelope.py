"""Envelopes: the front of an encrypted file, which has the file's own key.

    0       magic            8   89 "JOBLOGE"
    8       format version   4   1
    12      stripe bytes     4   65,536
    16      file id         16   random
    32      crc32            4   of the 32 bytes before
    512     slot            72
    1024    slot            72
    1536                         cells, see `cells`

    slot:
    0       key id           8   of the operator's key
    8       nonce           12
    20      file's key      48   AES-256-GCM under that key: 32 bytes, and the tag
    68      crc32            4   of the 68 bytes before

The rest is zeroes. The file id is authenticated with the file's key. Both slots hold
the same key: under another key they are put one after the other, and each lies in a
sector of its own, so that one of them is whole at any moment.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from joblog.storage.encrypted import ENCRYPTED_MAGIC
from joblog.storage.encryption.keys import KEY_BYTES
from joblog.storage.errors import EnvelopeError, NewerFormatError, WrongKeyError

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.encryption.keys import Key, Keys

ENVELOPE_BYTES = 1536
STRIPE_BYTES = 64 * 1024
NONCE_BYTES = 12
SLOTS = (512, 1024)

_VERSION = 1
_FRONT = Struct("<8sII16s")
_SLOT = Struct("<8s12s48s")
_CHECKSUM = Struct("<I")
_SLOT_BYTES = _SLOT.size + _CHECKSUM.size


class Envelope(NamedTuple):
    """What the front of an encrypted file says.

    Attributes:
        front: what is authenticated with its key.
        key: the file's own key.
        key_ids: of the operator's keys that it is wrapped under, in each sound slot.
        sound: where these slots are.
    """

    front: bytes
    key: bytes
    key_ids: tuple[bytes, ...]
    sound: tuple[int, ...] = SLOTS

    @property
    def cipher(self) -> AESGCM:
        """What the file is encrypted with."""
        return AESGCM(self.key)


def make_envelope(key: Key) -> tuple[Envelope, bytes]:
    """Return an envelope with a new key, and its bytes."""
    front = _FRONT.pack(ENCRYPTED_MAGIC, _VERSION, STRIPE_BYTES, os.urandom(16))
    envelope = Envelope(front, os.urandom(KEY_BYTES), (key.id, key.id))
    data = bytearray(ENVELOPE_BYTES)
    begin = front + _CHECKSUM.pack(crc32(front))
    data[: len(begin)] = begin
    slot = make_slot(envelope, key)
    for place in SLOTS:
        data[place : place + len(slot)] = slot
    return envelope, bytes(data)


def make_slot(envelope: Envelope, key: Key) -> bytes:
    """Return a slot with a file's key under one of the operator's."""
    nonce = os.urandom(NONCE_BYTES)
    wrapped = key.cipher.encrypt(nonce, envelope.key, envelope.front)
    slot = _SLOT.pack(key.id, nonce, wrapped)
    return slot + _CHECKSUM.pack(crc32(slot))


def open_envelope(data: bytes, path: Path, keys: Keys) -> Envelope:
    """Take a file's key out of its envelope.

    Raises:
        WrongKeyError: it is under no key of the key file.
        NewerFormatError: it is of a newer program.
        EnvelopeError: it is damaged.
    """
    front = data[: _FRONT.size]
    version = int.from_bytes(data[8:12], "little")
    if version > _VERSION:
        raise NewerFormatError(
            f"{path}: encrypted in format version {version}, and this program knows "
            f"versions up to {_VERSION}; open the log with the newer program"
        )
    checksum = data[_FRONT.size : _FRONT.size + _CHECKSUM.size]
    slots = _sound_slots(data)
    if checksum != _CHECKSUM.pack(crc32(front)) or not slots:
        raise _damaged(path)
    key_ids = tuple(key_id for key_id, _, _ in slots.values())
    for key_id, nonce, wrapped in slots.values():
        key = keys.find(key_id)
        if key is not None:
            try:
                own = key.cipher.decrypt(nonce, wrapped, front)
            except InvalidTag:
                raise _damaged(path) from None
            return Envelope(front, own, key_ids, tuple(slots))
    raise WrongKeyError(
        f"{path}: encrypted under the key {key_ids[0].hex()}, and {keys.path} has no "
        f"such key: its first is {keys.current.id.hex()}"
    )


def _sound_slots(data: bytes) -> dict[int, tuple[bytes, bytes, bytes]]:
    slots = {}
    for place in SLOTS:
        slot = data[place : place + _SLOT_BYTES]
        body = slot[: _SLOT.size]
        if len(slot) == _SLOT_BYTES and slot[_SLOT.size :] == _CHECKSUM.pack(
            crc32(body)
        ):
            slots[place] = _SLOT.unpack(body)
    return slots


def _damaged(path: Path) -> EnvelopeError:
    return EnvelopeError(
        f"{path}: the front of the encrypted file is damaged, and with it the file's "
        "key: bring it back from a backup or an archive"
    )
