"""DUMP payloads written by hand: what old servers wrote, and what nobody should.

payload(b"\\x00" + b"\\x01a")       a string "a", with a right footer
"""

from __future__ import annotations

from joblog.app.types.crc64 import crc64
from joblog.app.types.rdb_strings import encode_length, encode_rdb_string


def payload(body, version=9):
    """Return a payload with a right checksum: a kind and a value, then the footer."""
    body += version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def string(text):
    return encode_rdb_string(text)


def strings(*texts):
    return encode_length(len(texts)) + b"".join(map(string, texts))


def ziplist(*entries):
    """Return a ziplist; entries are strings, or (head, data) of an integer."""
    body, last, before = b"", 10, 0
    for entry in entries:
        last = 10 + len(body)
        size = (
            bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
        )
        data = size + (_ziplist_text(entry) if isinstance(entry, bytes) else entry[0])
        body += data
        before = len(data)
    total = 10 + len(body) + 1
    head = total.to_bytes(4, "little") + last.to_bytes(4, "little")
    return head + len(entries).to_bytes(2, "little") + body + b"\xff"


def _ziplist_text(text):
    if len(text) < 64:
        return bytes([len(text)]) + text
    if len(text) < 1 << 14:
        return (0x4000 | len(text)).to_bytes(2, "big") + text
    return b"\x80" + len(text).to_bytes(4, "big") + text


ZIPLIST_INTEGERS = [
    (b"\xc0\x00\x80",),
    (b"\xd0\x00\x00\x00\x80",),
    (b"\xe0" + b"\x00" * 7 + b"\x80",),
    (b"\xf0\x00\x00\x80",),
    (b"\xfe\x80",),
    (b"\xf1",),
    (b"\xfd",),
]
"""Every encoding of an integer in a ziplist, each once."""


def zipmap(*pairs, unused=0):
    """Return a zipmap, whose values have unused bytes behind them."""
    body = b""
    for key, value in pairs:
        body += _zipmap_size(key) + key + _zipmap_size(value) + bytes([unused]) + value
        body += b"\0" * unused
    return bytes([min(len(pairs), 254)]) + body + b"\xff"


def _zipmap_size(text):
    size = len(text)
    return bytes([size]) if size < 254 else b"\xfe" + size.to_bytes(4, "little")


def printed_score(text):
    return bytes([len(text)]) + text
