"""Marks: what of a record is indexed, and when a record mentions a word.

A mark is a byte string. A record has one for each argument of its effects and of the
commands as given, and one for each *word* in them: a run of ASCII letters, digits, `_`
and `-`. So a key is a mark, and so is a job's id inside of a key, a list's element, or
a JSON document. Three more kinds start with a zero byte: they stand for records that
describe a client, hold a script's text, or change whole databases.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from joblog.app.history.notes import (
    ClientNote,
    ExecNote,
    ScriptSourceNote,
    TagNote,
    read_note,
)
from joblog.app.history.touched import WHOLE_DATABASE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from joblog.storage.record import Record

WHOLE_DATABASES = b"\0whole"
"""The mark of a record that changes keys which it does not name."""

ANY_SOURCE = b"\0source"
"""The mark of every record that holds a script's text."""

ANY_TAG = b"\0tag"
"""The mark of every record that gives a moment a name."""

_WORD_CHARS = rb"0-9A-Za-z_-"
_find_words = re.compile(rb"[%b]+" % _WORD_CHARS).findall
_starts_with_word = re.compile(rb"[%b]" % _WORD_CHARS).match


def client_mark(client_id: int) -> bytes:
    """Return the mark of the records that describe a client of that id."""
    return b"\0client %d" % client_id


def source_mark(sha: str) -> bytes:
    """Return the mark of the record that holds a script's text."""
    return b"\0source " + sha.encode()


def find_words(data: bytes) -> list[bytes]:
    """Return the words in a byte string, in order."""
    return _find_words(data)


def collect_marks(records: Iterable[Record]) -> set[bytes]:
    """Return all marks of some records."""
    arguments: set[bytes] = set()
    marks: set[bytes] = set()
    for record in records:
        for argv in record.effects:
            arguments.update(argv)
        origin = record.origin
        if origin.command:
            arguments.update(origin.command)
        if origin.note is not None:
            marks.update(_note_marks(record, arguments))
    # Each argument once, whichever records have it: splitting is what costs.
    marks.update(_find_words(b"\0".join(arguments)))
    if not WHOLE_DATABASE_NAMES.isdisjoint(arguments):
        marks.add(WHOLE_DATABASES)
    return marks | arguments


def _note_marks(record: Record, arguments: set[bytes]) -> Iterator[bytes]:
    note = read_note(record.origin)
    if isinstance(note, ExecNote):
        for argv in note.commands:
            arguments.update(argv)
    elif isinstance(note, ClientNote):
        yield client_mark(record.origin.client_id)
    elif isinstance(note, ScriptSourceNote):
        yield ANY_SOURCE
        yield source_mark(note.sha)
    elif isinstance(note, TagNote):
        yield ANY_TAG


def mention_test(text: bytes) -> Callable[[Record], bool]:
    """Return what tells whether a record mentions a text.

    It has to stand in one argument of an effect, or of a command as given; see
    `word_test`.
    """
    found = word_test(text)

    def mentions(record: Record) -> bool:
        return any(found(word) for argv in _commands(record) for word in argv)

    return mentions


def word_test(text: bytes) -> Callable[[bytes], object]:
    """Return what tells whether a text stands in bytes, as no part of a longer word.

    `job:1` stands in `queue:job:1`, not in `job:12`.
    """
    before = rb"(?<![%b])" % _WORD_CHARS if _starts_with_word(text) else b""
    after = rb"(?![%b])" % _WORD_CHARS if _starts_with_word(text[-1:]) else b""
    return re.compile(before + re.escape(text) + after).search


def _commands(record: Record) -> Iterator[list[bytes]]:
    origin = record.origin
    yield from record.effects
    if origin.command:
        yield origin.command
    if origin.note is not None:
        note = read_note(origin)
        if isinstance(note, ExecNote):
            yield from note.commands
