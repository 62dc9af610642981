"""`replay info`: what log lies in a folder."""

from __future__ import annotations

import click

from joblog.app.history.positions import Standing, find_standing
from joblog.replay.verbs.options import Tool, takes_folder
from joblog.replay.views.health import log_facts, master_facts
from joblog.storage.folder import find_set_aside
from joblog.storage.verify import compute_digest


@click.command()
@takes_folder
def info(tool: Tool) -> int:
    """Tell what log lies in DIR: its records, times, segments and digest.

    Of a server that follows another, also which, and how far it has come.

    The digest stands for the whole history up to the last record; keep it, and
    `replay verify --expect` proves later that nothing before it was changed.

    \b
    Examples:
      replay info joblog-data
      replay info joblog-data --json | jq .last_seq
    """  # noqa: D301 - \b is click's mark for lines that are kept as they are
    facts, chain = log_facts(tool.index)
    first_seq, last_seq = facts["first_seq"], facts["last_seq"]
    shown = {
        "folder": str(tool.folder),
        "log": facts["log_id"],
        "records": f"{first_seq} to {last_seq}" if last_seq else "none",
    }
    if facts["first_at_ms"] is not None:
        shown["first"] = tool.output.time(facts["first_at_ms"])
        shown["last"] = tool.output.time(facts["last_at_ms"])
        digest = compute_digest(tool.folder, last_seq, filesystem=tool.filesystem)
        facts["digest"] = digest
        shown["digest"] = f"{digest}@{last_seq}"
    for name in ("first_at_ms", "last_at_ms"):
        del facts[name]
    standing = find_standing(tool.folder, tool.filesystem)
    if standing.master:
        facts["master"] = master_facts(standing)
        shown["master"] = _show_master(standing)
    kept = find_set_aside(tool.folder, tool.filesystem)
    if kept:
        facts["set_aside"] = [str(path) for path in kept]
        shown |= {f"set aside {at}": str(path) for at, path in enumerate(kept, 1)}
    sealed = sum(segment.is_sealed for segment in chain)
    shown["size"] = f"{facts['size_bytes']:,} bytes"
    shown["segments"] = f"{sealed} sealed, {len(chain) - sealed} open"
    tool.output.facts(facts, shown)
    return 0


def _show_master(standing: Standing) -> str:
    """Say where the history came from."""
    if standing.is_over:
        return f"{standing.master}, followed no longer"
    if standing.position is None:
        return f"{standing.master}; its dataset is not whole here"
    history, offset, _ = standing.position
    return f"{standing.master}, up to offset {offset} of history {history}"
