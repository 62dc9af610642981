"""The log of a master as it comes: cut into what the log here takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from joblog.actors.replica.mail import LogStretch, Parts
from joblog.actors.replica.stream import StreamError
from joblog.app.state.replicas import GETACK, STREAM_KIND
from joblog.storage.comparing import Comparison
from joblog.storage.cutting import Cutter, Piece
from joblog.storage.disk import open_disk
from joblog.storage.errors import ForeignFramesError, StorageError

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.storage.cutting import Cut, LogPlace


class NoComparisonError(StreamError):
    """What is here cannot be compared with the master's log."""


class LogStream:
    """Cuts the bytes of a log; finds where they part from the log that is here.

    Attributes:
        is_comparing: whether that is still to be found.
        asks: whether the master has asked for an answer at once (GETACK).
        error: None: what is wrong is told at once.
    """

    error: StreamError | None = None

    def __init__(
        self,
        place: LogPlace | None,
        agreed: tuple[int, int],
        config: Config,
    ) -> None:
        """Begin as agreed.

        Args:
            place: where the log here ends.
            agreed: (the record behind which the master begins, how far it is).
            config: says where the log here is.

        Raises:
            StreamError: it begins elsewhere than it was asked to.
        """
        assert place is not None
        self.asks = False
        header = place.header if place.log_id else None
        self._cutter = Cutter(header, place.last_seq, place.last_at_ms)
        self._comparison: Comparison | None = None
        self.is_comparing = False
        if agreed[0] == place.last_seq:
            return
        if agreed[0] + 1 not in dict(place.begins):
            raise StreamError(
                f"the master goes on behind seq {agreed[0]}, not {place.last_seq}"
            )
        try:
            disk = open_disk(config.log_encryption_key_file)
            self._comparison = Comparison(Path(config.dir), disk, agreed[0] + 1)
        except (StorageError, OSError) as error:
            raise NoComparisonError(str(error)) from error
        self.is_comparing = True
        header = self._comparison.header
        self._cutter = Cutter(header, agreed[0], header.created_at_ms)

    def close(self) -> None:
        """Close the file that is being read."""
        if self._comparison is not None:
            self._comparison.close()
            self._comparison = None
        self.is_comparing = False

    def mail(self, number: int, data: bytes) -> LogStretch | Parts | None:
        """Take bytes of a connection; return what the keyspace is to be mailed."""
        cuts = self.cut(data)
        if self._comparison is None or not cuts:
            return LogStretch(number, cuts) if cuts else None
        try:
            parted = self._comparison.take(cuts)
        except ForeignFramesError as error:
            raise StreamError(str(error)) from error
        except (StorageError, OSError) as error:
            raise NoComparisonError(str(error)) from error
        if parted is None:
            return None
        self.close()
        return Parts(number, *parted)

    def cut(self, data: bytes) -> list[Cut]:
        """Take bytes; return what is whole.

        Raises:
            StreamError: they are not what comes next.
        """
        try:
            cuts = self._cutter.feed(data)
        except ForeignFramesError as error:
            raise StreamError(str(error)) from error
        for cut in cuts:
            for record in cut.records if isinstance(cut, Piece) else ():
                note = record.origin.note
                if note is not None and note.get("kind") == STREAM_KIND:
                    self.asks |= GETACK in note["commands"]
        return cuts
