"""Payloads: what bytes hold: JSON, msgpack, a pickle, or a message by its descriptor.

Nothing is ever run or made of what a payload names: pickles are read by
`joblog.replay.jobs.pickles`, messages by `joblog.replay.views.protobufs`.
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
from joblog.replay.views.protobufs import load_descriptor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.keys.values import Version

BYTES_MAX = 1 << 20
"""Longer ones are not looked into."""

_ELEMENTS_MAX = 100
_WRAPS_MAX = 3
"""So often is unpacked what was packed."""
_DEPTH_MAX = 20
_BROKEN = (ValueError, TypeError, LookupError, RecursionError, msgpack.UnpackException)
_MSGPACK_MAPS = frozenset((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))
_PICKLE = b"\x80"
_ZLIB = frozenset((0x78,))


class Payloads:
    """Decodes what bytes hold."""

    def __init__(self, descriptors: Sequence[str] = ()) -> None:
        """Load the descriptors.

        Args:
            descriptors: messages of Protocol Buffers, as `FILE:MESSAGE`.

        Raises:
            SchemaError: there is no such file or message.
        """
        self._messages = [load_descriptor(told) for told in descriptors]

    def decode(self, data: bytes, depth: int = 0) -> dict[str, Any] | None:
        """Return what a byte string holds, as `{"format", "value"}`.

        What is compressed by zlib, as RQ does, is unpacked before: up to `BYTES_MAX`.

        Returns:
            None for a plain text, and for what nobody knows.
        """
        if not 2 <= len(data) <= BYTES_MAX:  # noqa: PLR2004 - the shortest that is no number
            return None
        if data[0] in _ZLIB and depth < _WRAPS_MAX:
            with suppress(zlib.error):
                unpacker = zlib.decompressobj()
                inner = unpacker.decompress(data, BYTES_MAX)
                found = self.decode(inner, depth + 1)
                if found is not None:
                    return {**found, "format": f"zlib, {found['format']}"}
        for name, read in self._messages if depth < _WRAPS_MAX else ():
            with suppress(*_BROKEN):
                value = self._plain(read(data), depth)
                return {"format": f"protobuf {name}", "value": value}
        for name, fits, read in _FORMATS:
            if not fits(data):
                continue
            with suppress(*_BROKEN):
                return {"format": name, "value": plain(read(data))}
        return None

    def _plain(self, value: Any, depth: int) -> Any:
        """Return a message as JSON has it; what its bytes hold is decoded, too."""
        match value:
            case bytes():
                return self.decode(value, depth + 1) or json_text(value)
            case dict():
                told = value.items()
                return {str(key): self._plain(each, depth) for key, each in told}
            case list():
                return [self._plain(each, depth) for each in value]
            case _:
                return plain(value)

    def elements(self, version: Version) -> list[dict[str, Any]]:
        """Return those elements of a value that hold more than a text, decoded."""
        found: list[dict[str, Any]] = []
        for place, content in islice(elements(version), _ELEMENTS_MAX):
            data = content
            if version.kind in {"set", "zset"} and isinstance(place, bytes):
                data = place
            decoded = self.decode(data) if data else None
            if decoded is not None:
                name = json_text(place) if isinstance(place, bytes) else place
                found.append({"place": name, **decoded})
        return found


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
