"""Mail of the keyspace, as a master, to the copier and to the log writer."""

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


class Hold(NamedTuple):
    """Hold what clients are told until replicas have it. Keyspace -> log writer."""


class Release(NamedTuple):
    """Hold nothing more. Keyspace -> log writer.

    Attributes:
        is_lost: what is held may be lost: close the clients that wait for it.
    """

    is_lost: bool = False


class Reached(NamedTuple):
    """Enough replicas have all up to a record durably. Keyspace -> log writer."""

    seq: int
