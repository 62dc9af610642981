"""A record as one line for people, and as JSON."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.app.history.notes import (
    AccessNote,
    BehindNote,
    ClientNote,
    CutNote,
    EvictedNote,
    ExecNote,
    ExpiredNote,
    GoneNote,
    RedactionNote,
    ScriptNote,
    ScriptSourceNote,
    TagNote,
    full_note,
    read_note,
)
from joblog.app.history.touched import ALL_DATABASES, find_touched
from joblog.replay.output.texts import (
    json_text,
    json_value,
    plain_text,
    show,
    show_argv,
)
from joblog.replay.records.scripts import BY_SHA, script_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.replay.records.clients import Client
    from joblog.replay.records.script_texts import TextNames
    from joblog.replay.records.search import Match
    from joblog.storage.record import Record


@lru_cache(maxsize=4096)
def client_label(client: Client) -> str:
    """Return who a client is in a word or two: `worker-3 #7`, `server`."""
    if not client.id:
        return "server"
    note = client.note
    if note is None:
        return f"#{client.id}"
    name = show(note.name) if note.name else plain_text(note.address)
    return f"{name} #{client.id}"


@lru_cache(maxsize=4096)
def client_name(client: Client) -> str:
    """Return who a client is whatever its connection: its name, or its host.

    Workers come back with other ids, and from other ports.
    """
    note = client.note
    if note is None:
        return f"#{client.id}" if client.id else "server"
    if note.name:
        return show(note.name)
    host, _, port = note.address.rpartition(":")
    return plain_text(host if host and port.isdigit() else note.address)


@lru_cache(maxsize=4096)
def client_facts(client: Client) -> dict[str, Any]:
    """Return all that is known of a client, for JSON; empty fields are left out.

    The object is shared: it must not be changed.
    """
    facts: dict[str, Any] = {"id": client.id}
    if client.note is not None:
        known = client.note._asdict()
        facts |= {name: json_value(value) for name, value in known.items() if value}
    return facts


def record_text(
    record: Record, limit: int | None = None, names: TextNames | None = None
) -> str:
    """Return what happened, in one line: the command as given, and its effects.

    Effects are only told, behind `=>`, where they are not the command as given.

    Args:
        record: the record.
        limit: the most characters for each word of a command.
        names: what scripts are called; None to tell them by their SHA-1.
    """
    origin = record.origin
    note = read_note(origin)
    given = given_text(origin.command, limit, names) if origin.command else ""
    tells_all = _TELLING_ALL.get(type(note))
    if tells_all is not None:
        return tells_all(note)
    match note:
        case ScriptSourceNote():
            name = script_name(note.source)
            called = f" {show(name, limit)}" if name else ""
            return f"script {note.sha}{called}: {len(note.source)} bytes"
        case ExecNote():
            given = "EXEC: " + "; ".join(queued_texts(note, limit, names))
            if record.effects == note.commands:
                return given
        case ScriptNote() if note.error is not None:
            given += f" (failed: {show(note.error, limit)})"
        case ExpiredNote():
            given = "expired"
        case EvictedNote():
            given = f"evicted by {note.policy}" if note.policy else "evicted"
        case CutNote():
            given = "redacted"
            if not record.effects:
                return given
        case BehindNote():
            pass
        case dict():
            given = given or plain_text(str(note.get("kind", "note")))
        case _:
            pass
    effects = _joined(record.effects, limit)
    return f"{given} => {effects}" if given else effects


def given_text(
    argv: list[bytes], limit: int | None = None, names: TextNames | None = None
) -> str:
    """Return a command as it was given, a script's by the script's name.

    One without a name is told by the first digits of its SHA-1, or by all of them where
    words have no limit.

    Args:
        argv: the command's words.
        limit: the most characters for each word.
        names: what scripts are called; None to tell them by their SHA-1.
    """
    is_script = len(argv) > 1 and argv[0].upper() in BY_SHA
    if names is None or not is_script:
        return show_argv(argv, limit)
    sha = argv[1].decode("utf-8", "replace").lower()
    if limit is None and not names.find(sha):
        return show_argv(argv)
    rest = [show_argv(argv[2:], limit)] if argv[2:] else []
    return " ".join((show(argv[0]), names.label(sha), *rest))


def queued_texts(
    note: ExecNote, limit: int | None = None, names: TextNames | None = None
) -> list[str]:
    """Return the commands of a transaction, and of each that failed that it did."""
    failed = set(note.failed)
    return [
        given_text(argv, limit, names) + (" (failed)" if place in failed else "")
        for place, argv in enumerate(note.commands)
    ]


def _joined(commands: list[list[bytes]], limit: int | None) -> str:
    return "; ".join([show_argv(argv, limit) for argv in commands])


def _client_text(kind: str, note: ClientNote | GoneNote) -> str:
    words = [f"{kind} {plain_text(note.address)}"]
    if note.name:
        words.append(f"name={show(note.name)}")
    if note.user:
        words.append(f"user={show(note.user)}")
    if note.library:
        version = note.library_version
        words.append(
            f"library={show(b' '.join(filter(None, (note.library, version))))}"
        )
    return " ".join(words)


def _redaction_text(note: RedactionNote) -> str:
    about = ", ".join(f"{number} {name}" for name, number in note.subjects.items())
    return (
        f"redaction by {plain_text(note.by)}: {plain_text(note.why)}: {about}; "
        f"{note.records} records, {note.length} bytes"
    )


def _access_text(note: AccessNote) -> str:
    who = f"user={show(note.user) if note.user else '-'} {plain_text(note.address)}"
    if note.what == "change":
        return f"changed: {plain_text(note.word.decode('utf-8', 'replace'))}, by {who}"
    missed = f", and {note.missed} refusals before" if note.missed else ""
    return f"refused: {plain_text(note.what)} {show(note.word)}, to {who}{missed}"


_TELLING_ALL: dict[type, Callable[[Any], str]] = {
    AccessNote: _access_text,
    ClientNote: partial(_client_text, "client"),
    GoneNote: partial(_client_text, "gone"),
    RedactionNote: _redaction_text,
    TagNote: lambda note: f"tag {show(note.name)}",
}
"""Notes of records without effects, which say all that there is to say."""


def record_facts(match: Match, names: TextNames | None = None) -> dict[str, Any]:
    """Return a record for JSON.

    Args:
        match: the record, and who made it.
        names: what scripts are called; None to leave that out.

    Returns:
        seq, at (ISO 8601, UTC), at_ms, db, client, command (as it was given), effects,
        keys (of those the record's database has), and note where there is one. Keys of
        other databases are [db, key]. Of what a script wrote also `script`, its name.
    """
    record = match.record
    origin = record.origin
    command = origin.command
    note = read_note(origin)
    if command is None and (note is None or isinstance(note, BehindNote)):
        command = record.effects[0] if record.effects else None
    facts: dict[str, Any] = {
        "seq": record.seq,
        "at": json_time(record.at_ms),
        "at_ms": record.at_ms,
        "db": record.db,
        "client": client_facts(match.client),
        "command": command and [json_text(word) for word in command],
        "effects": [[json_text(word) for word in argv] for argv in record.effects],
    }
    touched = find_touched(record)
    facts["keys"] = [
        json_text(key) if db == record.db else [db, json_text(key)]
        for db, key in touched.keys
    ]
    if touched.databases:
        whole = touched.databases
        facts["databases"] = "all" if ALL_DATABASES in whole else whole
    if names is not None and isinstance(note, ScriptNote) and note.sha:
        name = names.find(note.sha)
        facts["script"] = json_text(name) if name else None
    if note is not None:
        facts["note"] = json_value(full_note(origin))
    return facts
