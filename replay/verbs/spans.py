"""`replay spans`: the jobs of a range as traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.jobs.views import Actors
from joblog.replay.shown.records import client_name
from joblog.replay.verbs.jobs import open_jobs, schema_option
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.views.otlp import traces_request
from joblog.replay.views.spans import Told, Trace, trace_jobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.jobs.ledger_rows import KnownStep
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.verbs.options import Span
    from joblog.storage.record import Record

_TRACES_A_LINE = 100


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--service", default="joblog", show_default=True, metavar="NAME",
    help="The service.name of all spans.",
)  # fmt: skip
@schema_option
def spans(tool: Tool, span: Span, service: str, schemas: tuple[Schema, ...]) -> int:
    r"""Write the jobs of a range of DIR as traces in OTLP, a JSON request a line.

    Each life of a job is a trace: a span from its first step in the range to its end,
    and in it one for each state, with the client and the command or script that brought
    the job there. Jobs that have not ended go up to the end of the range. The same
    range makes the same ids. A collector reads it with the receiver `otlpjsonfile`.

    \b
    Examples:
      replay spans joblog-data --since yesterday >spans.json
      replay spans joblog-data deploy-41.. --service shop
    """
    since, point = tool.ends(span)
    since_seq = max(since.seq, tool.floor_seq())
    log_id, count = tool.log_id(), 0
    with tool.progress("following jobs", point.seq) as progress:
        jobs = open_jobs(tool, schemas, progress)
        system = jobs.schemas[0].name
        told = _tell(tool, jobs.deeds(since_seq, point.seq))
        batch: list[Trace] = []
        for trace in trace_jobs(told, log_id, point.at_ms):
            batch.append(trace)
            count += 1
            if len(batch) == _TRACES_A_LINE:
                tool.output.json(traces_request(batch, service, system))
                batch.clear()
        if batch:
            tool.output.json(traces_request(batch, service, system))
    return 0 if count else NOTHING


def _tell(tool: Tool, deeds: Iterable[tuple[KnownStep, Record]]) -> Iterator[Told]:
    """Yield steps with who made them."""
    actors = Actors(tool.index, tool.clients())
    for step, record in deeds:
        client = client_name(actors.client(record)) if record.origin.client_id else ""
        yield Told(step, record.at_ms, client, actors.deed(record))
