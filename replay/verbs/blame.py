"""`replay blame`: who last set each field, element or member of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from joblog.replay.keys.blame import Blame, find_blame
from joblog.replay.output.texts import show
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.shown.versions import deadline_text
from joblog.replay.verbs import options
from joblog.replay.verbs.missing import tell_missing_key
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    db_option,
    takes_folder,
    takes_range,
)
from joblog.replay.views.key_page import blame_facts

if TYPE_CHECKING:
    from joblog.replay.records.clients import ClientDirectory
    from joblog.replay.verbs.options import Span
    from joblog.storage.record import Record

_STYLES = ("bold", "", "cyan", "dim", "green")
_COLUMNS = ("place", "value", "seq", "time", "client", "by")


@click.command()
@takes_folder
@click.argument("key", type=options.text, shell_complete=options.complete_key)
@takes_range(also_at=True)
@db_option
def blame(tool: Tool, key: bytes, span: Span, db: int) -> int:
    r"""Show for each field, element or member of KEY which record set it last.

    Its deadline is shown too, where it has one. What was set before a range has no
    record then. Exit code 1: there is no such key.

    \b
    Examples:
      replay blame joblog-data job:42
      replay blame joblog-data queue:jobs --at 'yesterday 14:00' --json
    """
    _, point = tool.ends(span)
    floor = tool.floor_seq(span.since, point.seq)
    with tool.progress("folding", point.seq) as progress:
        owners = find_blame(tool.index, progress, (db, key), (floor, point.seq))
    if owners.version is None:
        tell_missing_key(tool, key, point.seq, db)
        return NOTHING
    # Each looks for its client in the log: when all are found, they are written.
    telling = _Telling(tool, tool.clients(), ScriptNames(tool.index))
    found = [_blame_row(telling, one) for one in owners.blames()]
    if owners.deadline is not None:
        text = deadline_text(owners.version)
        facts: dict[str, object] = {"place": None}
        facts["deadline_ms"] = owners.version.deadline_ms
        found.append(_row(telling, facts, ["(expires)", text], owners.deadline))
    with tool.output.rows(*_COLUMNS, right=("seq",), whole=("time",)) as rows:
        for row in found:
            rows.add(*row, _STYLES)
    return 0


_Row = tuple[dict[str, object], list[str]]
"""What is told for JSON, and the cells of a table."""


class _Telling(NamedTuple):
    """What is asked for each row, made once for all."""

    tool: Tool
    clients: ClientDirectory
    names: ScriptNames


def _blame_row(telling: _Telling, one: Blame) -> _Row:
    place, content, record = one
    limit = telling.tool.output.word_limit
    shown = f"[{place}]" if isinstance(place, int) else show(place or b"-", limit)
    cells = [shown if place is not None else "-", show(content or b"", limit)]
    if content is None:
        cells[1] = "-"
    return _row(telling, blame_facts(one), cells, record)


def _row(
    telling: _Telling,
    facts: dict[str, object],
    cells: list[str],
    record: Record | None,
) -> _Row:
    if record is None:
        return facts | {"record": None}, [*cells, "-", "-", "-", "-"]
    tool, clients, names = telling
    client = clients.find(record.origin.client_id, record.seq)
    cells += [
        str(record.seq),
        tool.output.time(record.at_ms),
        client_label(client),
        record_text(record, tool.output.word_limit, names),
    ]
    if tool.output.is_json:
        facts["record"] = record_facts(Match(record, client))
    return facts, cells
