"""Slices: the past of a few keys, folded from the records that change them.

To know what one key was, it is enough to fold the records that changed it, and those
that changed the keys it was made from. The index finds them, so a key that ten records
changed in ten million is known after folding ten. The fold is the one of `Past`; only
effects on other keys are left out.

Which keys a slice needs is found by going round: an effect that writes one of its keys
may read others (RENAME, RPOPLPUSH, ZUNIONSTORE), so these belong to it too. Where that
does not end soon, or an effect's outcome depends on more than the keys it names, there
is no slice, and all has to be folded.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.commands.writers import find_writer
from joblog.app.errors import CommandError
from joblog.app.history.recovery import Fold
from joblog.app.history.snapshots import load_keys
from joblog.app.history.touched import changed_keys, changes_databases
from joblog.app.types.kinds import copy_value
from joblog.replay.index.marks import WHOLE_DATABASES
from joblog.replay.index.scanning import KeyPieces
from joblog.replay.keys.past import DATABASES, Step
from joblog.replay.keys.values import take_version
from joblog.storage.errors import CorruptLogError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.values import Version
    from joblog.storage.record import Record

RECORDS_MAX = 20_000
"""So many records are always worth while."""

_RECORDS_KEPT = 200_000
"""A slice keeps its records in memory; with more than these it is none."""

_PART_OF_ALL = 2
"""With more than one record in so many, a fold of all is hardly slower."""

_KEYS_MAX = 32
_SWITCHES = {b"SELECT"}


class NoSliceError(Exception):
    """These keys cannot be folded alone, or it would be no quicker."""


class _Kind(Enum):
    """What an effect of some name changes, and what that depends on."""

    FIRST = "its first argument, and on nothing else"
    ALONE = "keys that don't depend on each other"
    OTHER = "keys that may depend on each other"


class Bookmark(NamedTuple):
    """A moment of a slice to which it can go back.

    Attributes:
        seq: the last record that had happened.
        place: how many of the slice's records that were.
        values: (database, key, value, deadline) of each key that was there.
    """

    seq: int
    place: int
    values: list[tuple[int, bytes, Any, int | None]]


class Slice:
    """The keyspace narrowed to some keys, at one moment after the other.

    Attributes:
        keys: the keys that are as they were, in every database.
        seq: the last record that has happened.
    """

    def __init__(
        self,
        index: LogIndex,
        keys: Iterable[bytes],
        from_seq: int,
        until_seq: int,
        records_max: int = RECORDS_MAX,
    ) -> None:
        """Find what changed some keys.

        Args:
            index: the log's index.
            keys: the keys.
            from_seq: the first moment that is of interest; 0 for all that was.
            until_seq: the last one.
            records_max: how many records are worth while in any case.

        Raises:
            NoSliceError: these keys cannot be folded alone.
            CorruptLogError: the log is damaged.
        """
        self.keys: set[bytes] = set()
        self._index = index
        self._until_seq = until_seq
        self._found: dict[int, Record] = {}
        self._kinds: dict[bytes, _Kind] = {}
        self._base_seq = self.seq = 0
        self._place = 0
        self._fold = Fold(DATABASES)
        opened = index.bases.open(from_seq) if from_seq else None
        if opened is not None:
            snapshot, end = opened
            self._base_seq = end.seq
        elif index.first_seq > 1:
            raise NoSliceError
        of_all = (until_seq - self._base_seq) // _PART_OF_ALL
        self._records_max = max(records_max, min(of_all, _RECORDS_KEPT))
        try:
            self._gather(keys)
            if opened is not None:
                load_keys(self._fold.keyspace, snapshot, self.keys)
        except SnapshotError as error:
            raise NoSliceError from error
        finally:
            if opened is not None:
                snapshot.close()
        self.seq = self._base_seq
        self._records = [self._found[seq] for seq in sorted(self._found)]
        self._found.clear()

    def _gather(self, keys: Iterable[bytes]) -> None:
        """Find the records of keys, and of the keys that those depend on."""
        new = set(keys)
        while new:
            self.keys |= new
            if len(self.keys) > _KEYS_MAX:
                raise NoSliceError
            needed: set[bytes] = set()
            for record in self._scan(new, self._base_seq + 1):
                self._found[record.seq] = record
                if len(self._found) > self._records_max:
                    raise NoSliceError
                self._add_needs(record, needed)
            new = needed - self.keys

    def _scan(self, keys: Iterable[bytes], from_seq: int) -> Iterator[Record]:
        """Yield the records from one on that may have changed some keys."""
        groups = [[key] for key in sorted(keys)]
        for record in self._index.candidates(
            [*groups, [WHOLE_DATABASES]], KeyPieces(*keys), from_seq, self._until_seq
        ):
            if record.effects:
                yield record

    def extend(self, until_seq: int) -> bool:
        """Find what changed the keys up to a later record.

        Returns:
            False where more keys have become of interest by that: they are among `keys`
            now, and all of these need another slice.

        Raises:
            NoSliceError: there are too many records.
            CorruptLogError: the log is damaged.
        """
        from_seq, self._until_seq = self._until_seq + 1, until_seq
        needed: set[bytes] = set()
        for record in self._scan(self.keys, from_seq):
            self._records.append(record)
            if len(self._records) > self._records_max:
                raise NoSliceError
            self._add_needs(record, needed)
            if needed:
                self.keys |= needed
                return False
        return True

    def _add_needs(self, record: Record, needed: set[bytes]) -> None:
        """Add the keys on which the outcome of a record's effects depends.

        Those that are among the slice's are left out where that is quick to see.
        """
        keys = self.keys
        for argv in record.effects:
            if (
                self._kind(argv) is _Kind.OTHER
                and not keys.issuperset(argv[1:])
                and self._writes(argv)
            ):
                needed.update(set(_keys_that_matter(argv)) - keys)

    def _kind(self, argv: list[bytes]) -> _Kind:
        name = argv[0]
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = _kind_of(argv)
        return kind

    def _writes(self, argv: list[bytes]) -> bool:
        if self._kind(argv) is _Kind.FIRST:
            return argv[1] in self.keys
        return not self.keys.isdisjoint(changed_keys(argv))

    def steps(self, until_seq: int) -> Iterator[tuple[Record, Record]]:
        """Let each record happen that changed one of the keys, up to a number.

        Yields:
            The record, just before it happens, and what of it matters here; whoever
            takes it has to `apply` the latter.
        """
        for record in self._next(until_seq):
            yield record, self._part_of(record)
        self.seq = max(self.seq, until_seq)

    def _next(self, until_seq: int) -> Iterator[Record]:
        records = self._records
        while self._place < len(records) and records[self._place].seq <= until_seq:
            self._place += 1
            yield records[self._place - 1]

    def _part_of(self, record: Record) -> Record:
        """Return what of a record matters here."""
        effects = [
            argv
            for argv in record.effects
            if self._writes(argv)
            or changes_databases(argv)
            or argv[0].upper() in _SWITCHES
        ]
        if len(effects) == len(record.effects):
            return record
        return record._replace(effects=effects)

    def apply(self, parts: list[Record]) -> None:
        """Let the next records happen.

        Raises:
            NoSliceError: it does not go as it went in the whole keyspace.
        """
        try:
            self._fold.apply(parts)
        except CorruptLogError as error:
            raise NoSliceError from error

    def go_to(self, seq: int) -> None:
        """Let all happen up to a record.

        Raises:
            NoSliceError: it does not go as it went in the whole keyspace.
        """
        self.apply([self._part_of(record) for record in self._next(seq)])
        self.seq = max(self.seq, seq)

    def bookmark(self) -> Bookmark:
        """Return this moment, to which `go_back` goes. O(N) for N elements."""
        values = [
            (database.index, key, copy_value(value), database.deadlines.get(key))
            for database in self.databases
            for key, value in database.values.items()
        ]
        return Bookmark(self.seq, self._place, values)

    def go_back(self, bookmark: Bookmark) -> None:
        """Go to a moment at which this slice was."""
        self._fold = Fold(DATABASES)
        for number, key, value, deadline_ms in bookmark.values:
            self.databases[number].place(key, copy_value(value), deadline_ms)
        self.seq, self._place = bookmark.seq, bookmark.place

    @property
    def place(self) -> int:
        """How many of its records have happened."""
        return self._place

    @property
    def until_seq(self) -> int:
        """The last record up to which it knows what changed its keys."""
        return self._until_seq

    @property
    def keyspace(self) -> Keyspace:
        """The keyspace at this moment."""
        return self._fold.keyspace

    @property
    def databases(self) -> list[Database]:
        """The databases at this moment; only the keys in them are as they were."""
        return self._fold.keyspace.databases

    def version(self, db: int, key: bytes) -> Version | None:
        """Return what one of the keys is at this moment, None where it is missing."""
        assert key in self.keys
        return take_version(self._fold.keyspace.databases[db], key)


def trace_slice(
    index: LogIndex,
    db: int,
    key: bytes,
    from_seq: int,
    until_seq: int,
    records_max: int = RECORDS_MAX,
) -> list[Step]:
    """Return each change of one key after a moment, up to another.

    Raises:
        NoSliceError: the key cannot be folded alone.
        CorruptLogError: the log is damaged.
    """
    past = Slice(index, [key], from_seq, until_seq, records_max)
    past.go_to(from_seq)
    version = past.version(db, key)
    steps: list[Step] = []
    for record, part in past.steps(until_seq):
        past.apply([part])
        after = past.version(db, key)
        if after != version:
            steps.append(Step(record, version, after))
            version = after
    return steps


def _kind_of(argv: list[bytes]) -> _Kind:
    command = find_writer(argv)
    if command is None or command.group == "scripting":
        return _Kind.OTHER
    specs = command.keys
    if len(specs) == 1 and specs[0].is_only_first:
        return _Kind.FIRST if specs[0].may_change else _Kind.ALONE
    if specs and not any(spec.may_matter for spec in specs):
        return _Kind.ALONE
    return _Kind.OTHER


def _keys_that_matter(argv: list[bytes]) -> list[bytes]:
    """Return the keys on which it depends what an effect makes of others.

    Raises:
        NoSliceError: not all of them are named.
    """
    command = find_writer(argv)
    if command is None or command.group == "scripting":
        raise NoSliceError
    specs = [spec for spec in command.keys if spec.may_matter]
    if any(spec.is_unnamed for spec in specs):
        raise NoSliceError
    try:
        return [argv[at] for spec in specs for at in spec.positions(argv)]
    except (CommandError, IndexError) as error:
        raise NoSliceError from error
