"""`replay scripts`: which scripts and functions wrote to a log, and who called them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.output.times import took_text
from joblog.replay.records.script_uses import find_files, find_scripts
from joblog.replay.shown.records import client_name
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range

if TYPE_CHECKING:
    from joblog.replay.records.script_uses import ScriptUse
    from joblog.replay.verbs.options import Span
    from joblog.storage.record import Record

_CALLERS_SHOWN = 3
_STYLES = ("bold", "cyan")


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--files", "source_folder", metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tell which file below this folder has a script's text.",
)  # fmt: skip
def scripts(tool: Tool, span: Span, source_folder: Path | None) -> int:
    r"""List the scripts and functions that wrote to DIR, by their first call.

    Each with its name, SHA-1, number of calls that changed something, how long they
    took in all and each on average (older logs do not tell), first and last call, the
    tag that was given last before its text came, and who called it. A script is called
    by what its head says (`#!lua name=enqueue`, `-- name: enqueue`), or by the first
    words of the comment that it begins with.

    \b
    Examples:
      replay scripts joblog-data
      replay scripts joblog-data --since deploy-41
      replay scripts joblog-data --files src/lua --json
    """
    from_seq, until_seq = tool.seqs(span)
    clients = tool.clients()

    def label(record: Record) -> str:
        return client_name(clients.find(record.origin.client_id, record.seq))

    with tool.progress("reading", until_seq) as progress:
        found = find_scripts(tool.index, progress, from_seq, until_seq, label)
    shas = {use.sha for use in found}
    files = {} if source_folder is None else find_files(source_folder, shas)
    columns = ["script", "sha", "calls", "first call", "last call", "since tag", "by"]
    has_times = any(use.took.timed for use in found)
    if has_times:
        columns[3:3] = ["took", "a call"]
    if source_folder is not None:
        columns.append("file")
    whole = ("sha", "first call", "last call")
    with tool.output.rows(
        *columns, right=("calls", "took", "a call"), whole=whole
    ) as rows:
        for use in found:
            facts, cells = _facts(use), _cells(tool, use)
            if has_times:
                took = use.took.us if use.took.timed else None
                cells[3:3] = [took_text(took), took_text(use.took.mean_us)]
            if source_folder is not None:
                facts["file"] = files.get(use.sha)
                cells.append(plain_text(files.get(use.sha, "-")))
            rows.add(facts, cells, _STYLES)
    return 0 if rows.count else NOTHING


def _facts(use: ScriptUse) -> dict[str, Any]:
    return {
        "name": json_text(use.name) if use.name else None,
        "sha": use.sha or None,
        "kind": "script" if use.sha else "function",
        "bytes": use.size,
        "text_seq": use.text_seq,
        "since_tag": json_text(use.tag) if use.tag is not None else None,
        "calls": use.calls,
        "failed": use.failed,
        **use.took.facts(),
        "first": _place(use.first),
        "last": _place(use.last),
        "callers": dict(use.callers.most_common()),
    }


def _place(place: tuple[int, int, int] | None) -> dict[str, Any] | None:
    if place is None:
        return None
    seq, at_ms, client_id = place
    return {"seq": seq, "at": json_time(at_ms), "at_ms": at_ms, "client_id": client_id}


def _cells(tool: Tool, use: ScriptUse) -> list[str]:
    assert use.first is not None
    assert use.last is not None
    is_table = tool.output.word_limit is not None
    callers = [
        f"{name}: {count:,}" for name, count in use.callers.most_common(_CALLERS_SHOWN)
    ]
    more = len(use.callers) - _CALLERS_SHOWN
    if more > 0:
        callers.append(f"{more} more")
    return [
        show(use.name, tool.output.word_limit) if use.name else "-",
        (use.sha[:8] if is_table else use.sha) or "function",
        str(use.calls),
        f"{tool.output.time(use.first[1])} @{use.first[0]}",
        tool.output.time(use.last[1]),
        show(use.tag) if use.tag is not None else "-",
        ", ".join(callers),
    ]
