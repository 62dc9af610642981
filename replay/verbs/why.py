"""`replay why`: what made a key be gone, or be what it is."""

from __future__ import annotations

from typing import Any

import click

from app.moments import Moment, show_time
from replay import options
from replay.options import NOTHING, Tool, at_option, db_option, takes_folder
from replay.past import Step, trace_key
from replay.records import client_label, record_facts, record_text
from replay.scripts import script_sha
from replay.search import Match, find_script_source
from replay.showing import deadline_text, version_facts, version_text
from replay.texts import json_text, show
from replay.values import Version, is_expired


@click.command()
@takes_folder
@click.argument("key", type=options.text)
@at_option
@db_option
def why(tool: Tool, key: bytes, at: Moment | None, db: int) -> int:
    r"""Tell what removed KEY: the record, its client and script, and the last value.

    Where the key is there, it tells what changed it last. Exit code 1 says that no
    record ever set it.

    \b
    Examples:
      replay why joblog-data job:42
      replay why joblog-data lock:import --at 'yesterday 14:00'
    """
    point = tool.point(at)
    with tool.progress("folding", point.seq) as progress:
        past = tool.past(progress)
        last: Step | None = None
        for last in trace_key(past, db, key, point.seq):  # noqa: B007 - the last is asked
            pass
        past.close()
    if last is None:
        tool.output.hint(
            f"replay: no record up to seq {point.seq} ever set {show(key)}"
        )
        return NOTHING
    _write(tool, key, last, point.at_ms)
    return 0


def _write(tool: Tool, key: bytes, last: Step, at_ms: int) -> None:
    record, before, after = last
    client = tool.clients().find(record.origin.client_id, record.seq)
    sha = script_sha(record)
    state, verb = _fate(after, at_ms)
    facts: dict[str, Any] = {
        "key": json_text(key),
        "state": state,
        "record": record_facts(Match(record, client)),
        "before": version_facts(before),
        "after": version_facts(after),
    }
    shown = {
        "key": show(key),
        "state": state,
        verb: record_text(record),
        "record": f"{record.seq}, {show_time(record.at_ms)}",
        "client": client_label(client),
        "before": version_text(before, tool.output.word_limit),
    }
    if after is not None:
        shown["after"] = version_text(after, tool.output.word_limit)
    if client.note is not None and client.note.name:
        shown["address"] = client.note.address
    if sha:
        source = find_script_source(tool.index, sha, record.seq)
        facts["script"] = {"sha": sha, "source": source and json_text(source)}
        shown["script"] = sha
    tool.output.facts(facts, shown)


def _fate(after: Version | None, at_ms: int) -> tuple[str, str]:
    """Return what has become of a key, and how the record that did it is called."""
    if after is None:
        return "removed", "removed by"
    if is_expired(after, at_ms):
        return f"expired at {deadline_text(after)}", "last changed by"
    return "there", "last changed by"
