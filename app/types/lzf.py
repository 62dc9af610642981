"""LZF: how short it makes a string.

    000nnnnn  byte ...              n + 1 bytes as they are
    nnnooooo  oooooooo              n + 2 bytes that came o + 1 bytes before, n up to 6
    111ooooo  nnnnnnnn  oooooooo    n + 9 of them

A table of hashes of three bytes each says where they came last. Only the length is
worked out: nothing is stored so here. To read it, see `rdb_strings`.

Source: liblzf 3.6 with Redis's choices (64 Ki hashes, `VERY_FAST`).
"""

from __future__ import annotations

from typing import Final

_LITERAL_MAX: Final = 32
_OFFSET_MAX: Final = 8192
_REFERENCE_MAX: Final = 264
_SHORT_REFERENCE: Final = 7
_UNLOOKED: Final = 16
_SLOTS_MASK: Final = 0xFFFF
_MARGIN: Final = 4
"""So many bytes the result has to be shorter, and so many are left behind an entry."""


def compressed_length(data: bytes) -> int | None:
    """Return the length that is left, or None where too little would be saved."""
    size = len(data)
    room = size - _MARGIN
    last: dict[int, int] = {}
    at, literals, out = 0, 0, 1
    while at < size - 2:
        slot = _slot(data, at)
        before = last.get(slot, 0)
        last[slot] = at
        offset = at - before - 1
        if not (
            before > 0
            and offset < _OFFSET_MAX
            and data[before : before + 3] == data[at : at + 3]
        ):
            if out >= room:
                return None
            at, out, literals = at + 1, out + 1, literals + 1
            if literals == _LITERAL_MAX:
                out, literals = out + 1, 0
            continue
        if out - (not literals) + _MARGIN >= room:
            return None
        length = _common_length(data, before, at)
        out += 2 + (length - 2 >= _SHORT_REFERENCE) + (literals > 0)
        literals = 0
        at += length
        if at >= size - 2:
            break
        last[_slot(data, at - 2)] = at - 2
        last[_slot(data, at - 1)] = at - 1
    return _end(size - at, literals, out, room)


def _slot(data: bytes, at: int) -> int:
    hashed = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
    return ((hashed >> 8) - hashed * 5) & _SLOTS_MASK


def _common_length(data: bytes, before: int, at: int) -> int:
    """Return how many bytes at a place came before; three do for sure.

    The first bytes are compared with no look at the end, as there is room for them.
    """
    most = min(len(data) - at - 2, _REFERENCE_MAX)
    length = 2
    if most > _UNLOOKED:
        for _ in range(_UNLOOKED):
            length += 1
            if data[before + length] != data[at + length]:
                return length
    length += 1
    while length < most and data[before + length] == data[at + length]:
        length += 1
    return length


def _end(rest: int, literals: int, out: int, room: int) -> int | None:
    """Return the length with the last bytes, which are as they are."""
    if out + 3 > room:
        return None
    for _ in range(rest):
        out, literals = out + 1, literals + 1
        if literals == _LITERAL_MAX:
            out, literals = out + 1, 0
    return out - (not literals)
