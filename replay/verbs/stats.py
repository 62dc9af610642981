"""`replay stats`: what a log is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.statistics import Statistics, find_rate, sparkline
from joblog.replay.records.summaries import count_records
from joblog.replay.shown.records import client_label
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.storage.folder import LogFolder, read_chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.verbs.options import Span

_WIDTH = 60
_SHA_DIGITS = 40


@click.command()
@takes_folder
@takes_range()
@click.option(
    "-n", "count", type=click.IntRange(1), default=10, show_default=True,
    help="How many of each kind, the most frequent first.",
)  # fmt: skip
def stats(tool: Tool, span: Span, count: int) -> int:
    r"""Count the records of DIR: commands, clients, scripts, keys, rates.

    The row of bars is the number of records over time, from the first to the last.

    \b
    Examples:
      replay stats joblog-data
      replay stats joblog-data --since '1h ago' -n 20 --json
      replay stats before-deploy..now
    """
    from_seq, until_seq = tool.seqs(span)
    with tool.progress("reading", until_seq) as progress:
        found = count_records(tool.index, progress, from_seq, until_seq)
    if not found.records:
        return NOTHING
    if found.hidden:
        tool.output.hint(
            "replay: there are too many keys, or clients, to count each: each may have "
            f"up to {found.hidden:,} more than are told"
        )
    if tool.output.is_json:
        tool.output.json(_facts(tool, found, count))
    else:
        _write(tool, found, count)
    return 0


def _facts(tool: Tool, found: Statistics, count: int) -> dict[str, Any]:
    assert found.first_at_ms is not None
    rate = find_rate(found, _WIDTH)
    return {
        "records": found.records,
        "effects": found.effects,
        "log_bytes": _log_bytes(tool),
        "first_at": json_time(found.first_at_ms),
        "last_at": json_time(found.last_at_ms),
        "records_a_second": round(rate.mean, 3),
        "peak_records_a_second": round(rate.peak, 3),
        "rates": found.rates(_WIDTH),
        "commands": {
            json_text(name): n for name, n in found.commands.most_common(count)
        },
        "clients": {str(name): n for name, n in found.clients.most_common(count)},
        "clients_last_at": {
            str(name): json_time(found.seen[name][1])
            for name, _ in found.clients.most_common(count)
        },
        "scripts": dict(found.scripts.most_common(count)),
        "hidden_max": found.hidden,
        "keys": [
            {"db": db, "key": json_text(key), "effects": n}
            for (db, key), n in found.keys.most_common(count)
        ],
    }


def _write(tool: Tool, found: Statistics, count: int) -> None:
    assert found.first_at_ms is not None
    rate = find_rate(found, _WIDTH)
    shown = {
        "records": f"{found.records:,}",
        "effects": f"{found.effects:,}",
        "log": f"{_log_bytes(tool):,} bytes",
        "first": tool.output.time(found.first_at_ms),
        "last": tool.output.time(found.last_at_ms),
        "rate": f"{rate.mean:,.1f} records a second, at most {rate.peak:,.1f}",
        "over time": sparkline(found.rates(_WIDTH)),
    }
    tool.output.facts({}, shown)
    clients = tool.clients()
    _write_counts(
        tool,
        "command",
        [(show(name), n) for name, n in found.commands.most_common(count)],
    )
    columns = ("client", "count", "last")
    with tool.output.rows(*columns, right=("count",), whole=("last",)) as rows:
        for each, number in found.clients.most_common(count):
            seq, at_ms = found.seen[each]
            label, last = client_label(clients.find(each, seq)), tool.output.time(at_ms)
            if tool.output.word_limit is None:
                rows.add(None, ("client", label, str(number), last))
            else:
                rows.add(None, (label, f"{number:,}", last), ("bold",))
    names = ScriptNames(tool.index)
    _write_counts(
        tool,
        "script",
        [(_script_label(sha, names), n) for sha, n in found.scripts.most_common(count)],
    )
    keys = [
        (show(key, tool.output.word_limit) + (f" in db{db}" if db else ""), n)
        for (db, key), n in found.keys.most_common(count)
    ]
    _write_counts(tool, "key", keys)


def _script_label(sha_or_name: str, names: ScriptNames) -> str:
    """Return a script's name and its SHA-1, or a function's name."""
    if len(sha_or_name) != _SHA_DIGITS:
        return plain_text(sha_or_name)
    name = names.find(sha_or_name)
    return f"{show(name)} {sha_or_name}" if name else sha_or_name


def _write_counts(tool: Tool, kind: str, counts: Sequence[tuple[str, int]]) -> None:
    """Write a table; in plain lines each begins with what is counted."""
    if tool.output.word_limit is None:
        for name, number in counts:
            tool.output.line((kind, name, str(number)))
        return
    with tool.output.rows(kind, "count", right=("count",)) as rows:
        for name, number in counts:
            rows.add(None, (name, f"{number:,}"), ("bold",))


def _log_bytes(tool: Tool) -> int:
    chain = read_chain(LogFolder(tool.folder, tool.filesystem), tool.filesystem)
    return sum(segment.size_bytes for segment in chain)
