"""Place: how far the stream is, in which history, and where its offsets are."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.master.histories import Elder, Mark, history_note

if TYPE_CHECKING:
    from joblog.actors.master.histories import Standing
    from joblog.app.state.replicas import Replicas, ServeReplica

_MARK_BYTES: Final = 256 * 1024
_MARKS_MAX: Final = 20_000


class Place:
    """Knows the histories, and marks of this one that it need not look for."""

    def __init__(self, replicas: Replicas) -> None:
        """Know of no history yet; what is known is noted in `replicas`."""
        self._replicas = replicas
        self._elders: list[Elder] = []
        self._marks: list[Mark] = []
        self._floor = 0

    def raise_floor(self, offset: int) -> None:
        """Let nobody go on before an offset: the log has something else there."""
        self._floor = max(self._floor, offset)

    def begin(self, standing: Standing, history: str, promoted: Mark | None) -> None:
        """Begin a history, which goes on from those before.

        Args:
            standing: where the log stood; what was appended since is counted already.
            history: its id.
            promoted: where this server stopped to follow a master, if it did.
        """
        replicas = self._replicas
        self._elders = standing.elders
        replicas.offset += standing.offset
        replicas.written = replicas.offset
        replicas.first_offset = standing.offset + 1
        replicas.id = history
        if standing.elders:
            replicas.second_id, until, since = standing.elders[-1]
            replicas.second_offset = until + 1
            if since and promoted is not None:
                self._marks.append(promoted)
        replicas.is_sent = True
        self._marks.append(self.mark())

    def mark(self) -> Mark:
        """Return where it is now."""
        return Mark(self._replicas.seq, self._replicas.offset)

    def note(self) -> dict[str, Any]:
        """Return the note that says so."""
        return history_note(self._replicas.id, self.mark(), self._elders)

    def grow(self) -> Mark:
        """Note that it is further on; return where."""
        mark, marks = self.mark(), self._marks
        if mark.offset - marks[-1].offset > _MARK_BYTES:
            marks.append(mark)
            if len(marks) > _MARKS_MAX:
                del marks[1::2]
        return mark

    def has(self, inquiry: ServeReplica) -> bool:
        """Say whether what a replica has is the beginning of what there is."""
        if inquiry.is_old or inquiry.offset < self._floor:
            return False
        own = Elder(self._replicas.id, self._replicas.offset)
        return any(
            elder.id == inquiry.id and elder.since <= inquiry.offset <= elder.until
            for elder in (*self._elders, own)
        )

    def find(self, offset: int) -> Mark | None:
        """Return the last mark that is known before an offset; None for none."""
        at = bisect_right([mark.offset for mark in self._marks], offset) - 1
        return None if at < 0 else self._marks[at]
