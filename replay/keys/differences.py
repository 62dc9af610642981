"""How the keyspace of one moment differs from that of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.touched import ALL_DATABASES, DbKey, find_touched
from joblog.replay.keys.values import Version, take_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Past


class KeyChange(NamedTuple):
    """A key that is not what it was.

    Attributes:
        db: its database.
        key: the key.
        before: what it was, None for missing.
        after: what it is, None for missing.
    """

    db: int
    key: bytes
    before: Version | None
    after: Version | None


def compare_moments(
    past: Past,
    from_seq: int,
    until_seq: int,
    wants: Callable[[bytes], object],
    index: LogIndex,
) -> Iterator[KeyChange]:
    """Yield the keys that differ between two moments, by database and key.

    Only keys that a record in between touched can differ, so only those are kept.

    Args:
        past: a past that has not come to `from_seq` yet; it is at `until_seq` after.
        from_seq: the earlier moment.
        until_seq: the later moment.
        wants: which keys count.
        index: the log's index, to see first what will be touched.

    Raises:
        CorruptLogError: the log is damaged, or a record cannot be applied.
    """
    keys, databases = find_touched_keys(index, from_seq, until_seq)
    past.go_to(from_seq)
    before: dict[DbKey, Version | None] = {
        key: past.version(*key) for key in keys if wants(key[1])
    }
    for database in past.databases:
        if database.index in databases or ALL_DATABASES in databases:
            for key in filter(wants, database.values):
                before[database.index, key] = take_version(database, key)
    past.go_to(until_seq)
    for database in past.databases:
        if database.index in databases or ALL_DATABASES in databases:
            for key in filter(wants, database.values):
                before.setdefault((database.index, key), None)
    for db, key in sorted(before):
        change = KeyChange(db, key, before[db, key], past.version(db, key))
        if change.before != change.after:
            yield change


def find_touched_keys(
    index: LogIndex, from_seq: int, until_seq: int
) -> tuple[set[DbKey], set[int]]:
    """Return the keys and the databases that records between two moments touched."""
    keys: set[DbKey] = set()
    databases: set[int] = set()
    for record in index.records(max(from_seq + 1, index.first_seq), until_seq):
        touched = find_touched(record)
        keys.update(touched.keys)
        databases.update(touched.databases)
    return keys, databases


class Activity:
    """What the records of a range did to one key.

    Attributes:
        records: how many changed it.
        first_seq: the first of them.
        last_seq: the last of them.
        commands: how often each command did.
        clients: the ids of the clients that did.
    """

    __slots__ = ("clients", "commands", "first_seq", "last_seq", "records")

    def __init__(self, seq: int) -> None:
        """Begin with the first record that changed the key."""
        self.records = 0
        self.first_seq = seq
        self.last_seq = seq
        self.commands: dict[bytes, int] = {}
        self.clients: set[int] = set()


def count_activity(
    index: LogIndex,
    from_seq: int,
    until_seq: int,
    wants: Callable[[bytes], object],
) -> dict[DbKey, Activity]:
    """Return what a range of records did to each key that it names; nothing is folded.

    Raises:
        CorruptLogError: the log is damaged.
    """
    found: dict[DbKey, Activity] = {}
    for record in index.records(from_seq, until_seq):
        command = record.origin.command or (record.effects or [[b""]])[0]
        for key in find_touched(record).keys:
            if not wants(key[1]):
                continue
            activity = found.get(key)
            if activity is None:
                activity = found[key] = Activity(record.seq)
            activity.records += 1
            activity.last_seq = record.seq
            name = command[0].upper()
            activity.commands[name] = activity.commands.get(name, 0) + 1
            activity.clients.add(record.origin.client_id)
    return found
