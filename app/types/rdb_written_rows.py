"""Keys of an RDB file that follow each other, written in rows.

What a queue consists of, strings and small collections, is put together here without a
call for each word; what lies packed (see `packed_values`) is not opened: the words in
it get other heads, and are the same otherwise. All else is `rdb_values`'s.

    kind | key | value             see `rdb_values` and `rdb_strings`
    0xfc | ms (8) | kind ...       with a deadline

What is written so is read again by `rdb_rows`.
"""

from __future__ import annotations

from typing import Any, Final

from joblog.app.types.lists import List
from joblog.app.types.packed_values import Packed
from joblog.app.types.rdb_strings import encode_length, encode_short_string
from joblog.app.types.rdb_values import encode_value

_DEADLINE_MS: Final = b"\xfc"
_STRING: Final = 0
_LIST: Final = 1
_SET: Final = 2
_HASH: Final = 4
_SORTED_SET: Final = 5
_NINE: Final = ord("9")
_INTEGER_DIGITS: Final = 11
_FEW: Final = 500
_HEADS: Final = [encode_length(size) for size in range(4096)]
"""Of words by their length, of collections by their size; of kinds, a byte each."""


def write_rows(
    keys: list[bytes],
    values: list[Any],
    deadlines: dict[bytes, int],
    *,
    is_for_redis: bool,
) -> tuple[bytes, int]:
    """Return keys with their values and deadlines, one behind the other.

    Args:
        keys: the keys.
        values: of each key its value, as a database holds it.
        deadlines: of some keys, and maybe of others, ms since the epoch.
        is_for_redis: whether deadlines of hash fields are for Redis, not for Valkey.

    Returns:
        What is to be written, and the lowest RDB version that knows it.
    """
    parts: list[bytes] = []
    version = 0
    for at in range(len(keys)):
        key, value = keys[at], values[at]
        if deadlines:
            deadline_ms = deadlines.get(key)
            if deadline_ms is not None:
                parts.append(_DEADLINE_MS)
                parts.append(max(deadline_ms, 0).to_bytes(8, "little"))
        kind = type(value)
        if kind is bytes:
            parts.append(_HEADS[_STRING])
            _add(parts, key)
            _add_string(parts, value)
        elif kind is Packed:
            _add_packed(parts, key, value)
        elif kind is List and len(value) <= _FEW:
            parts.append(_HEADS[_LIST])
            _add(parts, key)
            parts.append(_HEADS[len(value)])
            for word in value:
                _add(parts, word)
        else:
            body, needed = encode_value(value, is_for_redis=is_for_redis)
            version = max(version, needed)
            parts.append(body[:1])
            _add(parts, key)
            parts.append(body[1:])
    return b"".join(parts), version


def _add(parts: list[bytes], word: bytes) -> None:
    size = len(word)
    parts.append(_HEADS[size] if size < 4096 else encode_length(size))  # noqa: PLR2004 - as many heads
    parts.append(word)


def _add_string(parts: list[bytes], value: bytes) -> None:
    """Add the value of a string: a short number is written as such."""
    if 0 < len(value) <= _INTEGER_DIGITS and value[0] <= _NINE:
        parts.append(encode_short_string(value))
    else:
        _add(parts, value)


def _add_packed(parts: list[bytes], key: bytes, packed: bytes) -> None:
    """Add a collection that lies packed: see `packed_values`."""
    first = packed[0]
    at = 0
    kind = _LIST
    if first >> 4 == 0x8 or first == 0xDE:  # noqa: PLR2004 - a map
        kind = _HASH
    elif first == 0x91:  # noqa: PLR2004 - an array of one
        second = packed[1]
        if second >> 4 == 0x8 or second == 0xDE:  # noqa: PLR2004 - a map
            kind, at = _SORTED_SET, 1
        elif second >> 4 == 0x9 or second == 0xDC:  # noqa: PLR2004 - an array
            kind, at = _SET, 1
    count = packed[at] & 15
    if packed[at] >= 0xDC:  # noqa: PLR2004 - its size is in the next two bytes
        count = packed[at + 1] << 8 | packed[at + 2]
        at += 2
    at += 1
    parts.append(_HEADS[kind])
    _add(parts, key)
    parts.append(_HEADS[count])
    if kind == _SORTED_SET:
        _add_scores(parts, packed, at, count)
        return
    for _ in range(2 * count if kind == _HASH else count):
        at = _add_word(parts, packed, at)
    assert at == len(packed)


def _add_word(parts: list[bytes], packed: bytes, at: int) -> int:
    """Add a word that lies packed, and return the place behind it."""
    head = packed[at]
    at += 1
    if head >> 5 == 0x5:  # noqa: PLR2004 - three bits of kind, five of length
        size = head & 31
    else:
        assert head == 0xDA  # noqa: PLR2004 - its size is in the next two bytes
        size = packed[at] << 8 | packed[at + 1]
        at += 2
    end = at + size
    parts.append(_HEADS[size] if size < 4096 else encode_length(size))  # noqa: PLR2004 - as many heads
    parts.append(packed[at:end])
    return end


def _add_scores(parts: list[bytes], packed: bytes, at: int, count: int) -> None:
    """Add members, each with its score: a double, high byte first there."""
    for _ in range(count):
        at = _add_word(parts, packed, at) + 1
        parts.append(packed[at : at + 8][::-1])
        at += 8
    assert at == len(packed)
