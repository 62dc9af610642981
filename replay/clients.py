"""Who a client id was when a record was written.

A client's address, name, user and library are in one record, before its first write.
A server gives ids anew after each start, so the newest such record *before* a record is
the one that counts. A directory notes those that stream by; for one that lies further
back it reads backward, only as far as it must, and never the same part twice.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

from replay.scanning import read_window, segments_before
from storage.notes import ClientNote, read_note

if TYPE_CHECKING:
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.record import Record

CLIENT_MARK = b"\xa6client"
"""In the payload of each record that describes a client: msgpack for "client"."""

_CLIENTS_MAX = 100_000


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

    def __init__(
        self, folder: Path, filesystem: FileSystem, *, floor_seq: int, from_seq: int
    ) -> None:
        """Make a directory of the clients of a log.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            floor_seq: the first record that the log has.
            from_seq: records from here on will be shown to `observe`; those before are
                read when an id is not known.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._floor_seq = floor_seq
        self._known_from_seq = max(from_seq, floor_seq)
        self._notes: dict[int, list[tuple[int, ClientNote]]] = {}

    def observe(self, record: Record) -> None:
        """Note down a client where a record describes one."""
        note = read_note(record.origin)
        if not isinstance(note, ClientNote):
            return
        known = self._notes.setdefault(record.origin.client_id, [])
        if not any(seq == record.seq for seq, _ in known):
            insort(known, (record.seq, note))
        if len(self._notes) > _CLIENTS_MAX:
            del self._notes[next(iter(self._notes))]

    def find(self, client_id: int, seq: int) -> Client:
        """Return who had an id when a record was written."""
        if not client_id:
            return Client(0)
        note = self._find_known(client_id, seq)
        while note is None and self._known_from_seq > self._floor_seq:
            self._look_back(client_id)
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

    def _look_back(self, client_id: int) -> None:
        """Read backward until a client of that id is found, or to the floor."""
        for low, high in segments_before(
            self._folder, self._filesystem, self._known_from_seq
        ):
            for record in read_window(
                self._folder,
                self._filesystem,
                low,
                high,
                lambda payload: CLIENT_MARK in payload,
            ):
                self.observe(record)
            self._known_from_seq = low
            if client_id in self._notes:
                return
        self._known_from_seq = self._floor_seq
