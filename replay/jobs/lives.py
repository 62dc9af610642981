"""Lives of a server: after a restart its clients' ids begin anew.

A log does not say when a server started. That an id is another client's now is told by
its description: a connection keeps its address and its library. Of two clients at a
Unix socket that are described alike nobody can tell whether they are one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from joblog.app.history.notes import ClientNote, read_note
from joblog.replay.jobs.stories import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.jobs.stories import Story
    from joblog.storage.record import Record

_CLIENTS_KEPT = 50_000


class Lives:
    """Finds where a server was started anew.

    Attributes:
        known: the clients of this life: by id the address and the library.
        since: the first record of this life that is known to be of it, 0 for none.
    """

    def __init__(self) -> None:
        """Begin with no clients."""
        self.known: OrderedDict[int, tuple[str, bytes]] = OrderedDict()
        self.since = 0

    def take(self, record: Record, stories: Iterable[Story]) -> None:
        """Take in a record without effects; in another life nobody has a job."""
        note = read_note(record.origin)
        if isinstance(note, ClientNote) and self._begins_with(record, note):
            for story in stories:
                story.former = story.hands = NOBODY

    def _begins_with(self, record: Record, note: ClientNote) -> bool:
        """Note down a client; tell whether the one that had its id is another."""
        client = note.address, note.library
        known = self.known.get(record.origin.client_id)
        is_new = known is not None and _is_another(known, client)
        if is_new:
            self.known.clear()
            self.since = record.seq
        elif len(self.known) >= _CLIENTS_KEPT:
            self.known.popitem(last=False)
        self.known[record.origin.client_id] = client
        return is_new


def _is_another(before: tuple[str, bytes], now: tuple[str, bytes]) -> bool:
    """Tell whether a client is another than the one that had its id before."""
    has_libraries = before[1] and now[1]
    return before[0] != now[0] or bool(has_libraries and before[1] != now[1])
