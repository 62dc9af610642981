"""Who a client id was when a record was written.

A client's address, name, user and library are in one record, before its first write.
A server gives ids anew after each start, so the newest such record *before* a record is
the one that counts. A directory notes those that stream by; for one that lies further
back it reads backward, only as far as it must, and never the same part twice.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import ClientNote, read_note
from joblog.replay.index.marks import client_mark
from joblog.replay.index.scanning import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

CLIENT_MARK = b"\xa6client"
"""In the payload of each record that describes a client: msgpack for "client"."""

_CLIENTS_MAX = 100_000
_SIEVE = Pieces(CLIENT_MARK)


class Client(NamedTuple):
    """Who caused a record.

    Attributes:
        id: the connection's id; 0 for the server itself.
        note: what the client said of itself, None where nobody knows.
    """

    id: int
    note: ClientNote | None = None


class ClientDirectory:
    """Finds clients by id and sequence number.

    Memory is bounded: of a log with very many clients the oldest are forgotten first.
    """

    def __init__(self, index: LogIndex, *, from_seq: int) -> None:
        """Make a directory of the clients of a log.

        Args:
            index: the log's index.
            from_seq: records from here on will be shown to `observe`; those before are
                read when an id is not known.
        """
        self._index = index
        self._from_seq = from_seq
        self._notes: OrderedDict[int, list[tuple[int, ClientNote]]] = OrderedDict()
        self._looked: dict[int, int] = {}
        self._scanned_seq = from_seq

    def observe(self, record: Record) -> None:
        """Note down a client where a record describes one."""
        note = read_note(record.origin)
        if not isinstance(note, ClientNote):
            return
        known = self._notes.setdefault(record.origin.client_id, [])
        if not any(seq == record.seq for seq, _ in known):
            insort(known, (record.seq, note))
        if len(self._notes) > _CLIENTS_MAX:
            self._notes.popitem(last=False)

    def find(self, client_id: int, seq: int) -> Client:
        """Return who had an id when a record was written."""
        if not client_id:
            return Client(0)
        note = self._find_known(client_id, seq)
        if note is None:
            self._look_back(client_id, seq)
            note = self._find_known(client_id, seq)
        return Client(client_id, note)

    def find_seq(self, client_id: int, seq: int) -> int | None:
        """Return the record that describes who `find` finds, None where none does."""
        if self.find(client_id, seq).note is None:
            return None
        known = self._notes[client_id]
        return known[bisect_right(known, seq, key=lambda entry: entry[0]) - 1][0]

    def _find_known(self, client_id: int, seq: int) -> ClientNote | None:
        known = self._notes.get(client_id)
        if not known:
            return None
        position = bisect_right(known, seq, key=lambda entry: entry[0])
        return known[position - 1][1] if position else None

    def _look_back(self, client_id: int, seq: int) -> None:
        """Look backward until the client is found that had an id at a record."""
        low_seq = self._looked.get(client_id, self._from_seq)
        mark = client_mark(client_id)
        for section in self._index.sections(1, low_seq - 1, is_reverse=True):
            if section.part is not None:
                self._observe_all(section.find([[mark]], _SIEVE))
            elif section.first_seq < self._scanned_seq:
                # All that it says of clients is noted, whichever was asked for.
                self._observe_all([section.scan(_SIEVE, 1, self._scanned_seq - 1)])
                self._scanned_seq = section.first_seq
            self._looked[client_id] = section.first_seq
            if self._find_known(client_id, seq) is not None:
                return

    def _observe_all(self, found: Iterable[Iterable[Record]]) -> None:
        for records in found:
            for record in records:
                self.observe(record)
