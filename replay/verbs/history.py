"""`replay history`: every value that one key had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.keys.inquiry import trace, trace_last
from joblog.replay.keys.values import find_differences
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.shown.versions import difference_facts, version_facts, version_text
from joblog.replay.verbs import options
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    db_option,
    oneline_option,
    takes_folder,
    takes_range,
)
from joblog.replay.verbs.show import write_differences

if TYPE_CHECKING:
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

    \b
    Examples:
      replay history joblog-data job:42
      replay history joblog-data queue:jobs -n 20
      replay history joblog-data queue:jobs --since '1h ago' --json
    """
    _, until = tool.ends(span)
    until_seq = until.seq
    from_seq = tool.floor_seq(span.since, until_seq)
    clients, names = tool.clients(), ScriptNames(tool.index)
    shown = 0
    with tool.progress("folding", until_seq) as progress:
        where = tool.index, progress, (db, key)
        for step in (
            trace(*where, from_seq, until_seq)
            if count is None
            else trace_last(*where, (from_seq, until_seq), count)
        ):
            client = clients.find(step.record.origin.client_id, step.record.seq)
            match = Match(step.record, client)
            _write(tool, step, match, names, is_oneline=is_oneline)
            shown += 1
    return 0 if shown else NOTHING


def _write(
    tool: Tool, step: Step, match: Match, names: ScriptNames, *, is_oneline: bool
) -> None:
    output = tool.output
    record, before, after = step
    if output.is_json:
        facts = record_facts(match, names)
        facts["after"] = version_facts(after)
        differences = list(find_differences(before, after))
        facts["differences"] = difference_facts(differences)
        output.json(facts)
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
