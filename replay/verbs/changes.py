"""`replay changes`: which keys a stretch of the log changed, and who did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.keys.differences import Activity, count_activity
from joblog.replay.output.texts import json_text, show
from joblog.replay.shown.records import client_label
from joblog.replay.verbs.missing import near_keys
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    key_glob_option,
    takes_folder,
    takes_range,
)

if TYPE_CHECKING:
    from joblog.app.history.touched import DbKey
    from joblog.replay.records.clients import ClientDirectory
    from joblog.replay.verbs.options import Span

_CLIENTS_SHOWN = 3


@click.command()
@takes_folder
@takes_range()
@key_glob_option
@click.option("-n", "count", type=click.IntRange(1), help="Only the N busiest keys.")
def changes(
    tool: Tool,
    span: Span,
    key_glob: bytes | None,
    count: int | None,
) -> int:
    r"""List the keys of DIR that records after A, up to B, changed; the busiest first.

    \b
    Examples:
      replay changes joblog-data '1h ago..now' -n 20
      replay changes joblog-data @100..@200 --key 'job:*' --json
    """
    first, last = tool.ends(span)
    from_seq, until_seq = max(first.seq + 1, tool.index.first_seq), last.seq
    matches = compile_glob(key_glob or b"*")
    found = count_activity(tool.index, from_seq, until_seq, matches)
    busiest = sorted(found.items(), key=lambda item: (-item[1].records, item[0]))
    clients = tool.clients()
    columns = ("db", "key", "records", "first", "last", "commands", "clients")
    with tool.output.rows(
        *columns, right=("records", "first", "last"), whole=("key",)
    ) as rows:
        for key, activity in busiest[:count]:
            cells = _cells(tool, clients, key, activity)
            rows.add(_facts(key, activity), cells, ("", "bold"))
    if not rows.count and key_glob:
        near = near_keys(tool, key_glob)
        tool.output.hint(f"replay: no key like {show(key_glob)} was changed{near}")
    return 0 if rows.count else NOTHING


def _facts(key: DbKey, activity: Activity) -> dict[str, object]:
    return {
        "db": key[0],
        "key": json_text(key[1]),
        "records": activity.records,
        "first_seq": activity.first_seq,
        "last_seq": activity.last_seq,
        "commands": {json_text(name): n for name, n in activity.commands.items()},
        "clients": sorted(activity.clients),
    }


def _cells(
    tool: Tool, clients: ClientDirectory, key: DbKey, activity: Activity
) -> list[str]:
    named = sorted(activity.clients)[:_CLIENTS_SHOWN]
    labels = [client_label(clients.find(each, activity.last_seq)) for each in named]
    if len(activity.clients) > len(named):
        labels.append(f"{len(activity.clients) - len(named)} more")
    by_count = sorted(activity.commands.items(), key=lambda item: (-item[1], item[0]))
    return [
        str(key[0]),
        show(key[1], tool.output.word_limit),
        str(activity.records),
        str(activity.first_seq),
        str(activity.last_seq),
        " ".join(f"{show(name)}:{n}" for name, n in by_count),
        ", ".join(labels),
    ]
