"""Scripts: which records a script wrote, by its SHA-1 or by its name.

A function has a name of its own. A script of EVAL has the one that it gives itself in
its first line, as many collections of scripts do:

    -- name: enqueue
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from joblog.app.history.notes import ExecNote, ScriptNote, ScriptSourceNote, read_note
from joblog.app.keyspace.glob import compile_glob
from joblog.replay.index.marks import ANY_SOURCE
from joblog.replay.index.scanning import Pieces

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

_SOURCE_MARK = b"script_source"
_NAME_LINE = re.compile(rb"--\s*name:\s*(\S+)", re.IGNORECASE)
_SHA_DIGITS = re.compile(r"[0-9a-f]{4,40}")
_BY_SHA = {b"EVALSHA", b"EVALSHA_RO"}
_BY_SOURCE = {b"EVAL", b"EVAL_RO"}
BY_FUNCTION = {b"FCALL", b"FCALL_RO"}


def script_sha(record: Record) -> str | None:
    """Return the SHA-1 of the script that wrote a record, "" for a function's."""
    note = read_note(record.origin)
    return note.sha if isinstance(note, ScriptNote | ScriptSourceNote) else None


def script_name(source: bytes) -> bytes | None:
    """Return the name that a script gives itself in its first line, or None."""
    found = _NAME_LINE.match(source)
    return found[1] if found else None


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
        for record in index.candidates([[ANY_SOURCE]], Pieces(_SOURCE_MARK)):
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
        if verb in _BY_SHA:
            return self._wants_sha(script.decode(errors="replace").lower())
        if verb in _BY_SOURCE:
            sha = hashlib.sha1(script, usedforsecurity=False).hexdigest()
            name = script_name(script)
            return self._wants_sha(sha) or bool(name and self._matches_name(name))
        return verb in BY_FUNCTION and bool(self._matches_name(script))
