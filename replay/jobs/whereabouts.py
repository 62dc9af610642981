"""Whereabouts: what moved a job that no longer says so, found by following its places.

A pop does not mention what it takes. Where a job was put is said by the records that
mention it; from the log's first record on these keys, and those that they are made of,
are folded alone, so that each record that took the job, or brought it elsewhere, is
known for certain. Nothing is kept but the state of these keys.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from joblog.app.history.touched import changed_keys, changes_databases
from joblog.app.types.streams import Stream
from joblog.replay.jobs.moves import contents, watch_effect
from joblog.replay.jobs.sparse import SparseError
from joblog.replay.keys.slices import NoSliceError
from joblog.replay.keys.streamed import MoreKeysError, StreamedSlice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.losses import FindWord
    from joblog.replay.jobs.stories import Home
    from joblog.storage.record import Record

_KEYS_MAX = 32
_ELSEWHERE = {b"MOVE", b"COPY", b"SWAPDB"}
"""They lead to other databases, where nothing is followed."""


class Whereabouts:
    """Where the elements of a job were, record by record.

    Attributes:
        moved: the records that moved the job and do not mention it.
        parts: what records that mention it, or moved it, have to do with it.
        there: how often it was in which key after each of these.
    """

    def __init__(
        self,
        index: LogIndex,
        finds: FindWord,
        mentions: Mapping[int, Record],
        until_seq: int,
    ) -> None:
        """Follow the places of a job.

        Args:
            index: the log, from its first record on.
            finds: whether a text has the job's id, or another name of it.
            mentions: the records that mention it.
            until_seq: the last record to look at.

        Raises:
            SparseError: these keys cannot be followed alone.
            CorruptLogError: the log is damaged.
        """
        self._index = index
        self._finds = finds
        self._mentions = mentions
        self._until_seq = until_seq
        self.keys = self._places(mentions.values())
        self._begin()
        while not self._follow():
            if len(self.keys) > _KEYS_MAX:
                raise SparseError("it was in very many keys")
            self._begin()

    def _begin(self) -> None:
        self.moved: dict[int, Record] = {}
        self.parts: dict[int, Record] = {}
        self.there: dict[int, Counter[Home]] = {}
        self._now: Counter[Home] = Counter()

    def _places(self, records: Iterable[Record]) -> set[bytes]:
        """Return the keys that records change, but for those named after the job."""
        return {
            key
            for record in records
            for argv in record.effects
            for key in changed_keys(argv)
            if not self._finds(key)
        }

    def _follow(self) -> bool:
        """Follow the keys; tell whether these were all, and note down which are."""
        last_seq = max(self._mentions, default=0)
        try:
            past = StreamedSlice(self._index, self.keys, self._until_seq)
            for record, part in past.steps(self._until_seq):
                if record.seq in self._mentions or self._now:
                    self._watch(past, record, part)
                elif record.seq > last_seq:
                    break
                else:
                    past.apply([part])
        except MoreKeysError as error:
            self.keys |= error.keys
            return False
        except NoSliceError as error:
            raise SparseError("its places cannot be followed alone") from error
        return True

    def _watch(self, past: StreamedSlice, record: Record, part: Record) -> None:
        """Let a record happen that may move the job.

        Raises:
            SparseError: it does so in a way that is not followed.
        """
        is_mentioned = record.seq in self._mentions
        moving: set[int] = set()
        mattering = set(map(id, part.effects))
        db = record.db
        for argv in record.effects:
            self._require_keys(db, argv)
            if id(argv) not in mattering:
                continue
            one = part._replace(db=db, effects=[argv])
            if argv[0].upper() == b"SELECT":
                past.apply([one])
                db = int(argv[1])
            elif changes_databases(argv):
                if argv[0].upper() in _ELSEWHERE:
                    raise SparseError("databases changed places")
                past.apply([one])
                self._recount(past)
            elif self._moves(past, one, is_mentioned=is_mentioned):
                moving.add(id(argv))
        if moving or is_mentioned:
            self._now = +self._now
            self.there[record.seq] = Counter(self._now)
            self.parts[record.seq] = self._part_of(record, moving)
            if not is_mentioned:
                self.moved[record.seq] = record

    def _require_keys(self, db: int, argv: list[bytes]) -> None:
        """Check that an effect brings the job to no key that is not followed.

        Raises:
            MoreKeysError: it may.
        """
        if self._is_in(db, argv):
            more = {key for key in changed_keys(argv) if not self._finds(key)}
            if not more <= self.keys:
                raise MoreKeysError(more)

    def _is_in(self, db: int, argv: list[bytes]) -> bool:
        """Tell whether an effect names a key that has the job."""
        return any((db, word) in self._now for word in argv[1:])

    def _moves(self, past: StreamedSlice, one: Record, *, is_mentioned: bool) -> bool:
        """Let an effect happen, and tell whether it moved the job.

        Raises:
            SparseError: it does so in a way that is not followed.
        """
        (argv,) = one.effects
        here = [key for key in changed_keys(argv) if key in self.keys]
        if not (is_mentioned or self._is_in(one.db, argv)):
            past.apply([one])
            return False
        if argv[0].upper() in _ELSEWHERE:
            raise SparseError("it may have been moved to another database")
        database = past.databases[one.db]
        finish = watch_effect(database, argv, here)
        past.apply([one])
        has_moved = False
        for move in finish():
            if self._finds(move.element) or self._finds(move.value or b""):
                self._now[one.db, move.key] += move.delta
                has_moved = True
        if any(isinstance(database.values.get(key), Stream) for key in here):
            raise SparseError("it was in a stream")
        return has_moved

    def _part_of(self, record: Record, moving: set[int]) -> Record:
        """Return a record with what mentions the job, and the effects that moved it."""
        effects = [
            argv
            for argv in record.effects
            if id(argv) in moving
            or any(map(self._finds, argv))
            or changes_databases(argv)
            or argv[0].upper() == b"SELECT"
        ]
        return record._replace(effects=effects)

    def _recount(self, past: StreamedSlice) -> None:
        """Find out where the job is after whole databases changed."""
        for home in self._now:
            db, key = home
            self._now[home] = count_in(past.databases[db], key, self._finds)


def count_in(database: Database, key: bytes, finds: FindWord) -> int:
    """Return how often a key has a job."""
    return sum(
        count
        for element, (count, _, value) in contents(database, key).items()
        if finds(element) or finds(value or b"")
    )
