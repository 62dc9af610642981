"""Small keys of an RDB file that follow each other, read in rows.

What a queue consists of, strings and small collections, is read here without a step
between two keys, and what the log is to say of each is made at once. Whatever else
comes, a large value, a stream, a module's, damage, is left where it begins:
`joblog.app.history.rdb_items` reads it, or says what is wrong with it.

    kind | key | value             see `rdb_values` and `rdb_strings`
    0xfc | ms (8) | kind ...       with a deadline
"""

from __future__ import annotations

import struct
from typing import Any, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double, parse_double
from joblog.app.types.packed_values import (
    pack_elements,
    pack_fields,
    pack_members,
    pack_scores,
)
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.ziplist import decode_intset, decode_ziplist

ROWS_MAX: Final = 128
WINDOW_BYTES: Final = 1 << 18
"""Of so many bytes at a time; a key that does not fit is not small."""

_DEADLINE_MS: Final = 0xFC
_STRING: Final = 0
_PLAIN_LIST: Final = 1
_PLAIN_SET: Final = 2
_PLAIN_HASH: Final = 4
_PLAIN_SORTED_SET: Final = 5
_ZIPLIST: Final = 10
_INTSET: Final = 11
_ZIPLIST_SORTED_SET: Final = 12
_ZIPLIST_HASH: Final = 13
_ZIPLISTS: Final = 14
_LISTPACK_HASH: Final = 16
_LISTPACK_SORTED_SET: Final = 17
_LISTPACKS: Final = 18
_LISTPACK_SET: Final = 20
_PACKED_NODE: Final = 2

_WORDS_MAX: Final = 1000
_PACK_BYTES_MAX: Final = 16 * 1024
_UNPACKED_MAX: Final = 2048
_COMPRESSED: Final = 0xC3
_LONG: Final = 0x80
_NOT_HERE: Final = (b"", -1)
_DOUBLE: Final = struct.Struct("<d")
_SMALL: Final = [b"%d" % number for number in range(128)]
_NO_WORDS: Final[list[bytes]] = []

Row = tuple[bytes, Any, int, list[bytes]]
"""A key, its value as a database holds it, its deadline or -1, and the command."""


def read_rows(data: bytes, at: int) -> tuple[list[Row], int]:
    """Read small keys, as many as follow each other.

    Args:
        data: a part of a file.
        at: where a key begins, or its deadline.

    Returns:
        The keys, and where that begins which is none of them.
    """
    rows: list[Row] = []
    begun = at
    deadline_ms = -1
    try:
        while len(rows) < ROWS_MAX:
            kind = data[at]
            if kind == _DEADLINE_MS and deadline_ms < 0:
                if at + 9 > len(data):
                    break
                deadline_ms = int.from_bytes(data[at + 1 : at + 9], "little")
                if deadline_ms >> 63:
                    break
                at += 9
                continue
            if kind > _LISTPACK_SET:
                break
            key, at = _word(data, at + 1)
            if at < 0:
                break
            value, at, argv = _read_value(data, at, kind, key)
            if at < 0:
                break
            rows.append((key, value, deadline_ms, argv))
            begun = at
            deadline_ms = -1
    except (IndexError, ValueError):
        pass  # it is not whole, or damaged: not here
    return rows, begun


def _read_value(
    data: bytes, at: int, kind: int, key: bytes
) -> tuple[Any, int, list[bytes]]:
    """Return a value, the place behind it, or -1, and the command that makes it."""
    if kind == _STRING:
        text, at = _word(data, at)
        return text, at, [b"SET", key, text]
    words, at = _words(data, at, kind)
    if at < 0 or not words:
        return None, -1, words
    if kind in (_LISTPACK_HASH, _ZIPLIST_HASH, _PLAIN_HASH):
        if len(words) % 2:
            return None, -1, words
        fields = dict(zip(words[::2], words[1::2], strict=True))
        if len(fields) * 2 != len(words):
            return None, -1, words
        return pack_fields(fields) or Hash(fields), at, [b"HSET", key, *words]
    if kind in (_LISTPACKS, _ZIPLISTS, _ZIPLIST, _PLAIN_LIST):
        return pack_elements(words) or List(words), at, [b"RPUSH", key, *words]
    if kind in (_LISTPACK_SET, _INTSET, _PLAIN_SET):
        if len(set(words)) != len(words):
            return None, -1, words
        return pack_members(words) or Set(words), at, [b"SADD", key, *words]
    return _sorted_set(words, at, key)


