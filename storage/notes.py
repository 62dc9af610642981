"""Notes: what a record tells people besides its effects, in one shape for each kind.

A note is a msgpack map with a "kind". Readers get a NamedTuple from `read_note`, or the
plain map where a newer program wrote a kind that they don't know. Fields that a note
lacks have their defaults, so that fields can be added later.

Two kinds are written shorter than they are read, since they stand in so many records
(`complete_note` is what reads them):

- A `script` that did not fail has no note at all: its command, EVALSHA, says it.
- An `exec` has `queued` in place of `commands`, in which the number of an effect stands
  for a command that is its own effect.

Where the clock was set back, so that the time of a record is not what the clock said,
its note has `clock_ms`, which does (`add_clock`).

Those of records without effects describe what later records refer to: a client before
its first write, a script before its first use. Each is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.storage.record import Note, Origin


SCRIPT_CALL = b"EVALSHA"
"""The command of the record of a script, with its SHA-1 next."""


class ClientNote(NamedTuple):
    """Who a client is; stands in the record with its id, before its first write.

    Attributes:
        address: "host:port", or a socket's path.
        name: as the client gave it.
        user: the user that it is authenticated as.
        library: its library's name.
        library_version: and version, as the client gave them.
    """

    address: str
    name: bytes = b""
    user: bytes = b""
    library: bytes = b""
    library_version: bytes = b""


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
    """

    sha: str
    error: bytes | None = None


class ExecNote(NamedTuple):
    """The record is what a transaction wrote.

    Attributes:
        commands: the queued commands as they were given, reads included.
        failed: the places in `commands` of those that replied with an error.
    """

    commands: list[list[bytes]]
    failed: list[int] = []  # noqa: RUF012 - a NamedTuple's default, never changed


class ExpiredNote(NamedTuple):
    """The server removed keys because their deadlines had passed."""


class EvictedNote(NamedTuple):
    """The server removed keys to stay below its memory limit.

    Attributes:
        policy: the rule that chose the keys.
    """

    policy: str = ""


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


AnyNote: TypeAlias = (
    ClientNote
    | ScriptSourceNote
    | ScriptNote
    | ExecNote
    | ExpiredNote
    | EvictedNote
    | TagNote
    | BehindNote
)

_CLASSES: dict[str, type[AnyNote]] = {
    "client": ClientNote,
    "script_source": ScriptSourceNote,
    "script": ScriptNote,
    "exec": ExecNote,
    "expired": ExpiredNote,
    "evicted": EvictedNote,
    "tag": TagNote,
    "behind": BehindNote,
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


def complete_note(
    command: list[bytes] | None,
    note: Note | None,
    effects: Sequence[Sequence[bytes]],
) -> Note | None:
    """Return the note of an origin in full, from what was written of it.

    Raises:
        IndexError: it speaks of an effect that there is not.
    """
    if note is None:
        if command and command[0] == SCRIPT_CALL:
            return {"kind": "script", "sha": command[1].decode()}
        return None
    if note.get("kind") != "exec" or "queued" not in note:
        return note
    note = dict(note)
    note["commands"] = [
        effects[item] if isinstance(item, int) else item for item in note.pop("queued")
    ]
    return note


def add_clock(command: list[bytes] | None, note: Note | None, clock_ms: int) -> Note:
    """Return the note of an origin with what the wall clock said."""
    if note is None:
        note = complete_note(command, None, ()) or {"kind": "behind"}
    return {**note, "clock_ms": clock_ms}


def read_note(origin: Origin) -> AnyNote | Note | None:
    """Return what an origin tells besides client and command, None for nothing."""
    if origin.note is None:
        return None
    return decode_note(origin.note)
