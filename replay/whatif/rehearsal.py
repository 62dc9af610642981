"""Rehearsals: the commands of a stretch of the log, run again with something changed.

What is run again is what was asked for (the command as it was given), through the same
engine that a server has, at the time of its record. So a changed script, a command left
out or another value at the start shows its consequences, record by record.

    SPOP, commands that wait   are run as what they did: chance does not come twice
    an expiry                  happens where the key is due here too
    what had no effect then    has left no record, and is not run

Inside of scripts and transactions SPOP is left to chance again; nothing else is, as
their time is the record's, and `math.random` begins anew for each script, as in Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.engine.lua_values import sha1_of
from joblog.app.history.notes import ClientNote, ExecNote, ScriptSourceNote, read_note
from joblog.app.history.touched import ALL_DATABASES, DbKey, find_touched
from joblog.app.table.table import Flag, find_command
from joblog.app.words import Argv
from joblog.replay.index.finder import LogIndex
from joblog.replay.keys.differences import KeyChange
from joblog.replay.keys.past import Past
from joblog.replay.keys.values import take_version
from joblog.replay.records.script_texts import find_script_source
from joblog.replay.records.scripts import script_name
from joblog.replay.whatif.new_scripts import (
    ScriptNotFoundError,
    libraries_of,
    library_name,
    require_sound,
)
from joblog.storage.record import Origin, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.session import Session
    from joblog.replay.keys.past import Progress
    from joblog.storage.filesystem import FileSystem

Effects = list[tuple[int, Argv]]
"""Effects with the database of each."""

_NS_PER_MS = 1_000_000
_RUNS_SCRIPT = frozenset((b"EVAL", b"EVAL_RO", b"EVALSHA", b"EVALSHA_RO"))
_AS_IT_WAS = frozenset((b"SPOP", b"MIGRATE"))
_EXPIRED = "expired"
_SHA_DIGITS_LEAST = 4


class Outcome(NamedTuple):
    """What one record did when it was, and what it does in a rehearsal.

    Attributes:
        record: the record.
        then: its effects.
        now: the effects in the rehearsal.
        error: the error that a command of it ends with in the rehearsal, or None.
        is_dropped: whether it was left out on purpose.
    """

    record: Record
    then: Effects
    now: Effects
    error: bytes | None = None
    is_dropped: bool = False

    @property
    def is_same(self) -> bool:
        """Whether the rehearsal went as it had gone then."""
        return self.then == self.now


class Changes(NamedTuple):
    """What a rehearsal changes.

    Attributes:
        scripts: new texts by the name or the first digits of the SHA-1 of a script, or
            by the name of a library of functions.
        dropped: the numbers of records that are left out.
        values: strings that are set before the first record, in database 0.
    """

    scripts: Mapping[str, bytes]
    dropped: frozenset[int] = frozenset()
    values: Mapping[bytes, bytes] = {}


class Report(NamedTuple):
    """What came of a rehearsal.

    Attributes:
        records: how many were run.
        differing: how many of them went otherwise than they had gone.
        failing: how many of those end with an error.
        outcomes: the first of those.
        at_end: the keys that are not what they were at the end of the stretch: `before`
            is the recorded value, `after` the rehearsed one.
    """

    records: int
    differing: int
    failing: int
    outcomes: list[Outcome]
    at_end: list[KeyChange]

    @property
    def is_same(self) -> bool:
        """Whether nothing went otherwise."""
        return not self.differing and not self.at_end


class Rehearsal:
    """One run of records over a keyspace.

    Attributes:
        engine: what runs them; its keyspace is the state that the run has come to.
        touched: the keys that records changed, then or now.
        emptied: the databases of which they changed any key, as a flush does.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        changes: Changes,
        find_source: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        """Prepare a run.

        Args:
            keyspace: what it begins with; it is taken over.
            changes: what is to be different.
            find_source: tells the text of a script, by its SHA-1, that was recorded
                before the first record that is run.
        """
        self._now_ms = 0
        config = Config({"databases": str(len(keyspace.databases))})
        self.engine = Engine(config, now_ms=lambda: self._now_ms)
        self.engine.server.time_ns = lambda: self._now_ms * _NS_PER_MS
        self.engine.adopt(keyspace)
        self.touched: dict[DbKey, None] = {}
        self.emptied: set[int] = set()
        self._changes = changes
        self._find_source = find_source
        self._sources: dict[str, bytes | None] = {}
        self._replaced: set[str] = set()
        self._sessions: dict[int, Session] = {}
        self._libraries = libraries_of(changes.scripts)

    def run(self, records: Iterable[Record]) -> Iterator[Outcome]:
        """Run records in order and yield what came of each that had effects."""
        is_begun = False
        for record in records:
            self._now_ms = record.clock_ms
            if not is_begun:
                self._begin(record)
                is_begun = True
            note = read_note(record.origin)
            if isinstance(note, ScriptSourceNote):
                self._sources[note.sha] = note.source
            if record.effects:
                yield self._run_one(record)

    def require_all_used(self) -> None:
        """Check that each script that was to be replaced ran.

        Raises:
            ScriptNotFoundError: one did not.
        """
        for name in self._changes.scripts:
            if name not in self._replaced and name.encode() not in self._libraries:
                raise ScriptNotFoundError(
                    f"no record there is of a script {name!r}; 'replay stats' lists "
                    "the scripts that ran"
                )

    def _begin(self, record: Record) -> None:
        self.engine.context.read_clock()
        session = self._session(record)
        session.db = self.engine.keyspace.databases[0]
        for key, value in self._changes.values.items():
            self.touched[0, key] = None
            self.engine.run(session, [[b"SET", key, value]])
        for source in self._libraries.values():
            self.engine.run(session, [[b"FUNCTION", b"LOAD", b"REPLACE", source]])
        self.engine.outbox.entries.clear()

    def _run_one(self, record: Record) -> Outcome:
        then = _located(record.db, record.effects)
        self._note_touched(record)
        if record.seq in self._changes.dropped:
            return Outcome(record, then, [], is_dropped=True)
        engine = self.engine
        engine.context.read_clock()
        session = self._session(record)
        now: Effects = []
        error: bytes | None = None
        if (record.origin.note or {}).get("kind") == _EXPIRED:
            self._expire(record)
        elif _goes_as_it_was(record):
            for db, argv in then:
                session.db = engine.keyspace.databases[db]
                if self._run(session, argv) is None:
                    now.append((db, argv))
            engine.outbox.entries.clear()
        else:
            for argv in self._commands(record):
                error = self._run(session, argv) or error
        for _, db, effects, _ in engine.outbox.entries:
            now += _located(db, effects)
            self._note_touched(Record(0, 0, 0, db, effects, Origin(0)))
        engine.outbox.entries.clear()
        engine.outbox.pushes.clear()
        return Outcome(record, then, now, error)

    def _note_touched(self, record: Record) -> None:
        found = find_touched(record)
        self.touched.update(dict.fromkeys(found.keys))
        is_all = ALL_DATABASES in found.databases
        every = range(len(self.engine.keyspace.databases))
        self.emptied.update(every if is_all else found.databases)

    def _run(self, session: Session, argv: Argv) -> bytes | None:
        """Run a command; return its error, if it is one as a whole."""
        reply = self.engine.run(session, [argv])
        return reply[1:].rstrip() if reply.startswith(b"-") else None

    def _commands(self, record: Record) -> list[Argv]:
        """Return what a record's client asked for, with the scripts that are to run."""
        note = read_note(record.origin)
        if isinstance(note, ExecNote):
            queued = [self._replace(argv) for argv in note.commands]
            return [[b"MULTI"], *queued, [b"EXEC"]]
        given = record.origin.command or record.effects[0]
        if self._loads_replaced_library(given):
            return []
        return [self._replace(given)]

    def _replace(self, argv: Argv) -> Argv:
        """Return a command with the script that is to run in place of its own."""
        if argv[0].upper() not in _RUNS_SCRIPT:
            return argv
        source: bytes | None = argv[1]
        if argv[0].upper().startswith(b"EVALSHA"):
            source = self._source(argv[1].lower().decode(errors="replace"))
        if source is None:
            return argv
        name = b"EVAL_RO" if argv[0].upper().endswith(b"_RO") else b"EVAL"
        return [name, self._new_text(source), *argv[2:]]

    def _source(self, sha: str) -> bytes | None:
        if sha not in self._sources:
            self._sources[sha] = self._find_source(sha)
        return self._sources[sha]

    def _new_text(self, source: bytes) -> bytes:
        name = (script_name(source) or b"").decode(errors="replace")
        sha = sha1_of(source).decode()
        for wanted, text in self._changes.scripts.items():
            is_sha = len(wanted) >= _SHA_DIGITS_LEAST and sha.startswith(wanted.lower())
            if wanted == name or is_sha:
                self._replaced.add(wanted)
                return text
        return source

    def _loads_replaced_library(self, argv: Argv) -> bool:
        is_load = [word.upper() for word in argv[:2]] == [b"FUNCTION", b"LOAD"]
        return is_load and library_name(argv[-1]) in self._libraries

    def _expire(self, record: Record) -> None:
        """Let those keys expire that expired then, as far as they are due here too."""
        for db, argv in _located(record.db, record.effects):
            database = self.engine.keyspace.databases[db]
            for key in argv[1:]:
                database.lookup(key)

    def _session(self, record: Record) -> Session:
        client_id = record.origin.client_id
        session = self._sessions.get(client_id)
        if session is None:
            session = self.engine.clients.open(client_id)
            session.is_described = True
            self._sessions[client_id] = session
        note = read_note(record.origin)
        if isinstance(note, ClientNote):
            session.name = note.name
        session.db = self.engine.keyspace.databases[record.db]
        return session