def _sorted_set(
    words: list[bytes], at: int, key: bytes
) -> tuple[Any, int, list[bytes]]:
    """Return a sorted set of members and printed scores, in turn."""
    argv = [b"ZADD", key]
    scores: dict[bytes, float] = {}
    for place in range(0, len(words) - 1, 2):
        score = parse_double(words[place + 1])
        if score is None:
            return None, -1, words
        scores[words[place]] = score
        argv.append(format_double(score))
        argv.append(words[place])
    if len(scores) * 2 != len(words):
        return None, -1, words
    packed = pack_scores(scores)
    if packed is not None:
        return packed, at, argv
    return SortedSet([(score, member) for member, score in scores.items()]), at, argv


def _words(data: bytes, at: int, kind: int) -> tuple[list[bytes], int]:
    """Return the words of a small collection, and the place behind it, or -1."""
    if kind in (_PLAIN_LIST, _PLAIN_SET, _PLAIN_HASH):
        return _plain_words(data, at, 2 if kind == _PLAIN_HASH else 1)
    if kind == _PLAIN_SORTED_SET:
        return _plain_scores(data, at)
    if kind in (_LISTPACKS, _ZIPLISTS):
        # Of one node, which is not a long element by itself.
        if data[at] != 1:
            return _NO_WORDS, -1
        at += 1
        if kind == _LISTPACKS:
            if data[at] != _PACKED_NODE:
                return _NO_WORDS, -1
            at += 1
    pack, at = _word(data, at)
    if at < 0 or len(pack) > _PACK_BYTES_MAX:
        return _NO_WORDS, -1
    if kind in (_LISTPACK_HASH, _LISTPACKS, _LISTPACK_SORTED_SET, _LISTPACK_SET):
        words = _entries(pack)
    elif kind == _INTSET:
        words = decode_intset(pack)
    elif kind in (_ZIPLIST_HASH, _ZIPLISTS, _ZIPLIST_SORTED_SET, _ZIPLIST):
        words = decode_ziplist(pack)
    else:
        return _NO_WORDS, -1
    return words, at


def _plain_words(data: bytes, at: int, each: int) -> tuple[list[bytes], int]:
    count, at = _length(data, at)
    count *= each
    if at < 0 or count > _WORDS_MAX:
        return _NO_WORDS, -1
    words: list[bytes] = []
    for _ in range(count):
        word, at = _word(data, at)
        if at < 0:
            return _NO_WORDS, -1
        words.append(word)
    return words, at


