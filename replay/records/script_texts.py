"""The texts of scripts and of functions' libraries, as the log has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import ScriptSourceNote, read_note
from joblog.replay.index.marks import ANY_SOURCE, source_mark
from joblog.replay.index.scanning import END_SEQ, Pieces
from joblog.replay.output.texts import show
from joblog.replay.records.scripts import (
    BY_FUNCTION,
    SOURCE_MARK,
    script_name,
    script_sha,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

_NAME_SHOWN = 48


class ScriptText(NamedTuple):
    """What wrote a record.

    Attributes:
        sha: the script's SHA-1, "" for a function.
        name: the function, or the name that the script gives itself; None for none.
        source: the text, a function's with all of its library; None where the log has
            it no more.
    """

    sha: str
    name: bytes | None
    source: bytes | None


def find_script(index: LogIndex, record: Record) -> ScriptText | None:
    """Return the script or function that wrote a record, None where none did."""
    sha = script_sha(record)
    if sha is None:
        return None
    if sha:
        source = find_script_source(index, sha, record.seq)
        return ScriptText(sha, script_name(source or b""), source)
    command = record.origin.command or []
    if len(command) < 2 or command[0].upper() not in BY_FUNCTION:  # noqa: PLR2004 - FCALL and a name
        return None
    name = command[1]
    return ScriptText("", name, find_library_source(index, name, record.seq))


class TextNames:
    """What scripts are called, by their SHA-1, as far as records have their texts."""

    def __init__(self) -> None:
        """Know none."""
        self._names: dict[str, bytes | None] = {}

    def observe(self, record: Record) -> None:
        """Learn a script's name, where a record holds its text."""
        note = read_note(record.origin)
        if isinstance(note, ScriptSourceNote) and note.sha not in self._names:
            self._names[note.sha] = script_name(note.source)

    def find(self, sha: str) -> bytes | None:
        """Return the name that a script gives itself, None for none."""
        return self._names.get(sha)

    def label(self, sha: str) -> str:
        """Return a script's name for people, or the first digits of its SHA-1."""
        name = self.find(sha)
        return show(name, _NAME_SHOWN) if name else sha[:8]


class ScriptNames(TextNames):
    """What the scripts of a log are called.

    All texts are looked through once, when the first name is asked for, and those that
    came since when one is not known.
    """

    def __init__(self, index: LogIndex) -> None:
        """Look at a log, and read nothing yet."""
        super().__init__()
        self._index = index
        self._until_seq = 0

    def find(self, sha: str) -> bytes | None:
        """Return the name that a script gives itself, None for none."""
        if sha not in self._names and self._index.last_seq > self._until_seq:
            self._read()
        return self._names.get(sha)

    def known(self) -> list[bytes]:
        """Return the names of all scripts that have one."""
        self._read()
        return sorted(set(filter(None, self._names.values())))

    def _read(self) -> None:
        from_seq, self._until_seq = self._until_seq + 1, self._index.last_seq
        for record in source_records(self._index, from_seq, self._until_seq):
            self.observe(record)


def source_records(
    index: LogIndex, from_seq: int = 1, until_seq: int = END_SEQ
) -> Iterator[Record]:
    """Yield the records that hold the text of a script of EVAL, in order.

    Raises:
        CorruptLogError: the log is damaged.
    """
    return index.candidates(
        [[ANY_SOURCE]], Pieces(SOURCE_MARK), from_seq=from_seq, until_seq=until_seq
    )


def find_library_source(
    index: LogIndex, function: bytes, before_seq: int
) -> bytes | None:
    """Return the text of the library that had a function before a record, or None."""
    registers = re.compile(rb"([\"'])%b\1" % re.escape(function), re.IGNORECASE).search
    for record in index.candidates(
        [[b"FUNCTION", b"LOAD"]],
        Pieces(b"FUNCTION"),
        until_seq=before_seq - 1,
        is_reverse=True,
    ):
        for argv in reversed(record.effects):
            is_load = [word.upper() for word in argv[:2]] == [b"FUNCTION", b"LOAD"]
            if is_load and registers(argv[-1]):
                return argv[-1]
    return None


def find_script_source(index: LogIndex, sha: str, before_seq: int) -> bytes | None:
    """Return the text of a script, as it was recorded before a record; None if not."""
    record = find_script_record(index, sha, before_seq)
    note = None if record is None else read_note(record.origin)
    return note.source if isinstance(note, ScriptSourceNote) else None


def find_script_record(index: LogIndex, sha: str, before_seq: int) -> Record | None:
    """Return the record before another one that has the text of a script."""
    for record in index.candidates(
        [[source_mark(sha)]],
        Pieces(sha.encode()),
        until_seq=before_seq - 1,
        is_reverse=True,
    ):
        note = read_note(record.origin)
        if isinstance(note, ScriptSourceNote) and note.sha == sha:
            return record
    return None
