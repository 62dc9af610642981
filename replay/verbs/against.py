"""`replay verify --against`: the first difference between the logs of two nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.replay.proofs.parting import Parting, Side, find_parting
from joblog.storage.archives import Archive, is_archive
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError
from joblog.storage.verify import verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.replay.verbs.options import Tool
    from joblog.storage.verify import VerifyReport


class Against(NamedTuple):
    """How a log lies to another.

    Attributes:
        folder: the other's.
        ends: the last records of both.
        damage: why the other could not be compared; empty where it was.
        parting: where they part.
    """

    folder: Path
    ends: tuple[int, int]
    damage: list[str]
    parting: Parting

    @property
    def is_same(self) -> bool:
        """Whether both are the same as far as both go."""
        return not (self.damage or self.parting.seq or self.parting.why)


def compare(tool: Tool, report: VerifyReport, folder: Path) -> Against:
    """Compare a log that is sound with that of another folder, or an archive of one."""
    filesystem = open_disk()
    if is_archive(folder, filesystem):
        filesystem = open_disk(beneath=Archive(folder))
    try:
        other = verify_log(folder, filesystem=filesystem)
        ends = report.last_seq, other.last_seq
        if other.damage:
            return Against(folder, ends, other.damage, Parting(0))
        here = Side(tool.folder, tool.filesystem, report)
        parting = find_parting(here, Side(folder, filesystem, other))
    except (StorageError, OSError) as error:
        return Against(folder, (report.last_seq, 0), [str(error)], Parting(0))
    return Against(folder, ends, [], parting)


def facts(against: Against) -> dict[str, Any]:
    """Return it for JSON."""
    parting = against.parting
    return {
        "folder": str(against.folder),
        "is_same": against.is_same,
        "last_seq": against.ends[1],
        "damage": against.damage,
        "same_until": parting.same_until,
        "parts_at": parting.seq,
        "here": parting.texts[0],
        "there": parting.texts[1],
        "why": parting.why,
    }


def lines(against: Against) -> Iterator[tuple[str, str]]:
    """Yield (text, style): it for people."""
    folder, parting = against.folder, against.parting
    for text in against.damage:
        yield f"{folder}: damage: {text}", "red"
    if against.damage:
        return
    if against.is_same:
        here, there = against.ends
        text = f"the same as {folder} up to seq {parting.same_until}"
        if here != there:
            which = "this one" if here > there else str(folder)
            text += f"; {which} goes on to seq {max(here, there)}"
        yield text, "green"
    elif not parting.seq:
        yield f"{folder} cannot be compared: {parting.why}", "red"
    else:
        same = f"the same up to seq {parting.same_until}, and " * bool(
            parting.same_until
        )
        yield f"{same}other than {folder} from seq {parting.seq} on", "red"
        yield f"here:  {parting.texts[0]}", ""
        yield f"there: {parting.texts[1]}", ""
        if parting.why:
            yield parting.why, ""
