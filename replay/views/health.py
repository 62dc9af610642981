"""The health of a log: its segments, how far it is indexed, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.app.history.positions import Standing, find_standing
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder, SegmentInfo, read_chain
from joblog.storage.memory_mark import read_mark

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.views.source import Source


def log_facts(index: LogIndex) -> tuple[dict[str, Any], list[SegmentInfo]]:
    """Return what log lies in a folder for JSON, and its segments.

    Raises:
        CorruptLogError: the log is damaged.
    """
    folder = index.folder
    chain = list(read_chain(LogFolder(folder, index.filesystem), index.filesystem))
    last_seq = index.last_seq
    facts: dict[str, Any] = {
        "folder": str(folder),
        "log_id": chain[0].header.log_id.hex() if chain else "",
        "first_seq": chain[0].first_seq if chain else 1,
        "last_seq": last_seq,
        "first_at": None,
        "last_at": None,
        "first_at_ms": None,
        "last_at_ms": None,
        "size_bytes": sum(segment.size_bytes for segment in chain),
        "memory_only": read_mark(folder) or None,
        "segments": [segment_facts(segment) for segment in chain],
    }
    if last_seq >= facts["first_seq"]:
        for name in ("first", "last"):
            at_ms = _time_of(index, facts[f"{name}_seq"])
            facts |= {f"{name}_at": json_time(at_ms), f"{name}_at_ms": at_ms}
    return facts, chain


def segment_facts(segment: SegmentInfo) -> dict[str, Any]:
    """Return a segment for JSON."""
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


def master_facts(standing: Standing) -> dict[str, Any]:
    """Return where a history came from for JSON."""
    position = standing.position
    return {
        "address": standing.master,
        "is_followed": not standing.is_over,
        "history": position.id if position else None,
        "offset": position.offset if position else None,
    }


def health_facts(source: Source) -> dict[str, Any]:
    """Return how a log is for JSON: as `replay info --json`, and what is wrong.

    It reads no more than the ends of files: `replay verify` reads all.

    Returns:
        The facts of `info` but for its digest; `unindexed_bytes`, `snapshots`,
        `schemas`, and `problem`: what is wrong with the log, None where nothing is.
    """
    index = source.index
    try:
        facts, _ = log_facts(index)
        facts["problem"] = None
        facts["unindexed_bytes"] = index.count_unindexed_bytes()
        facts["schemas"] = [
            {"name": schema.name, "title": schema.title, "guesses": schema.guesses}
            for schema in source.schemas
        ]
    except StorageError as error:
        return {"folder": str(source.folder), "problem": str(error)}
    paths = LogFolder(source.folder, source.filesystem)
    facts["snapshots"] = list(paths.find_snapshots())
    standing = find_standing(source.folder, source.filesystem)
    facts["master"] = master_facts(standing) if standing.master else None
    return facts


def _time_of(index: LogIndex, seq: int) -> int:
    record = index.get_record(seq)
    assert record is not None
    return record.at_ms
