"""`replay history`: every value that one key had."""

from __future__ import annotations

import click

from app.moments import Moment, show_time
from replay import options
from replay.options import NOTHING, Tool, at_option, db_option, takes_folder
from replay.past import trace_key
from replay.records import client_label, record_facts, record_text
from replay.search import Match
from replay.showing import difference_facts, version_facts, version_text
from replay.values import find_differences
from replay.verbs.show import write_differences


@click.command(short_help="Every value that one key had.")
@takes_folder
@click.argument("key", type=options.text)
@at_option
@db_option
def history(tool: Tool, key: bytes, at: Moment | None, db: int) -> int:
    r"""Show each record of DIR that changed KEY, and the value that it left.

    \b
    Examples:
      replay history joblog-data job:42
      replay history joblog-data queue:jobs --at '1h ago' --json
    """
    point = tool.point(at)
    clients = tool.clients()
    output = tool.output
    count = 0
    with tool.progress("folding", point.seq) as progress:
        past = tool.past(progress)
        for count, step in enumerate(trace_key(past, db, key, point.seq), 1):  # noqa: B007 - the last is asked
            record, before, after = step
            match = Match(record, clients.find(record.origin.client_id, record.seq))
            if output.is_json:
                facts = record_facts(match)
                facts["after"] = version_facts(after)
                differences = list(find_differences(before, after))
                facts["differences"] = difference_facts(differences)
                output.json(facts)
                continue
            cells = [
                str(record.seq),
                show_time(record.at_ms),
                client_label(match.client),
                record_text(record, output.word_limit),
            ]
            if output.word_limit is None:
                output.line([*cells, version_text(after)])
            else:
                output.line(cells, ("cyan", "dim", "green"))
                write_differences(tool, before, after, "    ")
        past.close()
    return 0 if count else NOTHING
