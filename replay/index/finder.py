"""Finding records by key, by word and by number, with the index where there is one."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from joblog.app.history.touched import find_touched
from joblog.replay.index.bases import Bases
from joblog.replay.index.catalogue import Catalogue
from joblog.replay.index.marks import WHOLE_DATABASES, find_words, mention_test
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.index.scanning import (
    END_SEQ,
    KeyPieces,
    Pieces,
    decode_sifted,
    read_window,
)
from joblog.replay.index.sections import require_records
from joblog.storage.errors import CorruptLogError
from joblog.storage.places import find_behind_seal, find_in_segment, find_segment_at
from joblog.storage.reader import RecordEnd
from joblog.storage.record import RecordDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from joblog.replay.index.parts import Chunk, Part
    from joblog.replay.index.scanning import Sieve
    from joblog.replay.index.sections import Section
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record


class LogIndex:
    """Finds the records of one log that have to do with a key or a word.

    What is found is true at any time: the index only says where to look, records come
    from the log, and what is not indexed (yet) is scanned.

    Attributes:
        bases: the states of the log that a fold can begin with.
        followed_by: the schemas, as a command line names them, by which much of what
            is indexed had to be followed for want of a ledger; empty for none.
    """

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Look at a log.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.

        Raises:
            StorageError: this is not a data folder.
        """
        self._catalogue = Catalogue(folder, filesystem)
        self._catalogue.folder.find_segments()
        self.bases = Bases(self._catalogue)
        self.followed_by: list[str] = []
        self._chunk: tuple[tuple[int, Chunk], list[bytes]] | None = None

    def key_records(
        self,
        db: int,
        key: bytes,
        from_seq: int = 1,
        until_seq: int = END_SEQ,
        *,
        is_reverse: bool = False,
    ) -> Iterator[Record]:
        """Yield the records that changed a key, or may have, in order.

        FLUSHALL, FLUSHDB and SWAPDB change keys that they do not name.

        Args:
            db: the key's database.
            key: the key.
            from_seq: the first record that counts; those that were pruned are left out.
            until_seq: the last record that counts.
            is_reverse: whether the last one comes first.

        Raises:
            CorruptLogError: the log is damaged; all records before it were yielded.
        """
        for record in self.candidates(
            [[key], [WHOLE_DATABASES]],
            KeyPieces(key),
            from_seq,
            until_seq,
            is_reverse=is_reverse,
        ):
            if record.effects and find_touched(record).includes(db, key):
                yield record

    def word_records(
        self,
        word: bytes,
        from_seq: int = 1,
        until_seq: int = END_SEQ,
        *,
        is_reverse: bool = False,
    ) -> Iterator[Record]:
        """Yield the records that mention a word, in order.

        A word may be any text, such as a job's id or a key. It has to stand within one
        argument of an effect or of a command as it was given, and not in the middle of
        a longer run of letters, digits, `_` and `-` (see `marks.mention_test`).

        Args:
            word: the text.
            from_seq: the first record that counts; those that were pruned are left out.
            until_seq: the last record that counts.
            is_reverse: whether the last one comes first.

        Raises:
            CorruptLogError: the log is damaged; all records before it were yielded.
        """
        mentions = mention_test(word)
        for record in self.candidates(
            [find_words(word)],
            Pieces(word),
            from_seq,
            until_seq,
            is_reverse=is_reverse,
        ):
            if mentions(record):
                yield record

    def find_key(
        self, db: int, key: bytes, from_seq: int = 1, until_seq: int = END_SEQ
    ) -> Iterator[int]:
        """Yield the numbers of `key_records`."""
        return (record.seq for record in self.key_records(db, key, from_seq, until_seq))

    def find_word(
        self, word: bytes, from_seq: int = 1, until_seq: int = END_SEQ
    ) -> Iterator[int]:
        """Yield the numbers of `word_records`."""
        return (record.seq for record in self.word_records(word, from_seq, until_seq))

    def candidates(
        self,
        wanted: Sequence[Iterable[bytes]],
        sieve: Sieve,
        from_seq: int = 1,
        until_seq: int = END_SEQ,
        *,
        is_reverse: bool = False,
    ) -> Iterator[Record]:
        """Yield records that a sieve lets through, all that have what is wanted.

        Args:
            wanted: groups of marks (see `marks`); a record that counts has all marks of
                one group.
            sieve: what is in the payload of each record that counts.
            from_seq: the first record that counts.
            until_seq: the last record that counts.
            is_reverse: whether the last one comes first.

        Raises:
            CorruptLogError: the log is damaged.
        """
        for section in self.sections(from_seq, until_seq, is_reverse=is_reverse):
            for records in section.find(
                wanted, sieve, from_seq, until_seq, is_reverse=is_reverse
            ):
                yield from reversed(records) if is_reverse else records

    def sections(
        self, from_seq: int, until_seq: int, *, is_reverse: bool = False
    ) -> Iterator[Section]:
        """Yield the sections that have records of a range, in order or from the last.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        return self._catalogue.sections(from_seq, until_seq, is_reverse=is_reverse)

    def get_record(self, seq: int) -> Record | None:
        """Return one record, None where the log has not come to it.

        Raises:
            PrunedError: the log no longer has it.
            CorruptLogError: the log is damaged there.
        """
        for section in self._catalogue.sections(seq, seq):
            payload = self._find_payload(section, seq)
            if payload is not None:
                return decode_sifted(RecordDecoder(), [payload], None, seq + 1)[0]
        return next(self.records(seq, seq), None)

    def _find_payload(self, section: Section, seq: int) -> bytes | None:
        """Return the payload of an indexed record; None where it is not indexed."""
        chunk = section.chunk_of(seq)
        if chunk is None:
            return None
        where = section.after.first_seq, chunk
        if self._chunk is None or self._chunk[0] != where:
            try:
                # Who asks for one record often asks for the next ones, too.
                self._chunk = where, self._catalogue.read_chunk(*where)
            except CorruptLogError:
                return None  # what is before the damage can be read all the same
        return self._chunk[1][seq - chunk.first_seq]

    def records(
        self, from_seq: int, until_seq: int, sieve: Sieve | None = None
    ) -> Iterator[Record]:
        """Yield the records of a range that a sieve lets through.

        Raises:
            PrunedError: the log no longer has the first.
            CorruptLogError: the log is damaged; all records before it were yielded.
        """
        for section in self._catalogue.sections(from_seq, from_seq):
            if section.is_growing:
                return section.scan(sieve, from_seq, until_seq)
        after = self.find_end_before(from_seq)
        return read_window(
            self.folder,
            self.filesystem,
            from_seq,
            until_seq,
            sieve,
            after,
            self.progress,
        )

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._catalogue.folder.path

    @property
    def filesystem(self) -> FileSystem:
        """The door to the disk."""
        return self._catalogue.filesystem

    def tell(self, progress: Callable[[int], None]) -> None:
        """Tell from now on how far a scan has come, where the index is of no help.

        Args:
            progress: is told the number of the last record that was read.
        """
        self._catalogue.progress = progress

    @property
    def progress(self) -> Callable[[int], None] | None:
        """What is told how far a scan has come."""
        return self._catalogue.progress

    @property
    def first_seq(self) -> int:
        """The number of the first record that the log still has, or would have."""
        segments = self._catalogue.folder.find_segments()
        return segments[0] if segments else 1

    @property
    def last_seq(self) -> int:
        """The number of the log's last record; 0 for none."""
        return self.find_seq_at(END_SEQ)

    def find_seq_at(self, at_ms: int) -> int:
        """Return the number of the last record that is not later than a time.

        Returns:
            The number; 0 where the log's first record is later.

        Raises:
            PrunedError: the time lies before the first record that the log still has.
            CorruptLogError: the log is damaged where the time lies.
        """
        catalogue = self._catalogue
        found = find_segment_at(
            catalogue.folder, at_ms, filesystem=catalogue.filesystem
        )
        if not found:
            return 0
        covered = catalogue.cover(found)
        for part in covered.parts:
            if part.header.last_at_ms > at_ms:
                return self._find_in_part(found, part, at_ms)
        last_seq = covered.next_seq - 1
        if found == catalogue.folder.find_segments()[-1]:
            after = RecordEnd(found, last_seq, covered.offset)
            rest = catalogue.read_rest(after)
            if rest is not None:
                return last_seq + bisect_right(rest, at_ms, key=_read_time)
        reader = catalogue.reader(found)
        reader.offset = covered.offset
        last_seq = find_in_segment(reader, at_ms, last_seq)
        return find_behind_seal(
            catalogue.folder, catalogue.filesystem, reader, at_ms, last_seq
        )

    def _find_in_part(self, segment_seq: int, part: Part, at_ms: int) -> int:
        """Return a part's last record that is not later than a time."""
        try:
            low, high = -1, part.chunk_count
            while high - low > 1:
                middle = (low + high) // 2
                if self._chunk_times(segment_seq, part, middle)[0] <= at_ms:
                    low = middle
                else:
                    high = middle
            if low < 0:
                return part.header.first_seq - 1
            times = self._chunk_times(segment_seq, part, low)
            return part.chunk(low).first_seq - 1 + bisect_right(times, at_ms)
        except DamagedPartError:
            reader = self._catalogue.reader(segment_seq)
            reader.offset = part.header.start
            return find_in_segment(reader, at_ms, part.header.first_seq - 1)

    def _chunk_times(self, segment_seq: int, part: Part, number: int) -> list[int]:
        chunk = part.chunk(number)
        payloads = self._catalogue.read_chunk(segment_seq, chunk)
        reader = self._catalogue.reader(segment_seq)
        return [record.at_ms for record in require_records(payloads, reader)]

    def find_end_before(self, seq: int) -> RecordEnd | None:
        """Return where to begin to read for the sake of a record; None: the start.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        for section in self._catalogue.sections(seq, seq):
            return section.end_before(seq)
        return None

    @property
    def catalogue(self) -> Catalogue:
        """What there is of the log and of its index, for those who add to it."""
        return self._catalogue

    def count_unindexed_bytes(self) -> int:
        """Return how many bytes of the log the index does not cover.

        Raises:
            CorruptLogError: a segment's header is damaged.
        """
        return self._catalogue.count_unindexed_bytes()

    def close(self) -> None:
        """Close the files that were opened."""
        self._catalogue.close()


def _read_time(payload: bytes) -> int:
    return RecordDecoder().decode(payload).at_ms
