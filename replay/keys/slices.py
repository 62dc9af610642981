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

from collections import deque
from typing import TYPE_CHECKING

from joblog.app.commands.writers import find_writer
from joblog.app.errors import CommandError
from joblog.app.history.recovery import Fold
from joblog.app.history.snapshots import load_keys
from joblog.app.history.touched import changed_keys, changes_databases
from joblog.replay.index.marks import WHOLE_DATABASES
from joblog.replay.index.scanning import KeyPieces
from joblog.replay.keys.past import DATABASES, Step
from joblog.replay.keys.values import take_version
from joblog.storage.errors import CorruptLogError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.app.keyspace.database import Database
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
        self._alone: dict[bytes, bool] = {}
        self._base_seq = self.seq = 0
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
        self._rest = deque(self._found[seq] for seq in sorted(self._found))

    def _gather(self, keys: Iterable[bytes]) -> None:
        """Find the records of keys, and of the keys that those depend on."""
        new = set(keys)
        while new:
            self.keys |= new
            if len(self.keys) > _KEYS_MAX:
                raise NoSliceError
            groups = [[key] for key in sorted(new)]
            for record in self._index.candidates(
                [*groups, [WHOLE_DATABASES]],
                KeyPieces(*new),
                self._base_seq + 1,
                self._until_seq,
            ):
                if record.effects:
                    self._found[record.seq] = record
                if len(self._found) > self._records_max:
                    raise NoSliceError
            new = set().union(*map(self._needs, self._found.values())) - self.keys

    def _needs(self, record: Record) -> set[bytes]:
        """Return the keys on which the outcome of a record's effects depends."""
        needed: set[bytes] = set()
        for argv in record.effects:
            if not self._is_alone(argv) and self._writes(argv):
                needed.update(_keys_that_matter(argv))
        return needed

    def _is_alone(self, argv: list[bytes]) -> bool:
        """Tell whether what an effect makes of a key depends on no other key."""
        name = argv[0]
        is_alone = self._alone.get(name)
        if is_alone is None:
            is_alone = self._alone[name] = _is_alone(argv)
        return is_alone

    def _writes(self, argv: list[bytes]) -> bool:
        return not self.keys.isdisjoint(changed_keys(argv))

    def steps(self, until_seq: int) -> Iterator[tuple[Record, Record]]:
        """Let each record happen that changed one of the keys, up to a number.

        Yields:
            The record, just before it happens, and what of it matters here; whoever
            takes it has to `apply` the latter.
        """
        while self._rest and self._rest[0].seq <= until_seq:
            record = self._rest.popleft()
            effects = [
                argv
                for argv in record.effects
                if self._writes(argv)
                or changes_databases(argv)
                or argv[0].upper() in _SWITCHES
            ]
            yield record, record._replace(effects=effects)
        self.seq = max(self.seq, until_seq)

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
        for _, part in self.steps(seq):
            self.apply([part])

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


def _is_alone(argv: list[bytes]) -> bool:
    command = find_writer(argv)
    if command is None or command.group == "scripting":
        return False
    specs = command.keys
    if len(specs) == 1 and specs[0].is_only_first:
        return True
    return bool(specs) and not any(spec.may_matter for spec in specs)


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
