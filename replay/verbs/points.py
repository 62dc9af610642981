"""`replay points`: the moments of a log that are marked or quick to open."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from joblog.app.history.moments import json_time
from joblog.replay.records.points import OpenPoint, find_points
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range

if TYPE_CHECKING:
    from joblog.replay.output.answers import Output
    from joblog.replay.verbs.options import Span

_STYLES = ("cyan", "dim", "bold")


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["start", "segment", "seal", "snapshot", "checkpoint", "tag"]),
    multiple=True,
    help="Only points of this kind. May be given several times.",
)
def points(tool: Tool, span: Span, kinds: tuple[str, ...]) -> int:
    r"""List the points of DIR: where segments begin and were sealed, snapshots, tags.

    Of a range A..B those from A to B, both counted: each is a moment.

    Any moment can be opened; a snapshot (the server's) or a checkpoint (of the index)
    is where a fold need not begin at the start.

    \b
    Examples:
      replay points joblog-data
      replay points joblog-data --since yesterday
      replay points joblog-data --kind tag --json | jq -r .text
    """
    columns = ("seq", "time", "kind", "what")
    found = find_points(tool.index)
    from_seq, until_seq = 0, tool.last_seq()
    if span.is_given:
        from_seq, until_seq = (moment.seq for moment in tool.ends(span))
    given = Counter(one.text for one in found if one.kind == "tag")
    with tool.output.rows(*columns, right=("seq",), whole=("time",)) as rows:
        for point in found:
            cells = _cells(tool.output, point)
            if point.kind == "tag":
                given[point.text] -= 1
                later = given[point.text]
                cells[-1] += f"~{later}" if later else ""
            is_meant = not kinds or point.kind in kinds
            if is_meant and from_seq <= point.seq <= until_seq:
                rows.add(_facts(point), cells, _STYLES)
    return 0 if rows.count else NOTHING


def _facts(point: OpenPoint) -> dict[str, object]:
    return {
        "seq": point.seq,
        "at": json_time(point.at_ms),
        "at_ms": point.at_ms,
        "kind": point.kind,
        "text": point.text,
    }


def _cells(output: Output, point: OpenPoint) -> list[str]:
    return [f"@{point.seq}", output.time(point.at_ms), point.kind, point.text]
