"""`replay index`: make the other verbs fast on a long log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from joblog.replay.index.building import build_index
from joblog.replay.jobs.ledger_building import build_ledger
from joblog.replay.records.summaries import build_summaries
from joblog.replay.verbs.jobs import schema_option
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder

if TYPE_CHECKING:
    from joblog.replay.jobs.schema import Schema

_POLITE = 10


@click.command()
@takes_folder
@click.option("--quiet", is_flag=True, help="Say nothing, and leave others the disk.")
@schema_option
def index(tool: Tool, schemas: tuple[Schema, ...], *, quiet: bool) -> int:
    r"""Index the log of DIR, as far as it is not indexed yet.

    The index is a folder beside the log, `index`, that may be removed at any time;
    where DIR cannot be written to, it lies in the user's cache. REPLAY_INDEX in the
    environment names another folder, or says `off`. Other verbs build it by
    themselves, behind their answer, where much of a log is not indexed.

    \b
    Examples:
      replay index joblog-data
      REPLAY_INDEX=/var/tmp replay index /mnt/backup/joblog-data
    """
    tool.may_index = False
    if quiet:
        os.nice(_POLITE)
    last_seq = tool.index.last_seq
    with tool.progress("indexing", last_seq) as progress:
        counting = build_summaries(
            tool.folder, tool.filesystem, progress.then("counting")
        )
        following = build_ledger(
            tool.folder, tool.filesystem, progress.then("following jobs"), schemas
        )
        indexed = build_index(
            tool.folder,
            tool.filesystem,
            progress,
            progress.then("folding"),
            attach=[counting, following],
        )
    if indexed is None:
        if not quiet:
            tool.output.hint(
                "replay: nothing to write an index to, or another process is at it"
            )
        return NOTHING
    facts: dict[str, Any] = {"records": last_seq, "indexed": indexed}
    if not quiet:
        tool.output.facts(facts, {name: f"{n:,}" for name, n in facts.items()})
    return 0
