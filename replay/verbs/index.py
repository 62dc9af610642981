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
from joblog.replay.views.sums import build_sums
from joblog.storage.room import NoRoomError

if TYPE_CHECKING:
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress

_POLITE = 10


@click.command()
@takes_folder
@click.option("--quiet", is_flag=True, help="Say nothing, and leave others the disk.")
@click.option("--reserve", type=click.IntRange(0), hidden=True)
@schema_option
def index(
    tool: Tool, schemas: tuple[Schema, ...], reserve: int | None, *, quiet: bool
) -> int:
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
    try:
        indexed = _build(tool, schemas, last_seq, reserve)
    except OSError as error:
        tool.output.hint(f"replay: the index cannot be written: {error}")
        return NOTHING
    if indexed is None:
        if not quiet:
            tool.output.hint(
                "replay: nothing to write an index to, or another process is at it"
            )
        return NOTHING
    facts: dict[str, Any] = {"records": last_seq, "indexed": indexed}
    if not quiet:
        shown_facts = {name: f"{n:,}" for name, n in facts.items()}
        tool.index.catalogue.look_again()
        ends = [header.last_seq for header in tool.index.catalogue.parts()]
        facts["indexed_seq"] = ends[-1] if ends else 0
        tool.output.facts(facts, shown_facts)
    return 0


def _build(
    tool: Tool, schemas: tuple[Schema, ...], last_seq: int, reserve: int | None
) -> int | None:
    """Build the index; see `build_index`."""
    with tool.progress("indexing", last_seq) as shown:
        progress = _while_there_is_room(tool, reserve, shown)
        counting = build_summaries(
            tool.folder,
            tool.filesystem,
            _while_there_is_room(tool, reserve, shown.then("counting")),
        )
        following = build_ledger(
            tool.folder,
            tool.filesystem,
            _while_there_is_room(tool, reserve, shown.then("following jobs")),
            schemas,
        )
        summing = build_sums(
            tool.folder,
            tool.filesystem,
            _while_there_is_room(tool, reserve, shown.then("adding up")),
            schemas,
        )
        return build_index(
            tool.folder,
            tool.filesystem,
            progress,
            _while_there_is_room(tool, reserve, shown.then("folding")),
            attach=[counting, following, summing],
        )


def _while_there_is_room(
    tool: Tool, reserve: int | None, progress: Progress
) -> Progress:
    """Return what tells how far it is, and stops it where a disk gets full.

    Args:
        tool: what the verb works with.
        reserve: how many bytes are others'; None where it was asked for by hand.
        progress: is told how far it is.
    """
    if reserve is None:
        return progress

    def tell(seq: int) -> None:
        if tool.filesystem.room(tool.folder).is_low(reserve):
            raise NoRoomError("the disk gets full, so the log is not indexed further")
        progress(seq)

    return tell
