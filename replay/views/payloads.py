"""Payloads: what bytes hold, where they are JSON, msgpack or a pickle.

Nothing is ever run or made of what a payload names: pickles are read by
`joblog.replay.jobs.pickles`.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgpack

from joblog.replay.jobs.pickles import Made, PickleError, read_pickle
from joblog.replay.keys.values import elements
from joblog.replay.output.texts import json_text

if TYPE_CHECKING:
    from joblog.replay.keys.values import Version

BYTES_MAX = 1 << 20
"""Longer ones are not looked into."""

_ELEMENTS_MAX = 100
_DEPTH_MAX = 20
_BROKEN = (ValueError, TypeError, LookupError, RecursionError, msgpack.UnpackException)
_MSGPACK_MAPS = frozenset((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))
_PICKLE = b"\x80"
_ZLIB = frozenset((0x78,))


def decode_payload(data: bytes) -> dict[str, Any] | None:
    """Return what a byte string holds, as `{"format", "value"}`; None for a plain text.

    What is compressed by zlib, as RQ does, is unpacked before: up to `BYTES_MAX`.
    """
    if not 2 <= len(data) <= BYTES_MAX:  # noqa: PLR2004 - the shortest that is no number
        return None
    if data[0] in _ZLIB:
        with suppress(zlib.error):
            unpacker = zlib.decompressobj()
            inner = unpacker.decompress(data, BYTES_MAX)
            found = decode_payload(inner)
            if found is not None:
                return {**found, "format": f"zlib, {found['format']}"}
    for name, fits, read in _FORMATS:
        if not fits(data):
            continue
        with suppress(*_BROKEN):
            return {"format": name, "value": plain(read(data))}
    return None


def _read_msgpack(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False, raw=True)


_FORMATS = (
    ("json", lambda data: data[:1] in {b"{", b"["}, json.loads),
    ("pickle", lambda data: data.startswith(_PICKLE), read_pickle),
    ("msgpack", lambda data: data[0] in _MSGPACK_MAPS, _read_msgpack),
)
assert issubclass(PickleError, ValueError)


def plain(value: Any, depth: int = 0) -> Any:
    """Return a decoded value as JSON has it; an object of a pickle by its name."""
    if depth > _DEPTH_MAX:
        return "…"
    match value:
        case bytes():
            return json_text(value)
        case Made():
            made = [plain(each, depth + 1) for each in value.arguments]
            return {f"{value.name}()": made}
        case dict():
            return {
                str(plain(key, depth + 1)): plain(each, depth + 1)
                for key, each in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [plain(each, depth + 1) for each in value]
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else str(value)
        case _:
            return str(value)


def decode_elements(version: Version) -> list[dict[str, Any]]:
    """Return those elements of a value that hold more than a text, decoded."""
    found: list[dict[str, Any]] = []
    for place, content in islice(elements(version), _ELEMENTS_MAX):
        data = content
        if version.kind in {"set", "zset"} and isinstance(place, bytes):
            data = place
        decoded = decode_payload(data) if data else None
        if decoded is not None:
            name = json_text(place) if isinstance(place, bytes) else place
            found.append({"place": name, **decoded})
    return found
