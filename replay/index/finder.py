"""Finding records by key, by word and by number, with the index where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.index.marks import mention_test
from replay.moments import first_seq
from replay.scanning import END_SEQ, read_window
from replay.touched import find_touched, names_whole_databases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.record import Record


class LogIndex:
    """Finds the records of one log that have to do with a key or a word.

    What is found is true at any time: the index only says where to look, records come
    from the log, and what is not indexed (yet) is scanned.
    """

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Look at a log.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.

        Raises:
            StorageError: this is not a data folder.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._floor_seq = first_seq(folder, filesystem)

    def key_records(
        self, db: int, key: bytes, from_seq: int = 1, until_seq: int = END_SEQ
    ) -> Iterator[Record]:
        """Yield the records that changed a key, or may have, in order.

        FLUSHALL, FLUSHDB and SWAPDB change keys that they do not name.

        Args:
            db: the key's database.
            key: the key.
            from_seq: the first record that counts; those that were pruned are left out.
            until_seq: the last record that counts.

        Raises:
            CorruptLogError: the log is damaged; all records before it were yielded.
        """
        for record in self._scan(
            lambda payload: key in payload or names_whole_databases(payload),
            from_seq,
            until_seq,
        ):
            if record.effects and find_touched(record).includes(db, key):
                yield record

    def word_records(
        self, word: bytes, from_seq: int = 1, until_seq: int = END_SEQ
    ) -> Iterator[Record]:
        """Yield the records that mention a word, in order.

        A word may be any text, such as a job's id or a key. It has to stand within one
        argument of an effect or of a command as it was given, and not in the middle of
        a longer run of letters, digits, `_` and `-` (see `marks.mention_test`).

        Args:
            word: the text.
            from_seq: the first record that counts; those that were pruned are left out.
            until_seq: the last record that counts.

        Raises:
            CorruptLogError: the log is damaged; all records before it were yielded.
        """
        mentions = mention_test(word)
        for record in self._scan(lambda payload: word in payload, from_seq, until_seq):
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

    def get_record(self, seq: int) -> Record | None:
        """Return one record, None where the log has not come to it.

        Raises:
            PrunedError: the log no longer has it.
            CorruptLogError: the log is damaged there.
        """
        return next(read_window(self._folder, self._filesystem, seq, seq), None)

    def _scan(
        self, sieve: Callable[[bytes], object], from_seq: int, until_seq: int
    ) -> Iterator[Record]:
        low = max(from_seq, self._floor_seq)
        return read_window(self._folder, self._filesystem, low, until_seq, sieve)
