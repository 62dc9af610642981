"""`replay history`: every value that one key had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.keys.inquiry import trace, trace_last
from joblog.replay.output.texts import show
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_text
from joblog.replay.shown.versions import version_text
from joblog.replay.verbs import options
from joblog.replay.verbs.job import follow_job, write_timelines
from joblog.replay.verbs.missing import near_keys, other_dbs, tell_redacted
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    db_option,
    oneline_option,
    takes_folder,
    takes_range,
)
from joblog.replay.verbs.show import write_differences
from joblog.replay.views.job_page import find_own_key
from joblog.replay.views.key_page import change_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.keys.past import Step
    from joblog.replay.verbs.options import Span


@click.command()
@takes_folder
@click.argument("key", type=options.text, shell_complete=options.complete_key)
@takes_range(also_at=True)
@click.option("-n", "count", type=click.IntRange(1), help="Only the last N of them.")
@oneline_option
@db_option
def history(
    tool: Tool,
    key: bytes,
    span: Span,
    count: int | None,
    db: int,
    *,
    is_oneline: bool,
) -> int:
    r"""Show each record of DIR that changed KEY, and the value that it left.

    A job's id is understood too: then it is the key that its library keeps of it.

    \b
    Examples:
      replay history joblog-data job:42
      replay history joblog-data queue:jobs -n 20
      replay history joblog-data queue:jobs --since '1h ago' --json
    """
    _, until = tool.ends(span)
    until_seq = until.seq
    from_seq = tool.floor_seq(span.since, until_seq)

    def trace_key(name: bytes) -> int:
        found = _trace(tool, (db, name), (from_seq, until_seq), count)
        return _write_all(tool, found, is_oneline=is_oneline)

    is_redacted = tell_redacted(tool, "key", key)
    if trace_key(key):
        return 0
    if is_redacted:
        return NOTHING
    timelines = follow_job(tool, key, until)
    if not timelines:
        near = other_dbs(tool, key, db) or near_keys(tool, key)
        tool.output.hint(f"replay: no record there changed a key {show(key)}{near}")
        return NOTHING
    own = find_own_key(timelines, key)
    if own is None:
        tool.output.hint(f"replay: {show(key)} is no key, but a job")
        write_timelines(tool, timelines, until)
        return 0
    tool.output.hint(f"replay: {show(key)} is a job, and its key is {show(own)}")
    return 0 if trace_key(own) else NOTHING


def _trace(
    tool: Tool, place: tuple[int, bytes], span: tuple[int, int], count: int | None
) -> Iterator[Step]:
    """Yield the records that changed a key, all or the last of them."""
    with tool.progress("folding", span[1]) as progress:
        if count is None:
            yield from trace(tool.index, progress, place, *span)
        else:
            yield from trace_last(tool.index, progress, place, span, count)


def _write_all(tool: Tool, steps: Iterator[Step], *, is_oneline: bool) -> int:
    """Write steps, and return how many there were."""
    clients, names = tool.clients(), ScriptNames(tool.index)
    shown = 0
    for step in steps:
        client = clients.find(step.record.origin.client_id, step.record.seq)
        match = Match(step.record, client)
        _write(tool, step, match, names, is_oneline=is_oneline)
        shown += 1
    return shown


def _write(
    tool: Tool, step: Step, match: Match, names: ScriptNames, *, is_oneline: bool
) -> None:
    output = tool.output
    record, before, after = step
    if output.is_json:
        output.json(change_facts(step, match, names))
        return
    cells = [
        str(record.seq),
        output.time(record.at_ms),
        client_label(match.client),
        record_text(record, output.word_limit, names),
    ]
    if output.word_limit is None:
        output.line(cells if is_oneline else [*cells, version_text(after)])
        return
    output.line(cells, ("cyan", "dim", "green"))
    if not is_oneline:
        write_differences(tool, before, after, "    ")