def _goes_as_it_was(record: Record) -> bool:
    """Say whether a record is repeated as what it did, not as what was asked for."""
    given = record.origin.command
    if given is None:
        return False
    command = find_command(given)
    return (
        command is None
        or given[0].upper() in _AS_IT_WAS
        or bool(command.flags & Flag.BLOCKING)
    )


def _located(db: int, effects: Iterable[Argv]) -> Effects:
    """Return effects with the database of each."""
    found = []
    for argv in effects:
        if argv[0].upper() == b"SELECT":
            db = int(argv[1])
        else:
            found.append((db, list(argv)))
    return found


def rehearse(
    folder: Path,
    filesystem: FileSystem,
    span: tuple[int, int],
    changes: Changes,
    *,
    shown: int = 10,
    progress: Progress = lambda _: None,
) -> Report:
    """Run the records of a stretch once more, and compare with what was.

    Args:
        folder: the data folder; it is only read.
        filesystem: the door to the disk.
        span: the last record before the stretch, and its own last.
        changes: what is to be different.
        shown: how many outcomes the report has at the most.
        progress: is told how far a long fold has come.

    Raises:
        ScriptBrokenError: a text that is to run in a script's place is none.
        ScriptNotFoundError: a script that is to be replaced did not run there.
        StorageError: the log is damaged, or does not go back so far.
    """
    require_sound(changes.scripts)
    index = LogIndex(folder, filesystem)
    try:
        return _rehearse(index, span, changes, shown, progress)
    finally:
        index.close()


