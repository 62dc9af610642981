"""What a tracker follows: all of a past, or as much of it as one job needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.keyspace.database import Database
    from joblog.storage.record import Record


class Followed(Protocol):
    """A `joblog.replay.keys.past.Past`, or a sparse one."""

    @property
    def databases(self) -> list[Database]:
        """The databases at this moment."""

    def apply(self, records: list[Record]) -> None:
        """Let the next records happen."""

    def batches(self, until_seq: int) -> Iterator[list[Record]]:
        """Yield the records that come next, up to a number."""
