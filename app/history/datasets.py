"""Datasets: all that another server has, taken in place of what there is.

A dataset is read beside the keyspace, a step at a time, while that is served as it is.
What differs is written as commands, which make the one of the other: those go into the
log, so that a fold comes to the dataset too, and what was before stays readable. Values
that are the same are taken over, not their doubles: memory holds them once, and the
elements of each are in the order in which a fold has them. Large values are read,
compared and written in many steps (`joblog.app.history.large_values`).

Where there is nothing yet, nothing is compared: what is read is written at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from joblog.app.history.large_values import (
    build_in_steps,
    change_in_steps,
    changes_by_element,
    compare_in_steps,
    is_large,
)
from joblog.app.history.rdb_items import (
    Foreign,
    Key,
    Library,
    RdbError,
    Rows,
    read_rdb_part,
    read_rdb_rows,
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
from joblog.app.types.steps import portions
from joblog.storage.record import Origin, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.rdb_items import Item
    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.words import Argv

_NOBODY: Final = Origin(0)
_KEYS_A_STEP: Final = 500
_COMMANDS_A_STEP: Final = 10


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
        is_first: whether the keyspace has nothing.
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
        self._replaced: set[tuple[int, bytes]] = set()
        self.keys = self.changed = self.removed = 0
        self.is_first = not live.libraries and not any(map(len, live.databases))

    def read_first(self, file: BinaryIO, name: str) -> Iterator[tuple[int, list[Argv]]]:
        """Read an RDB file where there is nothing; yield what makes that its data.

        What `read` and `differences` do one behind the other.

        Args:
            file: open for reading, at its start.
            name: what to call it in errors.

        Raises:
            RdbError: it is damaged, or has what nobody here can keep.
        """
        for item in read_rdb_rows(file, name):
            if isinstance(item, Rows):
                yield item.db, self._take_rows(item, name)
            elif isinstance(item, Key):
                yield from self._take_first(item, name)
            elif item is not None:
                yield 0, self._take_other(item, name)
            else:
                yield 0, []

    def _take_rows(self, item: Rows, name: str) -> list[Argv]:
        """Take small keys; return the commands that make them."""
        staged = self._database(item.db, name)
        commands: list[Argv] = []
        for key, value, deadline_ms, argv in item.rows:
            if key in staged.values:
                raise _twice(name, key)
            commands.append(argv)
            if deadline_ms < 0:
                staged.place_new(key, value)
            else:
                staged.place(key, value, deadline_ms)
                commands.append([b"PEXPIREAT", key, b"%d" % deadline_ms])
        self.keys += len(item.rows)
        self.changed += len(item.rows)
        return commands

    def _take_first(self, item: Key, name: str) -> Iterator[tuple[int, list[Argv]]]:
        staged = self._database(item.db, name)
        if item.key in staged.values:
            raise _twice(name, item.key)
        self.keys += 1
        self.changed += 1
        staged.place(item.key, item.value, item.deadline_ms)
        if is_large(item.value):
            steps = build_in_steps(item.key, item.value, item.deadline_ms)
        else:
            value = opened(item.value)
            steps = iter([list(build_commands(item.key, value, item.deadline_ms))])
        for commands in steps:
            yield item.db, commands

    def _take_other(self, item: Item, name: str) -> list[Argv]:
        """Take what is no key; return what records it."""
        if isinstance(item, Library):
            shebang = read_library_shebang(item.source)
            self._staged.libraries[shebang.name] = item.source
            return [[b"FUNCTION", b"LOAD", b"REPLACE", item.source]]
        if isinstance(item, Foreign) and item.key is not None:
            raise RdbError(
                f"{name}: key {item.key!r} is of module type {item.module}, which "
                "only a server with that module can keep"
            )
        return []

    def _database(self, db: int, name: str) -> Database:
        """Return the database that a key goes to.

        Raises:
            RdbError: there is none of that number.
        """
        if db < len(self._live.databases):
            return self._staged.databases[db]
        raise RdbError(
            f"{name}: there is a database {db}, and no more than "
            f"{len(self._live.databases)} here; raise 'databases'"
        )

    def read(self, file: BinaryIO, name: str) -> Iterator[None]:
        """Read an RDB file, a key or less at each step.

        Args:
            file: open for reading, at its start.
            name: what to call it in errors.

        Raises:
            RdbError: it is damaged, or has what nobody here can keep.
        """
        for item in read_rdb_part(file, name):
            if isinstance(item, Key):
                yield from self._take_key(item, name)
            elif item is not None:
                self._take_other(item, name)
            yield

    def take(self, other: Keyspace) -> Iterator[None]:
        """Read another keyspace, a key at each step; it is used up."""
        self._staged.libraries.update(other.libraries)
        for database in other.databases:
            for key, value in database.values.items():
                deadline_ms = database.deadlines.get(key)
                item = Key(database.index, key, value, deadline_ms)
                yield from self._take_key(item, "log")
                yield

    def _take_key(self, item: Key, name: str) -> Iterator[None]:
        staged = self._database(item.db, name)
        if item.key in staged.values:
            raise _twice(name, item.key)
        self.keys += 1
        live = self._live.databases[item.db]
        held = live.values.get(item.key)
        if held is None:
            self.changed += 1
            staged.place(item.key, item.value, item.deadline_ms)
        elif is_large(held) or is_large(item.value):
            yield from self._compare_large(item, live, staged, opened(held))
        else:
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

    def _compare_large(
        self, item: Key, live: Database, staged: Database, held: Any
    ) -> Iterator[None]:
        key, value = item.key, opened(item.value)
        had_ms = live.deadlines.get(key)
        commands: list[Argv] = []
        if changes_by_element(held, value):
            for found in change_in_steps(key, held, value):
                commands += found
                yield
        elif not (yield from compare_in_steps(held, value)):
            self.changed += 1
            self._replaced.add((item.db, key))
            staged.place(key, item.value, item.deadline_ms)
            return
        if item.deadline_ms is None and had_ms is not None:
            commands.append([b"PERSIST", key])
        elif item.deadline_ms is not None and item.deadline_ms != had_ms:
            commands.append([b"PEXPIREAT", key, b"%d" % item.deadline_ms])
        staged.place(key, copy_value(held) if commands else held, had_ms)
        if commands:
            self.changed += 1
            self._changes[item.db, key] = commands
        for argv in commands:
            self._fold.apply([Record(0, 0, 0, item.db, [argv], _NOBODY)])
            yield

    def differences(self) -> Iterator[tuple[int, list[Argv]]]:
        """Yield what makes the keyspace's data this: (database, commands), in order.

        Each step is for one key or a part of it, for the functions, or for keys that
        are the same.
        """
        yield from self._function_changes()
        for live, staged in zip(
            self._live.databases, self._staged.databases, strict=True
        ):
            for keys in portions(live.values, _KEYS_A_STEP):
                gone = [key for key in keys if key not in staged.values]
                self.removed += len(gone)
                yield live.index, [[b"DEL", key] for key in gone]
            for items in portions(staged.values.items(), _KEYS_A_STEP):
                yield live.index, []
                for key, value in items:
                    for commands in self._commands_for(key, value, live, staged):
                        yield live.index, commands

    def _commands_for(
        self, key: bytes, value: Any, live: Database, staged: Database
    ) -> Iterator[list[Argv]]:
        place = live.index, key
        if key not in live.values or place in self._replaced:
            if key in live.values:
                yield [[b"DEL", key]]
            deadline_ms = staged.deadlines.get(key)
            if is_large(value):
                yield from build_in_steps(key, value, deadline_ms)
            else:
                yield list(build_commands(key, opened(value), deadline_ms))
        elif (commands := self._changes.get(place)) is not None:
            yield from portions(commands, _COMMANDS_A_STEP)

    def _function_changes(self) -> Iterator[tuple[int, list[Argv]]]:
        had, wanted = self._live.libraries, self._staged.libraries
        for name in had.keys() - wanted.keys():
            yield 0, [[b"FUNCTION", b"DELETE", name]]
        for name, source in wanted.items():
            if had.get(name) != source:
                yield 0, [[b"FUNCTION", b"LOAD", b"REPLACE", source]]

    def take_place(self) -> None:
        """Take the place of the keyspace's data, which is freed by and by."""
        take_place(self._live, self._staged)
        self._changes.clear()
        self._replaced.clear()


def take_place(live: Keyspace, other: Keyspace) -> None:
    """Let the data of another keyspace take the place of one's; that is freed."""
    for database, staged in zip(live.databases, other.databases, strict=True):
        if database.is_observed:
            live.observe_replaced(database, staged)
        staged.keyspace = live
        database.exchange(staged)
        staged.clear()
    live.libraries.clear()
    live.libraries.update(other.libraries)
    live.changes += 1


def _twice(name: str, key: bytes) -> RdbError:
    return RdbError(f"{name}: key {key!r} comes twice")


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
