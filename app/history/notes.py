"""Notes: what a record tells people besides its effects, in one shape for each kind.

A note is a msgpack map with a "kind". Readers get a NamedTuple from `read_note`, or the
plain map where a newer program wrote a kind that they don't know. Fields that a note
lacks have their defaults, so that fields can be added later.

Two kinds are written shorter than they are read, since they stand in so many records
(`joblog.storage.record` reads the second in full):

- A `script` that did not fail has no kind: its command, EVALSHA, says it. Its note has
  `us` alone, how long it took; in older logs it has no note at all.
- An `exec` has `queued` in place of `commands`, in which the number of an effect stands
  for a command that is its own effect.

Where the clock was set back, so that the time of a record is not what the clock said,
its note has `clock_ms`, which does, beside what it has else.

Those of records without effects describe what later records refer to: a client before
its first write, a script before its first use. Each is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from joblog.app.engine.script_text import SCRIPT_CALL
from joblog.storage.record import BEHIND
from joblog.storage.redaction import CUT_FIELD, REDACTION_KIND

if TYPE_CHECKING:
    from joblog.storage.record import Note, Origin


class ClientNote(NamedTuple):
    """Who a client is; stands in the record with its id, before its first write.

    Attributes:
        address: "host:port", or a socket's path.
        name: as the client gave it.
        user: the user that it is authenticated as.
        library: its library's name.
        library_version: and version, as the client gave them.
        replicates: the history of the master that it is; "" of others.
    """

    address: str
    name: bytes = b""
    user: bytes = b""
    library: bytes = b""
    library_version: bytes = b""
    replicates: str = ""


class GoneNote(NamedTuple):
    """A client has gone whose connecting was recorded (`log-connections`).

    Attributes:
        address: who it was, in the fields of a `ClientNote`.
        name: the last that it had.
        user: the user that it was authenticated as.
        library: its library's name.
        library_version: and version.
        since_ms: when it had connected.
    """

    address: str
    name: bytes = b""
    user: bytes = b""
    library: bytes = b""
    library_version: bytes = b""
    since_ms: int = 0


class AccessNote(NamedTuple):
    """Somebody was refused something, or changed the server (`log-access`).

    Attributes:
        what: `auth`, `command`, `key` or `channel` for what was refused; `change`.
        word: the command, the key or the channel; or what was done.
        user: whose, or who it gave itself out for; "" where there is no such user.
        address: "host:port", or a socket's path.
        missed: how many refusals there were before it that have no record.
    """

    what: str = ""
    word: bytes = b""
    user: bytes = b""
    address: str = ""
    missed: int = 0


class ScriptSourceNote(NamedTuple):
    """The text of a script, before its first use.

    Attributes:
        sha: its SHA-1, 40 hexadecimal digits.
        source: its text.
    """

    sha: str
    source: bytes


class ScriptNote(NamedTuple):
    """The record is what a script wrote.

    Attributes:
        sha: the script, or "" for a function, which `command` names.
        error: how it failed, where it did: what it wrote before stays written.
        us: how many microseconds the server worked on it; None in older logs.
    """

    sha: str
    error: bytes | None = None
    us: int | None = None


class ExecNote(NamedTuple):
    """The record is what a transaction wrote.

    Attributes:
        commands: the queued commands as they were given, reads included.
        failed: the places in `commands` of those that replied with an error.
        took: how many microseconds each script among them took, in their order.
    """

    commands: list[list[bytes]]
    failed: list[int] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    took: list[int] = []  # noqa: RUF012 - the same


class ExpiredNote(NamedTuple):
    """The server removed keys because their deadlines had passed."""


class EvictedNote(NamedTuple):
    """The server removed keys to stay below its memory limit.

    Attributes:
        policy: the rule that chose the keys.
    """

    policy: str = ""


class ReplicatedNote(NamedTuple):
    """The record is what a master did: a command, or a transaction or script of it.

    Which client of the master that was, and what it had said, nobody here knows.

    Attributes:
        offset: where it ends in the master's history.
        db: the database that is selected there; None for the record's.
    """

    offset: int = 0
    db: int | None = None


class SynchronizedNote(NamedTuple):
    """The record is a part of what a master's dataset had other than memory."""


class ReplicationNote(NamedTuple):
    """What happened to the link to a master; stands in a record without effects.

    Attributes:
        what: `begin` of the records of a dataset, `synchronized` at their end,
            `continued` where it went on from where it was, `failed` where it could
            not, `master` where it follows no longer, `taken back` where the records of
            a dataset were not whole.
        master: the master's address.
        id: of the master's history; where it follows no longer, of its own.
        offset: the place in it. db: the database that is selected there.
        keys: how many the dataset had, changed: new or other than in memory, removed:
            gone from it.
        why: it failed.
        of: the history that a dataset belongs to.
    """

    what: str = ""
    master: str = ""
    id: str = ""
    offset: int = 0
    db: int = 0
    keys: int = 0
    changed: int = 0
    removed: int = 0
    why: str = ""
    of: str = ""


