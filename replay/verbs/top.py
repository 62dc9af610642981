"""`replay top`: what is wrong in which queue, since when, and what made it grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.output.texts import show
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import find_schemas, limits_options, schema_option
from joblog.replay.verbs.missing import near_queues
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.verbs.top_page import write_page
from joblog.replay.views.facts import overview_facts
from joblog.replay.views.overview import Looked, look_over

if TYPE_CHECKING:
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.verdicts import Limits
    from joblog.replay.verbs.arguments import Span


@click.command()
@takes_folder
@takes_range(also_at=True)
@click.option("--queue", type=options.glob, metavar="GLOB", help="Of such queues.")
@click.option(
    "-n", "count", type=click.IntRange(1), default=10, show_default=True,
    help="How many queues, marks, stretches and problems are shown.",
)  # fmt: skip
@schema_option
@limits_options
def top(
    tool: Tool,
    span: Span,
    queue: bytes | None,
    count: int,
    schemas: tuple[Schema, ...],
    limits: Limits,
) -> int:
    r"""Show the jobs of DIR at a glance: counts, queues over time, what is wrong.

    For each queue there is how many jobs waited, ran and had failed over time, with the
    moments at which a tag was given or a script came. Between tags it counts what was
    enqueued, taken, done and lost, and how a queue grew: so it shows after which deploy
    that began, where deploys give tags (LOG.TAG). Problems are grouped by what is
    wrong, why, who had the jobs and by which script's line. Exit code 1 says that
    there is no job. `replay DIR` is short for `replay top DIR`.

    \b
    Examples:
      replay joblog-data
      replay top joblog-data --since deploy-41 --queue 'mail*'
      replay top joblog-data --json | jq '.problems[0]'
    """
    since, point = tool.ends(span)
    since_seq = 0 if span.since is None else since.seq
    tool.floor_seq()
    tool.tell_gaps()
    looked = Looked(
        since_seq, point, limits, compile_glob(queue) if queue is not None else None
    )
    with tool.progress("folding", point.seq) as progress:
        overview = look_over(
            tool.index,
            schemas or find_schemas(tool),
            tool.clients(),
            looked,
            progress,
        )
    if tool.output.is_json:
        tool.output.json(overview_facts(overview))
    else:
        write_page(tool.output, overview, count)
    if overview.verdicts():
        return 0
    of_queue = f" of a queue {show(queue)}{near_queues(tool, queue)}" if queue else ""
    tool.output.hint(f"replay: there is no job{of_queue}")
    return NOTHING
