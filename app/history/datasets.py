"""Datasets: all that another server has, taken in place of what there is.

A dataset is read beside the keyspace, a step at a time, while that is served as it is.
What differs is written as commands, which make the one of the other: those go into the
log, so that a fold comes to the dataset too, and what was before stays readable. Values
that are the same are taken over, not their doubles: memory holds them once, and the
elements of each are in the order in which a fold has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from joblog.app.history.rdb_items import (
    Foreign,
    Key,
    Library,
    RdbError,
    read_rdb_part,
)
from joblog.app.history.recovery import Fold
from joblog.app.history.value_commands import build_commands, change_commands
from joblog.app.state.script_sources import read_library_shebang
from joblog.app.types.dump_payload import encode_payload
from joblog.app.types.hashes import Hash
from joblog.app.types.kinds import copy_value, kind_name
from joblog.app.types.lists import List
from joblog.app.types.packed_values import opened
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.storage.record import Origin, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.words import Argv

_NOBODY: Final = Origin(0)


class _Version(NamedTuple):
    """A value as plain data, and its deadlines."""

    kind: str
    data: Any
    deadline_ms: int | None
    field_deadlines: dict[bytes, int] | None


class Dataset:
    """What is to take the place of a keyspace's data.

    Attributes:
        keys: how many keys it has. changed: how many of them are new, or other than in
            the keyspace. removed: how many that has and this has not.
    """

    def __init__(self, live: Keyspace) -> None:
        """Begin an empty dataset.

        Args:
            live: the keyspace; while the dataset is read and compared it stands still.
        """
        self._live = live
        self._fold = Fold(len(live.databases), packs_hashes=True)
        self._staged = self._fold.keyspace
        self._changes: dict[tuple[int, bytes], list[Argv]] = {}
        self.keys = self.changed = self.removed = 0

    def read(self, file: BinaryIO, name: str) -> Iterator[None]:
        """Read an RDB file, a key or so at each step.

        Args:
            file: open for reading, at its start.
            name: what to call it in errors.

        Raises:
            RdbError: it is damaged, or has what nobody here can keep.
        """
        for item in read_rdb_part(file, name):
            if isinstance(item, Key):
                self._take_key(item, name)
            elif isinstance(item, Library):
                shebang = read_library_shebang(item.source)
                self._staged.libraries[shebang.name] = item.source
            elif isinstance(item, Foreign) and item.key is not None:
                raise RdbError(
                    f"{name}: key {item.key!r} is of module type {item.module}, which "
                    "only a server with that module can keep"
                )
            yield

    def take(self, other: Keyspace) -> Iterator[None]:
        """Read another keyspace, a key at each step; it is used up."""
        self._staged.libraries.update(other.libraries)
        for database in other.databases:
            for key, value in database.values.items():
                deadline_ms = database.deadlines.get(key)
                self._take_key(Key(database.index, key, value, deadline_ms), "log")
                yield

    def _take_key(self, item: Key, name: str) -> None:
        if item.db >= len(self._live.databases):
            raise RdbError(
                f"{name}: there is a database {item.db}, and no more than "
                f"{len(self._live.databases)} here; raise 'databases'"
            )
        staged = self._staged.databases[item.db]
        if item.key in staged.values:
            raise RdbError(f"{name}: key {item.key!r} comes twice")
        self.keys += 1
        live = self._live.databases[item.db]
        held = live.values.get(item.key)
        if held is None:
            self.changed += 1
            staged.place(item.key, item.value, item.deadline_ms)
            return
        self._compare(item, live, staged, held)

    def _compare(self, item: Key, live: Database, staged: Database, held: Any) -> None:
        now = _version(opened(held), live.deadlines.get(item.key))
        wanted = _version(opened(item.value), item.deadline_ms)
        if now == wanted:
            staged.place(item.key, held, item.deadline_ms)
            return
        self.changed += 1
        payload = wanted.data if wanted.kind == "stream" else None
        commands = list(change_commands(item.key, now, wanted, payload))
        self._changes[item.db, item.key] = commands
        if now.kind == wanted.kind:
            had_ms = live.deadlines.get(item.key)
            staged.place(item.key, copy_value(opened(held)), had_ms)
        self._fold.apply([Record(0, 0, 0, item.db, commands, _NOBODY)])

    def differences(self) -> Iterator[tuple[int, list[Argv]]]:
        """Yield what makes the keyspace's data this: (database, commands), in order.

        Each step is for one key, or for the functions.
        """
        yield from self._function_changes()
        for live, staged in zip(
            self._live.databases, self._staged.databases, strict=True
        ):
            for key in live.values:
                if key not in staged.values:
                    self.removed += 1
                    yield live.index, [[b"DEL", key]]
            for key, value in staged.values.items():
                if key not in live.values:
                    deadline_ms = staged.deadlines.get(key)
                    built = build_commands(key, opened(value), deadline_ms)
                    yield live.index, list(built)
                elif (commands := self._changes.get((live.index, key))) is not None:
                    yield live.index, commands

    def _function_changes(self) -> Iterator[tuple[int, list[Argv]]]:
        had, wanted = self._live.libraries, self._staged.libraries
        for name in had.keys() - wanted.keys():
            yield 0, [[b"FUNCTION", b"DELETE", name]]
        for name, source in wanted.items():
            if had.get(name) != source:
                yield 0, [[b"FUNCTION", b"LOAD", b"REPLACE", source]]

    def take_place(self) -> None:
        """Take the place of the keyspace's data, which is freed by and by."""
        live = self._live
        for database, staged in zip(
            live.databases, self._staged.databases, strict=True
        ):
            if database.is_observed:
                live.observe_replaced(database, staged)
            staged.keyspace = live
            database.exchange(staged)
            staged.clear()
        live.libraries.clear()
        live.libraries.update(self._staged.libraries)
        live.changes += 1
        self._changes.clear()


def _version(value: Any, deadline_ms: int | None) -> _Version:
    kind = kind_name(value).decode()
    fields: dict[bytes, int] | None = None
    data: Any = value
    if type(value) is List:
        data = list(value)
    elif type(value) is Set:
        data = frozenset(value)
    elif type(value) is Hash:
        data = dict(value.items())
        fields = dict(value.deadlines) if value.deadlines else None
    elif type(value) is SortedSet:
        data = dict(value.scores)
    elif kind == "stream":
        data = encode_payload(value)
    return _Version(kind, data, deadline_ms, fields)
