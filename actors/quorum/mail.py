"""Mail of the store of the log to the log writer, and from there to the keyspace."""

from __future__ import annotations

from typing import NamedTuple


class StoreTrouble(NamedTuple):
    """The store takes nothing (why), or takes all again (None).

    Store -> log writer -> keyspace.
    """

    reason: bytes | None
