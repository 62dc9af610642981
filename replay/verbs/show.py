"""`replay show`: one record, all that is known of it, and what it changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import NoSuchMomentError
from joblog.app.history.notes import ExecNote, full_note, read_note
from joblog.app.history.touched import ALL_DATABASES, Touched, find_touched
from joblog.replay.keys.inquiry import find_changes
from joblog.replay.keys.values import Version, find_differences
from joblog.replay.output.texts import json_text, plain_text, show_argv
from joblog.replay.output.texts import show as show_bytes
from joblog.replay.records.script_texts import ScriptNames, find_script
from joblog.replay.records.search import Match
from joblog.replay.shown.records import (
    client_facts,
    client_label,
    given_text,
    queued_texts,
    record_facts,
)
from joblog.replay.shown.redactions import find_redactions, redaction_text
from joblog.replay.shown.versions import (
    MORE,
    difference_lines,
    key_label,
)
from joblog.replay.verbs import options
from joblog.replay.verbs.options import Tool, takes_folder
from joblog.replay.verbs.screens import check_descriptors, descriptor_option
from joblog.replay.views.record_page import change_facts, decode_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.keys.past import Changes
    from joblog.storage.record import Note, Record

SIGN_STYLES = {"+": "green", "-": "red", "~": "yellow", MORE: "dim"}


@click.command()
@takes_folder
@click.argument("seq", type=options.seq)
@click.option("--no-state", is_flag=True, help="Don't tell keys before and after.")
@click.option("--payloads", is_flag=True, help="Decode what its arguments hold.")
@descriptor_option
def show(
    tool: Tool,
    seq: int,
    descriptors: tuple[str, ...],
    *,
    no_state: bool,
    payloads: bool,
) -> int:
    r"""Show record SEQ of DIR: the command, its client and script, and its keys.

    Each key that it changed is shown as a difference: `+` gained, `-` lost,
    `~` changed. --payloads decodes JSON, msgpack, pickles (nothing in them is run), and
    with --descriptor messages of Protocol Buffers, which needs joblog[protobuf].

    \b
    Examples:
      replay show joblog-data 1042
      replay show joblog-data @1042 --json
      replay show joblog-data @1042 --descriptor jobs.pb:delancie.Job
    """
    redaction = find_redactions(tool.index).find_record(seq)
    if redaction is not None:
        tool.output.hint(f"replay: seq {seq}: {redaction_text(redaction)}")
    decoded = None
    if payloads or descriptors:
        record = require_record(tool, seq)
        decoded = decode_words(check_descriptors(descriptors), record)
    if tool.output.is_json:
        facts = shown_facts(tool, seq, has_state=not no_state)
        tool.output.json(facts if decoded is None else {**facts, "payloads": decoded})
    else:
        write_record(tool, seq, has_state=not no_state)
        _write_payloads(tool, decoded or [])
    return 0


def _write_payloads(tool: Tool, payloads: Iterable[dict[str, Any]]) -> None:
    for payload in payloads:
        text = json.dumps(payload["value"], indent=2, ensure_ascii=False)
        _write_block(tool, payload["format"], map(plain_text, text.splitlines()))


def shown_facts(tool: Tool, seq: int, *, has_state: bool = True) -> dict[str, Any]:
    """Return a record for JSON, with its script and what it changed.

    Raises:
        NoSuchMomentError: the log has no such record.
    """
    record, match, source = _find(tool, seq)
    facts = record_facts(match)
    if source is not None:
        facts["script"] = json_text(source)
    if has_state:
        facts["changes"] = [
            change_facts(key, *pair)
            for key, pair in _find_changes(tool, record).items()
        ]
    return facts


def write_record(tool: Tool, seq: int, *, has_state: bool = True) -> None:
    """Write a record for people, with its script and what it changed.

    Raises:
        NoSuchMomentError: the log has no such record.
    """
    record, match, source = _find(tool, seq)
    changes = _find_changes(tool, record) if has_state else None
    _write_record(tool, match, source)
    if changes is not None:
        _write_changes(tool, record.db, find_touched(record), changes)


def _find(tool: Tool, seq: int) -> tuple[Record, Match, bytes | None]:
    record = require_record(tool, seq)
    match = Match(record, tool.clients().find(record.origin.client_id, seq))
    script = find_script(tool.index, record)
    return record, match, script and script.source


def _find_changes(tool: Tool, record: Record) -> Changes:
    with tool.progress("folding", record.seq) as progress:
        return find_changes(tool.index, progress, record)


def require_record(tool: Tool, seq: int) -> Record:
    """Return a record of the log.

    Raises:
        NoSuchMomentError: the log has no record of that number.
    """
    record = tool.index.get_record(seq) if seq else None
    if record is None:
        raise NoSuchMomentError(
            f"{tool.folder}: there is no seq {seq}: the log ends with seq "
            f"{tool.last_seq()}"
        )
    return record


def _write_record(tool: Tool, match: Match, source: bytes | None) -> None:
    record, names = match.record, ScriptNames(tool.index)
    note = read_note(record.origin)
    shown = {
        "seq": str(record.seq),
        "time": tool.output.time(record.at_ms),
        "db": str(record.db),
        "client": client_label(match.client),
    }
    for name, value in client_facts(match.client).items():
        if name not in {"id", "name"}:
            shown[f"  {name.replace('_', ' ')}"] = str(value)
    if record.origin.command:
        shown["command"] = given_text(record.origin.command, names=names)
    if note is not None and not isinstance(note, ExecNote):
        shown["note"] = _note_text(full_note(record.origin) or {})
    tool.output.facts({}, shown)
    if isinstance(note, ExecNote):
        _write_block(tool, "queued", queued_texts(note, names=names))
    if source is not None:
        text = source.decode("utf-8", "backslashreplace")
        _write_block(tool, "script", map(plain_text, text.splitlines()))
    is_told = tool.output.is_terminal and record.effects == [record.origin.command]
    if record.effects and not is_told:
        _write_block(tool, "effects", [show_argv(argv) for argv in record.effects])


def _write_block(tool: Tool, title: str, lines: Iterable[str]) -> None:
    tool.output.text(title, "bold")
    for line in lines:
        tool.output.text(f"  {line}")


def _note_text(note: Note) -> str:
    words = [plain_text(str(note.get("kind", "")))]
    for name, value in note.items():
        if name != "kind":
            word = show_bytes(value) if isinstance(value, bytes) else str(value)
            words.append(f"{name}={word}")
    return " ".join(words)


def _write_changes(tool: Tool, db: int, touched: Touched, changes: Changes) -> None:
    output = tool.output
    for where in touched.databases:
        name = "all databases" if where == ALL_DATABASES else f"database {where}"
        output.text(f"changed  every key of {name}")
    for key, (before, after) in changes.items():
        output.text(f"changed  {key_label(key, db)}{_fate(before, after)}", "bold")
        write_differences(tool, before, after, "  ")


def _fate(before: Version | None, after: Version | None) -> str:
    if before is None:
        return f" ({after.kind}, new)" if after else " (missing, as before)"
    return f" ({after.kind})" if after else f" ({before.kind}, removed)"


def write_differences(
    tool: Tool, before: Version | None, after: Version | None, indent: str
) -> None:
    """Write where two versions of a key differ, a line each."""
    kind = (after or before or Version("", b"", None)).kind
    lines = difference_lines(
        kind, list(find_differences(before, after)), tool.output.word_limit
    )
    for sign, text in lines:
        tool.output.line((f"{indent}{sign} {text}",), (SIGN_STYLES[sign],))
