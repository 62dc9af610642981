"""Payloads of records, encoded so that they are as long as others were.

msgpack has longer forms of most things, which mean the same. A record that has become
shorter is filled up with these, or where more is missing by a field of its note.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import msgpack

from joblog.storage.record import record_packer
from joblog.storage.redaction import CUT_FIELD

_pack = record_packer()
_SHORT_ARRAY_MAX = 0xFFFF
_ARRAY_SIZES = {1: 15, 3: _SHORT_ARRAY_MAX, 5: 0xFFFFFFFF}
"""How long the heads of arrays are, and for how many items at most."""


def encode_as_long(parts: list[Any], length: int) -> bytes:
    """Return the payload of a record, filled up to a length.

    Args:
        parts: the six parts of a record.
        length: how long it has to be; the shortest form of the record is no longer.

    Raises:
        ValueError: there is no such form.
    """
    plain = _pack(parts)
    if len(plain) == length:
        return plain
    filled = _pack([*parts[:5], _with_cut(parts[5])])
    if len(filled) <= length:
        return filled[:-1] + _filler(length - len(filled) + 1)
    return _widen(parts, length - len(plain))


def _with_cut(wire: Any) -> list[Any]:
    """Return an origin whose note ends with the field that can be filled."""
    client_id, command, note = (wire, None, None) if isinstance(wire, int) else wire
    return [client_id, command, {**(note or {}), CUT_FIELD: None}]


def _filler(size: int) -> bytes:
    """Return one msgpack object of so many bytes that says nothing."""
    if size == 1:
        return b"\xc0"
    if size <= 2 + 0xFF:
        return b"\xc4" + (size - 2).to_bytes(1, "big") + bytes(size - 2)
    if size <= 3 + 0xFFFF:
        return b"\xc5" + (size - 3).to_bytes(2, "big") + bytes(size - 3)
    return b"\xc6" + (size - 5).to_bytes(4, "big") + bytes(size - 5)


def _widen(parts: list[Any], missing: int) -> bytes:
    """Return a record's payload with a few bytes more than its shortest form."""
    seq, synced_seq, at_ms, db, effects, wire = parts
    client_id, *rest = (wire,) if isinstance(wire, int) else wire
    head = b"\x96" + b"".join(map(_pack, (seq, synced_seq, at_ms)))
    body = b"".join(map(_pack, effects))
    for growth in product(
        _int_growth(db), _array_growth(len(effects)), _int_growth(client_id)
    ):
        if sum(growth) != missing:
            continue
        data = b"".join(
            (
                head,
                _int(db, growth[0]),
                _array_head(len(effects), growth[1]),
                body,
                b"\x93" if rest else b"",
                _int(client_id, growth[2]),
                *map(_pack, rest),
            )
        )
        assert msgpack.unpackb(data, unicode_errors="surrogateescape") == parts
        return data
    raise ValueError(f"no form of record {seq} is {missing} bytes longer")


def _int_growth(value: int) -> list[int]:
    """Return by how many bytes the form of a number can grow."""
    plain = len(_pack(value))
    return [0, *(width - plain for width in (2, 3, 5, 9) if width > plain)]


def _int(value: int, growth: int) -> bytes:
    plain = _pack(value)
    if not growth:
        return plain
    width = len(plain) + growth - 1
    head = {1: b"\xcc", 2: b"\xcd", 4: b"\xce", 8: b"\xcf"}[width]
    return head + value.to_bytes(width, "big")


def _array_growth(count: int) -> list[int]:
    plain = _array_size(count)
    return [size - plain for size in _ARRAY_SIZES if size >= plain]


def _array_size(count: int) -> int:
    return next(size for size, most in _ARRAY_SIZES.items() if count <= most)


def _array_head(count: int, growth: int) -> bytes:
    size = _array_size(count) + growth
    if size == 1:
        return bytes((0x90 | count,))
    head = b"\xdc" if _ARRAY_SIZES[size] == _SHORT_ARRAY_MAX else b"\xdd"
    return head + count.to_bytes(size - 1, "big")
