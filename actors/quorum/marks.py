"""Marks: it is noted in the data folder how far the stream was.

A stream that has less later, or another message there, has lost something.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.actors.quorum.parcels import Parcel

MARK: Final = "log-store.json"
"""How far the stream was, in the data folder: less than that it may never have."""

_NOTED: Final = (
    *("stream", "message", "epoch", "first_seq", "offset", "last_seq", "digest"),
)


def read_mark(path: Path, stream: str) -> dict[str, Any] | None:
    """Return what was noted of a stream; None where nothing was.

    Raises:
        StorageError: it is not readable.
    """
    try:
        noted: dict[str, Any] = json.loads(path.read_bytes())
        is_whole = all(noted[name] is not None for name in _NOTED)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path}: not readable ({error!r}); remove it, and the whole stream is read"
        ) from error
    return noted if is_whole and noted["stream"] == stream else None


def encode_mark(stream: str, number: int, parcel: Parcel) -> bytes:
    """Return what is noted of a message that the stream has acknowledged."""
    fields = {
        "stream": stream,
        "message": number,
        "epoch": parcel.epoch,
        "first_seq": parcel.end.first_seq,
        "offset": parcel.end.offset,
        "last_seq": parcel.last_seq,
        "digest": parcel.digest.hex(),
    }
    return json.dumps(fields).encode() + b"\n"
