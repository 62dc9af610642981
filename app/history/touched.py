"""Which keys a record changed, as the command table tells of its effects.

Keys that a command only read (the sources of SUNIONSTORE, say) do not count. FLUSHALL,
FLUSHDB and SWAPDB change whole databases: these three are named here and not where they
are registered, since records are asked about them before they are even decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.commands.writers import find_writer
from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from joblog.app.table.table import Command
    from joblog.storage.record import Record

DbKey = tuple[int, bytes]
ALL_DATABASES = -1

_KeysOf = Callable[[list[bytes]], list[bytes]]


class Touched(NamedTuple):
    """What a record changed.

    Attributes:
        keys: (database, key), each once, in order.
        databases: those of which every key may have changed; `ALL_DATABASES` for all.
    """

    keys: list[DbKey]
    databases: list[int]

    def includes(self, db: int, key: bytes) -> bool:
        """Tell whether a key is among what may have changed."""
        return (db, key) in self.keys or self.includes_all(db)

    def includes_all(self, db: int) -> bool:
        """Tell whether every key of a database may have changed."""
        return db in self.databases or ALL_DATABASES in self.databases


def find_touched(record: Record) -> Touched:
    """Return the keys that a record changed, or may have changed."""
    return touched_by(record.db, record.effects)


def touched_by(db: int, effects: list[list[bytes]]) -> Touched:
    """Return the keys that effects changed, or may have changed, in order."""
    keys: dict[DbKey, None] = {}
    databases: list[int] = []
    for argv in effects:
        name = argv[0].upper()
        keys_of = _FINDERS.get(name)
        if keys_of is None:
            keys_of = _FINDERS[name] = _make_finder(argv)
        if name in _WHOLE:
            databases += _WHOLE[name](db, argv)
        elif name == b"SELECT":
            db = int(argv[1])
        elsewhere = _ELSEWHERE.get(name)
        for key in keys_of(argv):
            for each in (db,) if elsewhere is None else elsewhere(db, argv):
                keys[each, key] = None
    return Touched(list(keys), databases)


def changed_keys(argv: list[bytes]) -> list[bytes]:
    """Return the keys that an effect names and changes, of whichever database."""
    keys_of = _FINDERS.get(argv[0])
    if keys_of is None:
        keys_of = _FINDERS[argv[0]] = _make_finder(argv)
    return keys_of(argv)


def touches_text(record: Record, matches: Callable[[bytes], object]) -> bool:
    """Tell whether a record changed a key that a matcher wants, in any database.

    It is `find_touched` for a filter that sees many records. What changes a whole
    database changes any key.
    """
    finders = _FINDERS
    for argv in record.effects:
        name = argv[0].upper()
        keys_of = finders.get(name)
        if keys_of is None:
            keys_of = finders[name] = _make_finder(argv)
        for key in keys_of(argv):
            if matches(key):
                return True
        if name in _WHOLE:
            return True
    return False


def changes_databases(argv: list[bytes]) -> bool:
    """Tell whether an effect changes whole databases, and so keys that it lacks."""
    return argv[0] in WHOLE_DATABASE_NAMES


def names_whole_databases(payload: bytes) -> bool:
    """Tell whether an undecoded record may change whole databases."""
    payload = payload.upper()
    return b"FLUSH" in payload or b"SWAPDB" in payload


def _make_finder(argv: list[bytes]) -> _KeysOf:
    """Return what gives the changed keys of every argv with this command's name."""
    command = find_writer(argv)
    if command is None or not (command.keys or command.subcommands):
        return _no_keys
    if command.skip > 1:
        return _of_subcommand
    changed = [spec for spec in command.keys if spec.may_change]
    for spec in changed:
        if spec.databases is not None:
            _ELSEWHERE[argv[0].upper()] = spec.databases
    if len(changed) == 1 and changed[0].is_only_first:
        return _first_argument
    return lambda words: _keys(command, words)


def _no_keys(_: list[bytes]) -> list[bytes]:
    return []


def _first_argument(argv: list[bytes]) -> list[bytes]:
    return argv[1:2]


def _of_subcommand(argv: list[bytes]) -> list[bytes]:
    command = find_writer(argv)
    return [] if command is None else _keys(command, argv)


def _keys(command: Command, argv: list[bytes]) -> list[bytes]:
    try:
        return [argv[position] for position in command.changed_positions(argv)]
    except (CommandError, IndexError):
        # Whoever folds this record is told that it cannot be; here it names no key.
        return []


def _this(db: int, _: list[bytes]) -> list[int]:
    return [db]


def _all(_: int, __: list[bytes]) -> list[int]:
    return [ALL_DATABASES]


def _both(_: int, argv: list[bytes]) -> list[int]:
    return [int(argv[1]), int(argv[2])]


_WHOLE: dict[bytes, Callable[[int, list[bytes]], list[int]]] = {
    b"FLUSHDB": _this,
    b"FLUSHALL": _all,
    b"SWAPDB": _both,
}
WHOLE_DATABASE_NAMES = frozenset(
    bytes(letters)
    for name in _WHOLE
    for letters in product(*zip(name, name.lower(), strict=True))
)
"""Effects that change whole databases, in every case of letters."""

_ELSEWHERE: dict[bytes, Callable[[int, list[bytes]], list[int]]] = {}
"""What tells in which databases a command changes keys, where that varies."""

_FINDERS: dict[bytes, _KeysOf] = {}
"""By a command's name, as it is written; filled as names come by."""
