"""Small hashes that nobody asks for, packed: a third of the memory that a table takes.

A job's hash of five fields takes 985 bytes as a dictionary and 310 packed, key
included. What is packed is a msgpack map of fields and values, in the order in which
they came; it has no deadlines, and no HSCAN is under way. A database opens it when
somebody asks for the key, and `joblog.app.keyspace.packing` packs it again later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgpack

from joblog.app.types.hashes import Hash

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKED_FIELDS_MAX: Final = 64
_PACKED_BYTES_MAX: Final = 8192

# Of a map of up to 15 fields the first byte has their number, else the next two do.
_FEW: Final = 0x80
_FEW_MASK: Final = 0x0F
_MANY: Final = 0xDE

# The old form of msgpack has one byte before a short value where the new one has two.
_pack: Final = msgpack.Packer(use_bin_type=False).pack


class PackedHash(bytes):
    """A hash that lies packed; it does not change."""

    __slots__ = ()

    def count(self) -> int:  # type: ignore[override]  # nobody counts bytes in it
        """Return the number of fields. O(1)."""
        first = self[0]
        if first == _MANY:
            return int.from_bytes(self[1:3], "big")
        return first & _FEW_MASK


def pack_fields(fields: Mapping[bytes, bytes]) -> PackedHash | None:
    """Return fields and their values packed, or None where they are too large. O(N)."""
    if len(fields) > PACKED_FIELDS_MAX:
        return None
    packed = _pack(fields)
    return PackedHash(packed) if len(packed) <= _PACKED_BYTES_MAX else None


def pack_hash(table: Hash) -> PackedHash | None:
    """Return a hash packed, or None where it has more than packing keeps. O(N)."""
    if table.deadlines is not None or table.scan_index is not None:
        return None
    return pack_fields(table)


def open_hash(packed: PackedHash) -> Hash:
    """Return the hash that was packed. O(N)."""
    return Hash(fields_of(packed))


def fields_of(packed: PackedHash) -> dict[bytes, bytes]:
    """Return the fields and values of a packed hash, in order. O(N)."""
    fields = msgpack.unpackb(packed, raw=True, strict_map_key=False)
    return cast("dict[bytes, bytes]", fields)


def opened(value: Any) -> Any:
    """Return a value of any type as one can look at it: a packed hash as a hash."""
    return open_hash(value) if type(value) is PackedHash else value
