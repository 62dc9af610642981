"""`replay blame`: who last set each field, element or member of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.moments import show_time
from replay import options
from replay.blame import Blame, find_blame
from replay.options import NOTHING, Tool, at_option, db_option, takes_folder
from replay.records import client_label, record_facts, record_text
from replay.search import Match
from replay.showing import deadline_text
from replay.texts import json_text, show

if TYPE_CHECKING:
    from app.moments import Moment
    from replay.output import Rows
    from storage.record import Record

_STYLES = ("bold", "", "cyan", "dim", "green")
_COLUMNS = ("place", "value", "seq", "time", "client", "by")


@click.command()
@takes_folder
@click.argument("key", type=options.text, shell_complete=options.complete_key)
@at_option
@db_option
def blame(tool: Tool, key: bytes, at: Moment | None, db: int) -> int:
    r"""Show for each field, element or member of KEY which record set it last.

    Its deadline is shown too, where it has one. Exit code 1: there is no such key.

    \b
    Examples:
      replay blame joblog-data job:42
      replay blame joblog-data queue:jobs --at 'yesterday 14:00' --json
    """
    point = tool.point(at)
    floor = tool.floor_seq()
    with tool.progress("folding", point.seq) as progress:
        owners = find_blame(tool.index, progress, (db, key), (floor, point.seq))
    if owners.version is None:
        tool.output.hint(f"replay: {show(key)} is missing at seq {point.seq}")
        return NOTHING
    with tool.output.rows(*_COLUMNS, right=("seq",)) as rows:
        for one in owners.blames():
            _add(tool, rows, one)
        if owners.deadline is not None:
            text = deadline_text(owners.version)
            facts: dict[str, object] = {"place": None}
            facts["deadline_ms"] = owners.version.deadline_ms
            _add_row(tool, rows, facts, ["(expires)", text], owners.deadline)
    return 0


def _add(tool: Tool, rows: Rows, one: Blame) -> None:
    place, content, record = one
    name = json_text(place) if isinstance(place, bytes) else place
    value = None if content is None else json_text(content)
    limit = tool.output.word_limit
    shown = f"[{place}]" if isinstance(place, int) else show(place or b"-", limit)
    cells = [shown if place is not None else "-", show(content or b"", limit)]
    if content is None:
        cells[1] = "-"
    _add_row(tool, rows, {"place": name, "value": value}, cells, record)


def _add_row(
    tool: Tool,
    rows: Rows,
    facts: dict[str, object],
    cells: list[str],
    record: Record | None,
) -> None:
    if record is None:
        rows.add(facts | {"record": None}, [*cells, "-", "-", "-", "-"], _STYLES)
        return
    client = tool.clients().find(record.origin.client_id, record.seq)
    cells += [
        str(record.seq),
        show_time(record.at_ms),
        client_label(client),
        record_text(record, tool.output.word_limit),
    ]
    if tool.output.is_json:
        facts["record"] = record_facts(Match(record, client))
    rows.add(facts, cells, _STYLES)
