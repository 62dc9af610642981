"""The record of access: who logged in, was refused something, or changed the server.

A server writes it with its setting `log-access`. A login is told by the description of
a client whose user is another than `default`; it stands in the log again after a seal,
and counts once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import AccessNote, ClientNote, read_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress

LOGIN = "login"
REFUSALS = frozenset(("auth", "command", "key", "channel"))
_DEFAULT = b"default"
_TOLD_EACH = 4096
_LOGINS_KEPT = 100_000


class AccessEvent(NamedTuple):
    """One thing that is recorded of access.

    Attributes:
        seq: the record.
        at_ms: when it was.
        client_id: the client's id.
        address: where it came from.
        user: the user; "" where there was no such one.
        what: `login`, `change`, or what was refused: one of `REFUSALS`.
        word: the command, key or channel, or what was done.
        missed: how many refusals before it have no record.
    """

    seq: int
    at_ms: int
    client_id: int
    address: str
    user: bytes
    what: str
    word: bytes
    missed: int


def find_access(
    index: LogIndex, progress: Progress, from_seq: int, until_seq: int
) -> Iterator[AccessEvent]:
    """Yield what a stretch of a log has of access, in order.

    Args:
        index: the log's index.
        progress: is told now and then the number of the last record.
        from_seq: the first record.
        until_seq: the last record.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    seen: OrderedDict[tuple[int, str, bytes], None] = OrderedDict()
    for record in index.records(from_seq, until_seq):
        if not record.seq % _TOLD_EACH:
            progress(record.seq)
        if record.effects:
            continue
        note, client_id = read_note(record.origin), record.origin.client_id
        place = record.seq, record.at_ms, client_id
        if isinstance(note, AccessNote):
            deed = note.what, note.word, note.missed
            yield AccessEvent(*place, note.address, note.user, *deed)
        elif isinstance(note, ClientNote) and note.user not in (b"", _DEFAULT):
            login = client_id, note.address, note.user
            if login not in seen:
                seen[login] = None
                if len(seen) > _LOGINS_KEPT:
                    seen.popitem(last=False)
                yield AccessEvent(*place, note.address, note.user, LOGIN, note.name, 0)