class ClaimNote(NamedTuple):
    """A server began to write to the stream that keeps the log (`log-store`).

    Stands in a record without effects: nobody's write from before can follow it.

    Attributes:
        epoch: its number; each is higher than the one before.
        node: who it was, as host and port.
    """

    epoch: int = 0
    node: str = ""


class LeadsNote(NamedTuple):
    """The server that leads had lost its lease for a moment, and has it again.

    Stands in a record without effects: that the stream took it is the proof that
    nobody had led meanwhile (`log-store`).

    Attributes:
        epoch: the one that it has claimed.
    """

    epoch: int = 0


class TagNote(NamedTuple):
    """Somebody gave this moment a name; stands in a record without effects.

    Attributes:
        name: the name, by which the moment can be found again.
    """

    name: bytes = b""


class BehindNote(NamedTuple):
    """Nothing but that the wall clock was behind the time of the log.

    Other notes have the field as well; see `Record.clock_ms`.

    Attributes:
        clock_ms: what it said.
    """

    clock_ms: int = 0


class RedactionNote(NamedTuple):
    """Records were made unreadable; stands in a record without effects.

    Attributes:
        id: 16 random bytes, as in the tables of the segments.
        log: the log's id.
        by: who did it.
        why: in their words.
        subjects: how many keys, jobs and texts it was about.
        records: how many records were made unreadable.
        length: how many bytes their payloads have.
        segments: see `joblog.storage.recorded_redactions`.
    """

    id: bytes = b""
    log: str = ""
    by: str = ""
    why: str = ""
    subjects: dict[str, int] = {}  # noqa: RUF012 - a NamedTuple's default, never changed
    records: int = 0
    length: int = 0
    segments: list[list[Any]] = []  # noqa: RUF012 - the same


class CutNote(NamedTuple):
    """Something was taken out of the record by a redaction, and is filled up."""


AnyNote: TypeAlias = (
    ClientNote
    | GoneNote
    | AccessNote
    | ScriptSourceNote
    | ScriptNote
    | ExecNote
    | ExpiredNote
    | EvictedNote
    | ReplicatedNote
    | ReplicationNote
    | SynchronizedNote
    | ClaimNote
    | LeadsNote
    | TagNote
    | BehindNote
    | RedactionNote
    | CutNote
)

_CLASSES: dict[str, type[AnyNote]] = {
    "client": ClientNote,
    "gone": GoneNote,
    "access": AccessNote,
    "script_source": ScriptSourceNote,
    "script": ScriptNote,
    "exec": ExecNote,
    "expired": ExpiredNote,
    "evicted": EvictedNote,
    "replicated": ReplicatedNote,
    "replication": ReplicationNote,
    "synchronized": SynchronizedNote,
    "claim": ClaimNote,
    "leads": LeadsNote,
    "tag": TagNote,
    BEHIND: BehindNote,
    REDACTION_KIND: RedactionNote,
    CUT_FIELD: CutNote,
}
_KINDS = {note_class: kind for kind, note_class in _CLASSES.items()}


def encode_note(note: AnyNote) -> Note:
    """Return a note as the map that goes into an origin."""
    defaults = type(note)._field_defaults
    fields: dict[str, Any] = {
        name: value
        for name, value in zip(note._fields, note, strict=True)
        if name not in defaults or value != defaults[name]
    }
    return {"kind": _KINDS[type(note)], **fields}


def decode_note(fields: Note) -> AnyNote | Note:
    """Return the note in a map; the map itself where its kind is not known."""
    note_class = _CLASSES.get(fields.get("kind", ""))
    if note_class is None:
        return fields
    known = {name: fields[name] for name in note_class._fields if name in fields}
    try:
        return note_class(**known)
    except TypeError:
        return fields


def note_of_reply(fields: dict[bytes, Any]) -> Note:
    """Return a note as LOG.READ tells it in the form that it has in a record."""
    note = {name.decode(errors="surrogateescape"): of for name, of in fields.items()}
    note["kind"] = _text(note.get("kind", b""))
    note_class = _CLASSES.get(note["kind"])
    for name, kind in getattr(note_class, "__annotations__", {}).items():
        if name in note and kind.__forward_arg__ == "str":
            note[name] = _text(note[name])
    return note


def _text(value: Any) -> str:
    is_bytes = isinstance(value, bytes)
    return value.decode(errors="surrogateescape") if is_bytes else str(value)


def full_note(origin: Origin) -> Note | None:
    """Return the note of a record, that of a script too which its command says."""
    note, command = origin.note, origin.command
    if note is not None and CUT_FIELD in note:
        return {name: each for name, each in note.items() if name != CUT_FIELD} | {
            "kind": note.get("kind", CUT_FIELD)
        }
    is_plain = note is None or note.get("kind", BEHIND) == BEHIND
    if is_plain and command and command[0] == SCRIPT_CALL:
        fields = {"kind": "script", "sha": command[1].decode()}
        return {**fields, **(note or {}), **fields}
    return note


def read_note(origin: Origin) -> AnyNote | Note | None:
    """Return what an origin tells besides client and command, None for nothing."""
    note = full_note(origin)
    return None if note is None else decode_note(note)
