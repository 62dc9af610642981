"""`replay why`: what made a key, or a job, be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.touched import changed_keys
from joblog.replay.jobs.losses import find_loss
from joblog.replay.jobs.views import Actors
from joblog.replay.keys.inquiry import trace_last
from joblog.replay.keys.values import Version, is_expired
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.records.script_lines import find_lines
from joblog.replay.records.script_texts import ScriptNames, ScriptText, find_script
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.shown.versions import deadline_text, version_facts, version_text
from joblog.replay.verbs import options
from joblog.replay.verbs.masters import tell_masters
from joblog.replay.verbs.missing import near_jobs, near_keys, other_dbs
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    at_option,
    db_option,
    takes_folder,
)

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment
    from joblog.replay.keys.past import Step
    from joblog.storage.record import Record


@click.command()
@takes_folder
@click.argument(
    "key",
    metavar="KEY|JOB",
    type=options.text,
    shell_complete=options.complete_key,
)
@at_option
@db_option
def why(tool: Tool, key: bytes, at: Moment | None, db: int) -> int:
    r"""Tell what removed KEY: the record, its client and script, and the last value.

    Where the key is there, it tells what changed it last. Where there never was such a
    key, it is taken for a job's id: then it tells what took it out of a list, a set or
    another key the last time. Exit code 1 says that no record did either.

    \b
    Examples:
      replay why joblog-data job:42
      replay why joblog-data lock:import --at 'yesterday 14:00'
      replay why joblog-data 0f9a1c52-7d1e-4c7e-8f0a-2f6f4a1f3c11
    """
    point = tool.point(at)
    floor = tool.floor_seq(until_seq=point.seq)
    with tool.progress("folding", point.seq) as progress:
        span = floor, point.seq
        steps = trace_last(tool.index, progress, (db, key), span, 1)
        loss = None if steps else find_loss(tool.index, progress, key, point.seq)
    if steps:
        _write_step(tool, (db, key), steps[-1], point.at_ms)
        return 0
    if loss is None:
        near = other_dbs(tool, key, db) or near_keys(tool, key) or near_jobs(tool, key)
        tool.output.hint(
            f"replay: no record up to seq {point.seq} ever set {show(key)}, or took it "
            f"out of a key{near}"
        )
        return NOTHING
    record, home, place, before = loss
    facts: dict[str, Any] = {
        "job": json_text(key),
        "db": home,
        "key": json_text(place),
        "before": version_facts(before),
    }
    shown = {
        "job": show(key),
        "removed from": show(place) + (f" in db{home}" if home else ""),
        "by": record_text(record, names=ScriptNames(tool.index)),
    }
    after = {"before": version_text(before, tool.output.word_limit)}
    _write(tool, record, (home, place), (facts, shown, after))
    return 0


def _write_step(tool: Tool, home: tuple[int, bytes], last: Step, at_ms: int) -> None:
    record, before, after = last
    key = home[1]
    state, verb = _fate(after, at_ms)
    facts = {
        "key": json_text(key),
        "state": state,
        "before": version_facts(before),
        "after": version_facts(after),
    }
    by = record_text(record, names=ScriptNames(tool.index))
    shown = {"key": show(key), "state": state, verb: by}
    values = {"before": version_text(before, tool.output.word_limit)}
    if after is not None:
        values["after"] = version_text(after, tool.output.word_limit)
    _write(tool, record, home, (facts, shown, values))


def _write(
    tool: Tool,
    record: Record,
    home: tuple[int, bytes],
    answer: tuple[dict[str, Any], dict[str, str], dict[str, str]],
) -> None:
    """Write an answer: facts for JSON, and what is shown before and after the client.

    Args:
        tool: where to.
        record: what did it.
        home: the database and the key that it did it to.
        answer: (facts, shown, what is shown behind the client).
    """
    facts, shown, values = answer
    actors = Actors(tool.index, tool.clients())
    client = actors.client(record)
    facts["record"] = record_facts(Match(record, client))
    shown["record"] = f"{record.seq}, {tool.output.time(record.at_ms)}"
    shown["client"] = client_label(client)
    shown |= values
    if client.note is not None and client.note.name:
        shown["address"] = client.note.address
    script = find_script(tool.index, record)
    if script is not None:
        lines = _lines(record, home, script.source or b"")
        facts["script"] = _script_facts(script, lines)
        label = "script" if script.sha else "function"
        words = (show(script.name) if script.name else "", script.sha)
        shown[label] = ", ".join(filter(None, words))
        for number, text in lines:
            shown[f"line {number}"] = plain_text(text)
    tool.output.facts(facts, shown)
    tell_masters(tool, actors)


def _script_facts(script: ScriptText, lines: list[tuple[int, str]]) -> dict[str, Any]:
    return {
        "sha": script.sha,
        "name": json_text(script.name) if script.name else None,
        "source": script.source and json_text(script.source),
        "lines": [number for number, _ in lines],
    }


def _lines(
    record: Record, home: tuple[int, bytes], source: bytes
) -> list[tuple[int, str]]:
    """Return (number, text) of the script's lines that may have changed a key."""
    numbers: set[int] = set()
    db = record.db
    for effect in record.effects:
        if effect[0].upper() == b"SELECT":
            db = int(effect[1])
        elif (db, home[1]) == home and home[1] in changed_keys(effect):
            numbers.update(find_lines(source, record, effect))
    lines = source.decode("utf-8", "backslashreplace").splitlines()
    return [(number, lines[number - 1].strip()) for number in sorted(numbers)]


def _fate(after: Version | None, at_ms: int) -> tuple[str, str]:
    """Return what has become of a key, and how the record that did it is called."""
    if after is None:
        return "removed", "removed by"
    if is_expired(after, at_ms):
        return f"expired at {deadline_text(after)}", "last changed by"
    return "there", "last changed by"
