"""Mail between the keyspace and the thread that has datasets made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Make(NamedTuple):
    """Make a dataset of the state after a record. Keyspace -> copier.

    Attributes:
        history, offset: where the stream goes on behind it.
        is_for_redis: whether deadlines of hash fields are for Redis, not for Valkey.
    """

    seq: int
    path: Path
    history: str
    offset: int
    is_for_redis: bool


class Look(NamedTuple):
    """See how far the child is. Copier -> itself."""


class Made(NamedTuple):
    """A dataset lies in a file, or why it does not. Copier -> keyspace.

    Attributes:
        version: of the format of RDB files; 0 where it failed.
        error: why, or "".
    """

    seq: int
    path: Path
    version: int
    error: str
