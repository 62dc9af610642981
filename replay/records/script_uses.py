"""Which scripts and functions wrote to a log: since when, who called them, how often.

What a script only read has left no record, so calls are counted that changed something,
also those that failed then; in a transaction that did, all calls of it. Memory: a few
numbers for each script, and the names of its callers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.history.notes import (
    ExecNote,
    ScriptNote,
    ScriptSourceNote,
    TagNote,
    read_note,
)
from joblog.replay.index.scanning import Pieces
from joblog.replay.records.points import tag_records
from joblog.replay.records.script_texts import source_records
from joblog.replay.records.scripts import (
    BY_FUNCTION,
    BY_SHA,
    BY_SOURCE,
    script_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress
    from joblog.storage.record import Record

_CALLS = Pieces(b"EVALSHA", b"FCALL", b"\xa6script", b"evalsha", b"fcall")
_CALLING = BY_SHA | BY_FUNCTION | BY_SOURCE
"""What `ExecNote.took` tells of."""

_CALLERS_KEPT = 1000
_FILE_BYTES_MAX = 1 << 20


class Took:
    """How long calls took, as far as their records say it; those of older logs do not.

    Attributes:
        timed: of how many calls it is known.
        us: how many microseconds they took in all.
        longest_us: the longest of them.
    """

    __slots__ = ("longest_us", "timed", "us")

    def __init__(self) -> None:
        """Begin with no call."""
        self.timed = self.us = self.longest_us = 0

    def add(self, us: int | None) -> None:
        """Count one call; None where its record does not say how long it took."""
        if us is not None:
            self.timed += 1
            self.us += us
            self.longest_us = max(self.longest_us, us)

    @property
    def mean_us(self) -> float | None:
        """How long a call took, None where that is not known."""
        return self.us / self.timed if self.timed else None

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "timed": self.timed,
            "took_us": self.us if self.timed else None,
            "mean_us": round(self.us / self.timed, 1) if self.timed else None,
            "longest_us": self.longest_us if self.timed else None,
        }


class ScriptCall(NamedTuple):
    """One call of a script or of a function.

    Attributes:
        script: ":" and the SHA-1, or the function's name.
        has_failed: whether it ended with an error.
        us: how many microseconds it took; None where the record does not say it.
    """

    script: str
    has_failed: bool
    us: int | None

    @property
    def sha(self) -> str:
        """The script's SHA-1, "" for a function."""
        return self.script[1:] if self.script.startswith(":") else ""

    @property
    def function(self) -> bytes | None:
        """The function's name, None for a script."""
        if self.script.startswith(":"):
            return None
        return self.script.encode("utf-8", "surrogateescape")


class ScriptUse:
    """What one script, or one function, did.

    Attributes:
        sha: the script's SHA-1, "" for a function.
        name: the name that it gives itself, or the function's; None for none.
        size: bytes of its text; None where the log does not have it.
        text_seq: the record that has its text; None for none.
        tag: the tag that was given last before that, None for none.
        calls: how many calls changed something.
        failed: how many of them ended with an error.
        took: how long they took.
        first: the first call: (record's number, ms, client's id); None for none.
        last: the last one.
        callers: how many calls each client made, by its label.
    """

    def __init__(self, sha: str, name: bytes | None = None) -> None:
        """Begin with no call."""
        self.sha = sha
        self.name = name
        self.size: int | None = None
        self.text_seq: int | None = None
        self.tag: bytes | None = None
        self.calls = self.failed = 0
        self.took = Took()
        self.first: tuple[int, int, int] | None = None
        self.last: tuple[int, int, int] | None = None
        self.callers: Counter[str] = Counter()

    def count(self, record: Record, caller: str, call: ScriptCall) -> None:
        """Count one call."""
        place = record.seq, record.at_ms, record.origin.client_id
        self.first = self.first or place
        self.last = place
        self.calls += 1
        self.failed += call.has_failed
        self.took.add(call.us)
        if caller in self.callers or len(self.callers) < _CALLERS_KEPT:
            self.callers[caller] += 1


def find_scripts(
    index: LogIndex,
    progress: Progress,
    from_seq: int,
    until_seq: int,
    label: Callable[[Record], str],
) -> list[ScriptUse]:
    """Return the scripts that were called in a stretch of a log, by their first call.

    Args:
        index: the log's index.
        progress: is told now and then the number of the last record.
        from_seq: the first record.
        until_seq: the last record.
        label: returns who caused a record, in a word.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    found: dict[str, ScriptUse] = {}
    for record in index.records(from_seq, until_seq, _CALLS):
        for call in script_calls(record):
            use = found.get(call.script)
            if use is None:
                use = found[call.script] = ScriptUse(call.sha, call.function)
            use.count(record, label(record), call)
        progress(record.seq)
    _add_texts(index, found, until_seq)
    return list(found.values())


def script_calls(record: Record) -> Iterator[ScriptCall]:
    """Yield the calls of scripts and functions that a record is of."""
    note = read_note(record.origin)
    if isinstance(note, ScriptNote):
        command = record.origin.command or []
        has_failed = note.error is not None
        if note.sha:
            yield ScriptCall(":" + note.sha, has_failed, note.us)
        elif len(command) > 1:
            yield ScriptCall(_text(command[1]), has_failed, note.us)
    elif isinstance(note, ExecNote):
        took = iter(note.took)
        for place, argv in enumerate(note.commands):
            verb = argv[0].upper()
            if len(argv) > 1 and verb in _CALLING:
                us, has_failed = next(took, None), place in note.failed
                script = _text(argv[1])
                if verb in BY_SHA:
                    yield ScriptCall(":" + script.lower(), has_failed, us)
                elif verb in BY_FUNCTION:
                    yield ScriptCall(script, has_failed, us)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _add_texts(index: LogIndex, found: dict[str, ScriptUse], until_seq: int) -> None:
    """Add what the texts say, and which tag was the last before each came."""
    tags = [
        (record.seq, note.name)
        for record in tag_records(index)
        if isinstance(note := read_note(record.origin), TagNote)
    ]
    for record in source_records(index, until_seq=until_seq):
        note = read_note(record.origin)
        if not isinstance(note, ScriptSourceNote):
            continue
        use = found.get(":" + note.sha)
        if use is not None and use.text_seq is None:
            use.text_seq, use.size = record.seq, len(note.source)
            use.name = script_name(note.source)
            before = [name for seq, name in tags if seq < record.seq]
            use.tag = before[-1] if before else None


def find_files(folder: Path, shas: set[str]) -> dict[str, str]:
    """Return which files below a folder are scripts, byte by byte, by SHA-1."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _FILE_BYTES_MAX:
            sha = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
            if sha in shas:
                found.setdefault(sha, str(path.relative_to(folder)))
    return found
