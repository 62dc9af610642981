"""The log of a master as it comes: cut into what the log here takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.actors.replica.mail import LogStretch
from joblog.actors.replica.stream import StreamError
from joblog.app.state.replicas import GETACK, STREAM_KIND
from joblog.storage.cutting import Cutter, Piece
from joblog.storage.errors import ForeignFramesError

if TYPE_CHECKING:
    from joblog.storage.cutting import Cut, LogPlace


class LogStream:
    """Cuts the bytes of a log.

    Attributes:
        asks: whether the master has asked for an answer at once (GETACK).
        error: None: what is wrong is told at once.
    """

    error: StreamError | None = None

    def __init__(self, place: LogPlace | None, agreed: tuple[int, int]) -> None:
        """Begin behind the place, as agreed: behind which record, and how far it is."""
        assert place is not None
        self.asks = False
        header = place.header if place.log_id else None
        self._cutter = Cutter(header, place.last_seq, place.last_at_ms)
        self._agreed = agreed
        if agreed[0] != place.last_seq:
            raise StreamError(
                f"the master goes on behind seq {agreed[0]}, not {place.last_seq}"
            )

    def mail(self, number: int, data: bytes) -> LogStretch | None:
        """Take bytes of a connection; return what the keyspace is to be mailed."""
        cuts = self.cut(data)
        return LogStretch(number, cuts) if cuts else None

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