def _plain_scores(data: bytes, at: int) -> tuple[list[bytes], int]:
    count, at = _length(data, at)
    if at < 0 or count > _WORDS_MAX:
        return _NO_WORDS, -1
    words: list[bytes] = []
    for _ in range(count):
        word, at = _word(data, at)
        if at < 0 or at + 8 > len(data):
            return _NO_WORDS, -1
        score: float = _DOUBLE.unpack(data[at : at + 8])[0]
        at += 8
        words.append(word)
        words.append(format_double(score))
    return words, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a length and the place behind it, or -1."""
    head = data[at]
    if head < 0x40:  # noqa: PLR2004 - two bits of kind, six of length
        return head, at + 1
    if head < _LONG:
        return (head & 63) << 8 | data[at + 1], at + 2
    if head == _LONG and at + 5 <= len(data):
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    return 0, -1


def _word(data: bytes, at: int) -> tuple[bytes, int]:
    """Return a string and the place behind it, or -1."""
    head = data[at]
    if head < 0x40:  # noqa: PLR2004 - two bits of kind, six of length
        at += 1
        end = at + head
    elif head < _LONG:
        end = ((head & 63) << 8 | data[at + 1]) + at + 2
        at += 2
    elif head == _COMPRESSED:
        return _compressed_word(data, at + 1)
    elif head == _LONG:
        size, at = _length(data, at)
        end = at + size
    elif head < _COMPRESSED and head >= 0xC0:  # noqa: PLR2004 - integers of 1, 2, 4
        end = at + 1 + (1 << (head & 3))
        if end > len(data):
            return _NOT_HERE
        number = int.from_bytes(data[at + 1 : end], "little", signed=True)
        return b"%d" % number, end
    else:
        return _NOT_HERE
    if at < 0 or end > len(data):
        return _NOT_HERE
    return data[at:end], end


def _compressed_word(data: bytes, at: int) -> tuple[bytes, int]:
    packed_size, at = _length(data, at)
    if at < 0:
        return _NOT_HERE
    size, at = _length(data, at)
    end = at + packed_size
    if at < 0 or size > _UNPACKED_MAX or end > len(data):
        return _NOT_HERE
    text = _unpacked(data, at, end)
    return (text, end) if len(text) == size else _NOT_HERE


def _unpacked(data: bytes, at: int, end: int) -> bytes:
    """Undo LZF; b"" where it is damaged. See `rdb_strings`."""
    out = b""
    while at < end:
        control = data[at]
        at += 1
        if control < 32:  # noqa: PLR2004 - five bits of count
            stop = at + control + 1
            out += data[at:stop]
            at = stop
            continue
        count = (control >> 5) + 2
        if count == 9:  # noqa: PLR2004 - three bits of count, all set
            count += data[at]
            at += 1
        start = len(out) - ((control & 31) << 8 | data[at]) - 1
        at += 1
        if start < 0 or len(out) > _UNPACKED_MAX:
            return b""
        copied = out[start : start + count]
        if len(copied) < count:
            # What is copied overlaps what is written: it repeats.
            copied = (copied * (count // len(copied) + 1))[:count]
        out += copied
    return out if at == end else b""


def _entries(pack: bytes) -> list[bytes]:
    """Return the entries of a listpack, [] where it is damaged. See `listpack`."""
    end = len(pack) - 1
    if int.from_bytes(pack[:4], "little") != end + 1 or pack[end] != 0xFF:  # noqa: PLR2004 - the mark of the end
        return _NO_WORDS
    entries: list[bytes] = []
    at = 6
    while at < end:
        head = pack[at]
        if head < 0x80:  # noqa: PLR2004 - an integer of seven bits
            entries.append(_SMALL[head])
            if pack[at + 1] != 1:
                return _NO_WORDS
            at += 2
        elif head < 0xC0:  # noqa: PLR2004 - two bits of kind, six of length
            stop = at + 1 + (head & 63)
            entries.append(pack[at + 1 : stop])
            if pack[stop] != stop - at:
                return _NO_WORDS
            at = stop + 1
        else:
            entry, stop = _long_entry(pack, at, head)
            if stop < 0:
                return _NO_WORDS
            entries.append(entry)
            at = stop
    count = pack[4] | pack[5] << 8
    return entries if at == end and count == len(entries) else _NO_WORDS


def _long_entry(pack: bytes, at: int, head: int) -> tuple[bytes, int]:
    """Return an entry that has more than a byte of head, and the place behind it."""
    if head < 0xE0:  # noqa: PLR2004 - three bits of kind, five of value
        number = (head & 31) << 8 | pack[at + 1]
        entry = b"%d" % (number - 8192 if number >> 12 else number)
        stop = at + 2
    elif head < 0xF0:  # noqa: PLR2004 - four bits of kind, four of length
        stop = at + 2 + ((head & 15) << 8 | pack[at + 1])
        entry = pack[at + 2 : stop]
    elif 0xF1 <= head <= 0xF4:  # noqa: PLR2004 - integers of 2, 3, 4 and 8 bytes
        stop = at + (9 if head == 0xF4 else head - 0xEE)  # noqa: PLR2004 - as above
        entry = b"%d" % int.from_bytes(pack[at + 1 : stop], "little", signed=True)
    else:
        return _NOT_HERE
    size = stop - at
    if size < 0x80:  # noqa: PLR2004 - seven bits of size in a byte
        return (entry, stop + 1) if pack[stop] == size else _NOT_HERE
    is_told = pack[stop] == size >> 7 and pack[stop + 1] == (size & 127 | 0x80)
    return (entry, stop + 2) if is_told else _NOT_HERE
