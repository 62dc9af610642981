"""Scripts: which records a script wrote, by its SHA-1 or by its name.

A function has a name of its own. A script of EVAL has the one that it gives itself in
its head, as many collections of scripts do:

    #!lua name=enqueue
    -- name: enqueue

One that does not is called by the first words of the comment that it begins with, as
far as these describe it: `adds-job-to-queue`, where the comment says "Adds a job to the
queue by doing the following". So are those of BullMQ, and many of others; those of
some libraries that say nothing are known (`known_scripts`).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from joblog.app.history.notes import ExecNote, ScriptNote, ScriptSourceNote, read_note
from joblog.app.keyspace.glob import compile_glob
from joblog.replay.index.marks import ANY_SOURCE
from joblog.replay.index.scanning import Pieces
from joblog.replay.records.known_scripts import KNOWN

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

SOURCE_MARK = b"script_source"
"""In the payload of each record that holds a script's text."""

_SHEBANG = re.compile(rb"#!\s*lua\b[^\n]*?\bname=(\S+)")
_NAME_LINE = re.compile(r"[ \t]*@?name:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"\s*(?:--\[(=*)\[(.*?)(?:\]\1\]|\Z)|--([^\n]*\n?))", re.DOTALL)
_HEAD_BYTES = 4096
_LICENCE = re.compile(
    r"copyright|licen[cs]e|warranty|free software|this file", re.IGNORECASE
)
_NO_DESCRIPTION = re.compile(r"KEYS\b|ARGV\b|\$[a-z]|=", re.IGNORECASE)
_ASIDE = re.compile(r"\s*\([^()]*\)")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(
    r"[.:;,()!?]|\n\s*(?:input|output|keys|argv)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_][\w-]*")
_ARTICLES = frozenset(("a", "an", "the"))
_ENOUGH = frozenset(("by", "that", "which", "so", "if", "when", "where", "it", "its"))
_JOINING = frozenset(("and", "or", "to", "of", "for", "with", "from", "in", "out"))
_WORDS_MAX = 6
_SHA_DIGITS = re.compile(r"[0-9a-f]{4,40}")
BY_SHA = {b"EVALSHA", b"EVALSHA_RO"}
BY_SOURCE = {b"EVAL", b"EVAL_RO"}
BY_FUNCTION = {b"FCALL", b"FCALL_RO"}


def script_sha(record: Record) -> str | None:
    """Return the SHA-1 of the script that wrote a record, "" for a function's."""
    note = read_note(record.origin)
    return note.sha if isinstance(note, ScriptNote | ScriptSourceNote) else None


def script_name(source: bytes) -> bytes | None:
    """Return what a script is called by its head, or by whoever knows it; else None."""
    shebang = _SHEBANG.match(source)
    if shebang is not None:
        return shebang[1]
    comment = _head_comment(source)
    named = _NAME_LINE.match(comment)
    if named is not None:
        return named[1].encode("utf-8", "surrogateescape")
    for paragraph in _PARAGRAPHS.split(comment):
        words = _described(paragraph)
        if words:
            return "-".join(words).encode("utf-8", "surrogateescape")
    return KNOWN.get(hashlib.sha1(source, usedforsecurity=False).hexdigest())


def _head_comment(source: bytes) -> str:
    """Return the comments before a script's first line of code, without their marks."""
    text = source[:_HEAD_BYTES].decode("utf-8", "surrogateescape")
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    pieces: list[str] = []
    place = 0
    while found := _COMMENT.match(text, place):
        gap = found[0].partition("--")[0].count("\n")
        pieces.append("\n" * gap + (found[2] or found[3] or ""))
        place = found.end()
    return "".join(pieces).lstrip("\n")


def _described(paragraph: str) -> list[str]:
    """Return the first words of a paragraph that says what a script does, or none."""
    lines = paragraph.splitlines()
    text = "\n".join(line for line in lines if "luacheck" not in line)
    sentence = _SENTENCE_END.split(_ASIDE.sub("", text).strip(), maxsplit=1)[0]
    if _LICENCE.search(paragraph) or _NO_DESCRIPTION.search(sentence):
        return []
    words: list[str] = []
    for word in map(str.lower, _WORD.findall(sentence)):
        if (word in _ENOUGH and len(words) > 1) or len(words) == _WORDS_MAX:
            break
        if word not in _ARTICLES:
            words.append(word)
    while words and words[-1] in _JOINING:
        words.pop()
    return words


class ScriptFilter:
    """Tells which records one script wrote, also inside of an EXEC."""

    def __init__(self, index: LogIndex, wanted: str) -> None:
        """Learn which scripts of a log are wanted.

        Args:
            index: the log's index.
            wanted: the first digits of a SHA-1, or a glob for names.
        """
        self._digits = wanted.lower() if _SHA_DIGITS.fullmatch(wanted.lower()) else None
        self._matches_name = compile_glob(wanted.encode())
        self._shas: set[str] = set()
        for record in index.candidates([[ANY_SOURCE]], Pieces(SOURCE_MARK)):
            self._observe(record)

    def wants(self, record: Record) -> bool:
        """Tell whether the script wrote a record, or ran in its EXEC."""
        note = read_note(record.origin)
        if isinstance(note, ScriptNote | ScriptSourceNote):
            self._observe(record)
            command = record.origin.command
            if note.sha:
                return self._wants_sha(note.sha)
            return bool(command and len(command) > 1 and self._matches_name(command[1]))
        if isinstance(note, ExecNote):
            return any(map(self._wants_command, note.commands))
        return False

    def _observe(self, record: Record) -> None:
        note = read_note(record.origin)
        if isinstance(note, ScriptSourceNote):
            name = script_name(note.source)
            if name is not None and self._matches_name(name):
                self._shas.add(note.sha)

    def _wants_sha(self, sha: str) -> bool:
        is_meant = self._digits is not None and sha.startswith(self._digits)
        return is_meant or sha in self._shas

    def _wants_command(self, argv: list[bytes]) -> bool:
        if len(argv) < 2:  # noqa: PLR2004 - a command and its script
            return False
        verb, script = argv[0].upper(), argv[1]
        if verb in BY_SHA:
            return self._wants_sha(script.decode(errors="replace").lower())
        if verb in BY_SOURCE:
            sha = hashlib.sha1(script, usedforsecurity=False).hexdigest()
            name = script_name(script)
            return self._wants_sha(sha) or bool(name and self._matches_name(name))
        return verb in BY_FUNCTION and bool(self._matches_name(script))
