"""`replay verify --against`: the first difference between the logs of two nodes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from joblog.replay.proofs.nodes import FolderNode, LiveNode
from joblog.replay.proofs.parting import Parting, PartingError, find_parting
from joblog.replay.undoing.live import LiveError, shown_url
from joblog.replay.verbs.folders import is_address
from joblog.storage.archives import Archive, is_archive
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.replay.proofs.nodes import Node
    from joblog.replay.verbs.options import Tool
    from joblog.storage.verify import VerifyReport


class Against(NamedTuple):
    """How a log lies to another.

    Attributes:
        name: the other's folder, or address.
        ends: the last records of both.
        damage: why the other could not be compared; empty where it was.
        parting: where they part.
    """

    name: str
    ends: tuple[int, int]
    damage: list[str]
    parting: Parting

    @property
    def is_same(self) -> bool:
        """Whether both are the same as far as both go."""
        return not (self.damage or self.parting.seq or self.parting.why)


def compare(tool: Tool, report: VerifyReport, other: Path | str) -> Against:
    """Compare a log that is sound with that of another node, or an archive of one."""
    return _compare(FolderNode(tool.folder, tool.filesystem, report), other)


def compare_server(url: str, other: Path | str) -> Against:
    """Compare the log of a server that runs with that of another node."""
    try:
        with closing(LiveNode(url)) as here:
            return _compare(here, other)
    except LiveError as error:
        raise click.ClickException(f"{shown_url(url)}: {error}") from error


def _compare(here: Node, other: Path | str) -> Against:
    ends = here.last_seq, 0
    try:
        if isinstance(other, str):
            with closing(LiveNode(other)) as there:
                parting = find_parting(here, there)
            return Against(there.name, (here.last_seq, there.last_seq), [], parting)
        filesystem = open_disk()
        if is_archive(other, filesystem):
            filesystem = open_disk(beneath=Archive(other))
        report = verify_log(other, filesystem=filesystem)
        ends = here.last_seq, report.last_seq
        if report.damage:
            return Against(str(other), ends, report.damage, Parting(0))
        parting = find_parting(here, FolderNode(other, filesystem, report))
    except (StorageError, OSError, LiveError, PartingError) as error:
        name = shown_url(other) if isinstance(other, str) else str(other)
        return Against(name, ends, [str(error)], Parting(0))
    return Against(str(other), ends, [], parting)


def facts(against: Against) -> dict[str, Any]:
    """Return it for JSON."""
    parting = against.parting
    return {
        "folder": against.name,
        "is_same": against.is_same,
        "last_seq": against.ends[1],
        "damage": against.damage,
        "same_until": parting.same_until,
        "parts_at": parting.seq,
        "here": parting.texts[0],
        "there": parting.texts[1],
        "digests": list(parting.digests) if parting.seq else [],
        "why": parting.why,
    }


def lines(against: Against) -> Iterator[tuple[str, str]]:
    """Yield (text, style): it for people."""
    name, parting = against.name, against.parting
    for text in against.damage:
        yield (
            f"{name}: {text}" if is_address(name) else f"{name}: damage: {text}",
            "red",
        )
    if against.damage:
        return
    if against.is_same:
        here, there = against.ends
        text = f"the same as {name} up to seq {parting.same_until}"
        if here != there:
            which = "this one" if here > there else name
            text += f"; {which} goes on to seq {max(here, there)}"
        yield text, "green"
    elif not parting.seq:
        yield f"{name} cannot be compared: {parting.why}", "red"
    else:
        same = f"the same up to seq {parting.same_until}, and " * bool(
            parting.same_until
        )
        yield f"{same}other than {name} from seq {parting.seq} on", "red"
        yield f"here:  {parting.texts[0]}", ""
        yield f"there: {parting.texts[1]}", ""
        mine, theirs = parting.digests
        yield f"digests: {mine}@{parting.seq} here, {theirs}@{parting.seq} there", ""
        if parting.why:
            yield parting.why, ""
