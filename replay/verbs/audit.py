"""`replay audit`: who did what to which jobs, for an auditor to take away."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.app.history.moments import json_time
from joblog.app.keyspace.glob import compile_glob
from joblog.replay.jobs.audit import (
    Audit,
    End,
    find_end,
    head_facts,
    queue_label,
    total_facts,
)
from joblog.replay.jobs.audit_files import write_csv, write_html
from joblog.replay.jobs.views import Actors
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.records.access import REFUSALS, find_access
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import open_jobs, schema_option
from joblog.replay.verbs.masters import tell_masters
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from joblog.replay.jobs.audit import Deed
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.verbs.options import Span


@click.command()
@takes_folder
@takes_range()
@click.option("--queue", type=options.glob, metavar="GLOB", help="Only such queues.")
@click.option("--csv", "form", flag_value="csv", help="Every deed, as CSV.")
@click.option("--html", "form", flag_value="html", help="All of it, as one HTML page.")
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path),
    help="Write --csv or --html to this file; else to standard output.",
)  # fmt: skip
@click.option(
    "--access", "is_about_access", is_flag=True,
    help="Who logged in, was refused something, or changed the server.",
)  # fmt: skip
@schema_option
def audit(
    tool: Tool,
    span: Span,
    *,
    is_about_access: bool,
    queue: bytes | None,
    form: str | None,
    path: Path | None,
    schemas: tuple[Schema, ...],
) -> int:
    r"""Report what records after A, up to B, did to jobs of DIR, and who made them.

    It counts by queue, client, user and what was done; --csv, --html and --json also
    have every deed. The log's digest at both ends says of which history it is true.
    Exit code 1 says that nothing was done to any job. What --access tells the log has
    with the server's setting log-access.

    \b
    Examples:
      replay audit joblog-data yesterday..today --html -o audit.html
      replay audit joblog-data @1000..now --queue 'mail*' --csv > deeds.csv
      replay audit joblog-data today.. --access
      replay audit joblog-data .. --json | jq 'select(.user == "admin")'
    """
    if is_about_access:
        if form is not None or queue is not None:
            raise click.UsageError("--access goes with neither --queue nor a form")
        return _write_access(tool, span)
    if path is not None and form is None:
        raise click.UsageError("-o is for --csv and --html")
    first, last = tool.ends(span)
    tool.index.bases.require_openable(first.seq)
    ends = (
        find_end(tool.folder, tool.filesystem, first.seq),
        find_end(tool.folder, tool.filesystem, last.seq),
    )
    actors = Actors(tool.index, tool.clients())
    report = Audit(actors, compile_glob(queue) if queue else None)
    with tool.progress("folding", last.seq) as progress:
        jobs = open_jobs(tool, schemas, progress)
        if form is None and not tool.output.is_json:
            report.count(jobs, first.seq, last.seq)
            _write(tool, report, ends)
        else:
            deeds = report.read(jobs, first.seq, last.seq)
            if form is None:
                _write_json(tool, report, deeds, ends)
            else:
                write = write_csv if form == "csv" else write_html
                with _open(tool, path) as stream:
                    write(stream, report, deeds, ends)
    tell_masters(tool, actors)
    return 0 if report.deeds else NOTHING


@contextmanager
def _open(tool: Tool, path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield tool.output.stream
        return
    with path.open("w", encoding="utf-8", errors="surrogateescape") as stream:
        yield stream


def _write_json(
    tool: Tool, report: Audit, deeds: Iterable[Deed], ends: tuple[End, End]
) -> None:
    tool.output.json(head_facts(*ends))
    for deed in deeds:
        tool.output.json(deed._asdict())
    tool.output.json(total_facts(report))


def _write(tool: Tool, report: Audit, ends: tuple[End, End]) -> None:
    output = tool.output
    first, last = ends
    shown = {
        "after": f"{output.time(first.at_ms)}  {first.digest}"
        if first.seq
        else first.digest,
        "up to": f"{output.time(last.at_ms)}  {last.digest}",
        "jobs": str(sum(report.jobs.values())),
        "deeds": str(report.deeds),
    }
    output.facts({}, shown)
    columns = ("queue", "client", "user", "step", "deeds")
    with output.rows(*columns, right=("deeds",)) as rows:
        for group, count in report.groups():
            cells = (queue_label(group.queue), *group[1:], str(count))
            rows.add(None, cells, ("bold", "green"))


def _write_access(tool: Tool, span: Span) -> int:
    """Tell what the log has of access, a row each."""
    from_seq, until_seq = tool.seqs(span)
    columns = ("record", "at", "client", "address", "user", "what", "of")
    with (
        tool.progress("reading", until_seq) as progress,
        tool.output.rows(*columns, right=("record",)) as rows,
    ):
        for event in find_access(tool.index, progress, from_seq, until_seq):
            facts = {
                **event._asdict(),
                "at": json_time(event.at_ms),
                "user": json_text(event.user),
                "word": json_text(event.word),
            }
            is_refusal = event.what in REFUSALS
            word = show(event.word, tool.output.word_limit) if event.word else "-"
            missed = f" (and {event.missed} not recorded)" if event.missed else ""
            cells = (
                str(event.seq),
                tool.output.time(event.at_ms),
                f"#{event.client_id}",
                plain_text(event.address),
                show(event.user) if event.user else "-",
                f"{event.what} refused" if is_refusal else event.what,
                word + missed,
            )
            rows.add(facts, cells, ("dim", "dim", "bold"))
    return 0 if rows.count else NOTHING
