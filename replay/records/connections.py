"""Connections: who was connected, from when to when, and what each wrote.

A client's first record describes it; with the server's setting `log-connections` that
is when it connects or has a name, and its going is recorded too. A server gives ids
anew after each start: a description of another address is another connection, but a
Unix socket's is always the same. Memory: a few numbers for each connection, of the
newest 50,000.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from joblog.app.history.notes import ClientNote, ExecNote, GoneNote, read_note
from joblog.replay.records.scripts import BY_FUNCTION, BY_SHA

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress
    from joblog.replay.records.clients import ClientDirectory
    from joblog.storage.record import Record

_CONNECTIONS_KEPT = 50_000
_COMMANDS_KEPT = 50
_OF_SCRIPTS = BY_SHA | BY_FUNCTION


class Connection:
    """One connection of a client.

    Attributes:
        id: the client's id.
        note: the last that it said of itself, None where nobody knows.
        since_ms: when it connected, as far as the log tells: by its going, else by the
            first record of it.
        first_seq: the first record of it.
        gone: the record that says it is gone, and when: (number, ms); None for none.
        records: how many records it wrote.
        effects: how many effects these have.
        last: the last record that it wrote: (number, ms); None for none.
        commands: how often it gave each command that wrote, scripts by their SHA-1 and
            functions by their names; of a transaction all.
    """

    __slots__ = (
        *("commands", "effects", "first_seq", "gone", "id", "last", "note"),
        *("records", "since_ms"),
    )

    def __init__(self, client_id: int, note: ClientNote | None, record: Record) -> None:
        """Begin with the first record of a connection."""
        self.id = client_id
        self.note = note
        self.since_ms = record.at_ms
        self.first_seq = record.seq
        self.gone: tuple[int, int] | None = None
        self.records = self.effects = 0
        self.last: tuple[int, int] | None = None
        self.commands: Counter[bytes] = Counter()

    def count(self, record: Record) -> None:
        """Count a record that the client wrote."""
        self.records += 1
        self.effects += len(record.effects)
        self.last = record.seq, record.at_ms
        note = read_note(record.origin)
        if isinstance(note, ExecNote):
            commands = note.commands
        else:
            commands = [record.origin.command or record.effects[0]]
        for argv in commands:
            name = argv[0].upper()
            if name in _OF_SCRIPTS and len(argv) > 1:
                name = b"%b %b" % (name, argv[1])
            if name in self.commands or len(self.commands) < _COMMANDS_KEPT:
                self.commands[name] += 1


class Connections:
    """Finds connections as records come by.

    Attributes:
        all: those that were found, in order; the oldest are forgotten first.
    """

    def __init__(self, clients: ClientDirectory) -> None:
        """Begin with none.

        Args:
            clients: says who those were that were described before.
        """
        self.all: OrderedDict[int, Connection] = OrderedDict()
        self._clients = clients
        self._open: dict[int, Connection] = {}

    def observe(self, record: Record) -> None:
        """Take in one record."""
        client_id = record.origin.client_id
        if not client_id:
            return
        note = read_note(record.origin)
        if isinstance(note, ClientNote):
            self._describe(client_id, note, record)
        elif isinstance(note, GoneNote):
            self._end(client_id, note, record)
        elif record.effects:
            found = self._open.get(client_id)
            if found is None:
                known = self._clients.find(client_id, record.seq).note
                found = self._begin(client_id, known, record)
            found.count(record)

    def _describe(self, client_id: int, note: ClientNote, record: Record) -> None:
        found = self._open.get(client_id)
        if found is not None and _is_same(found.note, note.address):
            found.note = note
        else:
            self._begin(client_id, note, record)

    def _end(self, client_id: int, gone: GoneNote, record: Record) -> None:
        note = ClientNote(
            gone.address, gone.name, gone.user, gone.library, gone.library_version
        )
        found = self._open.pop(client_id, None)
        if found is None or not _is_same(found.note, note.address):
            found = self._begin(client_id, note, record)
            del self._open[client_id]
        found.note = note
        found.since_ms = min(gone.since_ms or record.at_ms, found.since_ms)
        found.gone = record.seq, record.at_ms

    def _begin(
        self, client_id: int, note: ClientNote | None, record: Record
    ) -> Connection:
        found = Connection(client_id, note, record)
        self._open[client_id] = self.all[record.seq] = found
        if len(self.all) > _CONNECTIONS_KEPT:
            _, oldest = self.all.popitem(last=False)
            if self._open.get(oldest.id) is oldest:
                del self._open[oldest.id]
        return found


def _is_same(note: ClientNote | None, address: str) -> bool:
    return note is None or note.address == address


def find_connections(
    index: LogIndex,
    clients: ClientDirectory,
    progress: Progress,
    from_seq: int,
    until_seq: int,
) -> list[Connection]:
    """Return the connections of which a stretch of a log tells, in order.

    Args:
        index: the log's index.
        clients: says who those were that were described before.
        progress: is told now and then the number of the last record.
        from_seq: the first record.
        until_seq: the last record.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    found = Connections(clients)
    for record in index.records(from_seq, until_seq):
        found.observe(record)
        if not record.seq % _TOLD_EACH:
            progress(record.seq)
    return list(found.all.values())


_TOLD_EACH = 4096
