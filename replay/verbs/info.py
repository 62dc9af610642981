"""`replay info`: what log lies in a folder."""

from __future__ import annotations

from typing import Any

import click

from joblog.app.history.moments import json_time
from joblog.app.history.positions import Standing, find_standing
from joblog.replay.verbs.options import Tool, takes_folder
from joblog.storage.folder import LogFolder, SegmentInfo, read_chain
from joblog.storage.memory_mark import read_mark
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
    chain = read_chain(LogFolder(tool.folder, tool.filesystem), tool.filesystem)
    last_seq = tool.last_seq()
    facts: dict[str, Any] = {
        "folder": str(tool.folder),
        "log_id": chain[0].header.log_id.hex() if chain else "",
        "first_seq": chain[0].first_seq if chain else 1,
        "last_seq": last_seq,
        "first_at": None,
        "last_at": None,
        "size_bytes": sum(segment.size_bytes for segment in chain),
        "memory_only": read_mark(tool.folder) or None,
        "segments": [_segment_facts(segment) for segment in chain],
    }
    shown = {
        "folder": str(tool.folder),
        "log": facts["log_id"],
        "records": f"{facts['first_seq']} to {last_seq}" if last_seq else "none",
    }
    if last_seq >= facts["first_seq"]:
        first_ms = _time_of(tool, facts["first_seq"])
        last_ms = _time_of(tool, last_seq)
        digest = compute_digest(tool.folder, last_seq, filesystem=tool.filesystem)
        facts |= {"first_at": json_time(first_ms), "last_at": json_time(last_ms)}
        facts["digest"] = digest
        shown["first"] = tool.output.time(first_ms)
        shown["last"] = tool.output.time(last_ms)
        shown["digest"] = f"{digest}@{last_seq}"
    standing = find_standing(tool.folder, tool.filesystem)
    if standing.master:
        facts["master"] = _master_facts(standing)
        shown["master"] = _show_master(standing)
    sealed = sum(segment.is_sealed for segment in chain)
    shown["size"] = f"{facts['size_bytes']:,} bytes"
    shown["segments"] = f"{sealed} sealed, {len(chain) - sealed} open"
    tool.output.facts(facts, shown)
    return 0


def _master_facts(standing: Standing) -> dict[str, Any]:
    position = standing.position
    return {
        "address": standing.master,
        "is_followed": not standing.is_over,
        "history": position.id if position else None,
        "offset": position.offset if position else None,
    }


def _show_master(standing: Standing) -> str:
    """Say where the history came from."""
    if standing.is_over:
        return f"{standing.master}, followed no longer"
    if standing.position is None:
        return f"{standing.master}; its dataset is not whole here"
    history, offset, _ = standing.position
    return f"{standing.master}, up to offset {offset} of history {history}"


def _segment_facts(segment: SegmentInfo) -> dict[str, Any]:
    footer = segment.footer
    facts = {
        "file": segment.path.name,
        "first_seq": segment.first_seq,
        "created_at": json_time(segment.header.created_at_ms),
        "size_bytes": segment.size_bytes,
        "is_sealed": footer is not None,
    }
    if footer is not None:
        facts["last_seq"] = footer.last_seq
        facts["sealed_at"] = json_time(footer.sealed_at_ms)
        facts["digest"] = footer.digest.hex()
    return facts


def _time_of(tool: Tool, seq: int) -> int:
    record = tool.index.get_record(seq)
    assert record is not None
    return record.at_ms