def _rehearse(
    index: LogIndex,
    span: tuple[int, int],
    changes: Changes,
    shown: int,
    progress: Progress,
) -> Report:
    from_seq, until_seq = span
    keyspace = _keyspace_at(index, from_seq, progress)
    rehearsal = Rehearsal(
        keyspace,
        changes,
        lambda sha: find_script_source(index, sha, from_seq + 1),
    )
    records = index.records(from_seq + 1, until_seq)
    total = differing = failing = 0
    outcomes: list[Outcome] = []
    for outcome in rehearsal.run(records):
        total += 1
        if not outcome.is_same:
            differing += 1
            failing += outcome.error is not None
            if len(outcomes) < shown:
                outcomes.append(outcome)
    rehearsal.require_all_used()
    recorded = _keyspace_at(index, until_seq, progress)
    touched = set(rehearsal.touched)
    for db in rehearsal.emptied:
        for keyspace in (recorded, rehearsal.engine.keyspace):
            touched.update((db, key) for key in keyspace.databases[db].values)
    at_end = [
        KeyChange(db, key, before, after)
        for db, key in sorted(touched)
        if (before := take_version(recorded.databases[db], key))
        != (after := take_version(rehearsal.engine.keyspace.databases[db], key))
    ]
    return Report(total, differing, failing, outcomes, at_end)


def _keyspace_at(index: LogIndex, seq: int, progress: Progress) -> Keyspace:
    past = Past(index.folder, index.filesystem, progress, index.bases)
    try:
        past.go_to(seq)
    finally:
        past.close()
    return past.fold.keyspace
