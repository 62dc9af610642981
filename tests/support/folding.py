"""What every test of a server ends with: folding the log gives what is live.

On the way each record is looked at: its effects are those that the command table names
for the command that was given (`require_known_effects`).
"""

from __future__ import annotations

from itertools import pairwise
from weakref import WeakKeyDictionary

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.history.notes import (
    ExecNote,
    ReplicatedNote,
    ScriptSourceNote,
    SynchronizedNote,
    read_note,
)
from joblog.app.history.recovery import Fold, recover
from joblog.app.keyspace.digest import dataset_digest
from joblog.app.table.table import find_command
from joblog.replay.records.script_lines import find_calls
from joblog.storage.disk import open_disk
from joblog.storage.errors import PrunedError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records
from joblog.storage.record import Record
from tests.support.servers import ServerProcess

LOOKS_MAX = 1000


class FoldCheck:
    """Folds the logs of servers, each as far as it has come since the last check."""

    def __init__(self) -> None:
        self._folds: WeakKeyDictionary[ServerProcess, Fold] = WeakKeyDictionary()

    def __call__(self, server: ServerProcess) -> None:
        """Assert that a server's log folds to the keyspace that it has in memory."""
        for _ in range(LOOKS_MAX):
            live = live_digest(server)
            fold = self._folds.get(server)
            try:
                if fold is None:
                    fold = self._folds[server] = _begin(server)
                seen_seq = fold.last_seq
                records = read_records(
                    server.folder, filesystem=_disk(server), from_seq=seen_seq + 1
                )
                fold.apply(map(require_known_effects, records))
            except PrunedError:
                # The server pruned it between two looks: begin behind a snapshot.
                self._folds.pop(server, None)
                continue
            folded = dataset_digest(fold.keyspace).hex()
            # A key may expire between the two looks, so only one at a log that has
            # not grown since the last is the last word.
            if folded == live or fold.last_seq == seen_seq:
                break

        fold.keyspace.check()
        assert folded == live, (
            f"folding the log up to seq {fold.last_seq} gives the digest {folded}, "
            f"but the server has {live}"
        )


OF_A_UNIT = {b"SELECT", b"DEL", b"HDEL"}
"""What is among the effects of a unit whatever it runs: keys and fields may expire."""

_SOURCES: dict[bytes, bytes] = {}
"""The texts of scripts that records have told, by their SHA-1."""


def require_known_effects(record: Record) -> Record:
    """Return a record whose effects are what the table says of their command.

    Raises:
        AssertionError: an effect is neither the command as it was given, nor among the
            `effects` of its registration. Then that is where its name belongs.
    """
    command, note = record.origin.command, read_note(record.origin)
    names = {argv[0].upper() for argv in record.effects}
    if isinstance(note, ScriptSourceNote):
        _SOURCES[note.sha.encode()] = note.source
    if command is None:
        # The effect is the command, or the server's own, such as a key that expired.
        is_unit = isinstance(note, ReplicatedNote | SynchronizedNote)
        is_one = len(record.effects) <= 1 or not record.origin.client_id
        assert is_unit or is_one, record
        assert all(find_command(argv) is not None for argv in record.effects), record
    elif isinstance(note, ExecNote):
        known = [_known_effects(argv) for argv in note.commands]
        if None not in known:
            assert names <= OF_A_UNIT.union(*known), record
    elif (of_one := _known_effects(command, is_given=False)) is not None:
        assert names <= of_one, record
    return record


def _known_effects(argv: list[bytes], *, is_given: bool = True) -> set[bytes] | None:
    """Return the names of what a command may leave; None where that is not known.

    Args:
        argv: the command.
        is_given: whether it may itself stand among the effects, as it was given.
    """
    command = find_command(argv)
    assert command is not None, argv
    if command.group == "scripting" and not command.effects:
        return _effects_of_script(_SOURCES.get(argv[1], b""))
    own = {argv[0].upper()} if is_given else set()
    return own | command.effects


def _effects_of_script(source: bytes) -> set[bytes] | None:
    """Return the same of a script; None where its text does not name each command."""
    calls = find_calls(source, [], [])
    names = [call.words[0] for call in calls]
    if not source or source.count(b"call") != len(calls):
        return None
    known = set(OF_A_UNIT)
    for name, call in zip(names, calls, strict=True):
        if not isinstance(name, bytes):
            return None
        argv = [word if isinstance(word, bytes) else b"" for word in call.words]
        if find_command(argv) is not None:
            known |= _known_effects(argv) or set()
    return known


def _begin(server: ServerProcess) -> Fold:
    """Return a fold of the log from its beginning; where it is pruned, a recovery."""
    folder = LogFolder(server.folder, _disk(server))
    if folder.find_segments()[:1] in ([], [1]):
        return Fold()
    return recover(server.folder, _disk(server))


def _disk(server: ServerProcess) -> FileSystem:
    """Return the door to a server's files."""
    options = dict(pairwise(server.options))
    return open_disk(options.get("--log-encryption-key-file", ""))


def live_digest(server: ServerProcess) -> str:
    """Return DEBUG DIGEST of a server, as hexadecimal digits."""
    connection = server.connect()
    try:
        reply = connection.ask("DEBUG", "DIGEST")
    finally:
        connection.close()
    assert reply.startswith(b"+"), reply
    return reply[1:-2].decode()
