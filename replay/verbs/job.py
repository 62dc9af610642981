"""`replay job`: one job's way through its queue, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.jobs.views import (
    Actors,
    ran_ms,
    show_duration,
    step_notes,
    verdict_text,
)
from joblog.replay.output.texts import show
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import limits_options, open_jobs, schema_option
from joblog.replay.verbs.masters import tell_masters
from joblog.replay.verbs.missing import near_jobs, tell_redacted
from joblog.replay.verbs.options import NOTHING, Tool, at_option, takes_folder
from joblog.replay.views.job_page import find_culprit, fold_leases, timeline_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.history.moments import Moment, Point
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.jobs.timelines import Timeline
    from joblog.replay.jobs.verdicts import Limits, Verdict

_COLUMNS = ("seq", "time", "after", "step", "key", "by", "notes")
_STYLES = ("cyan", "dim", "dim", "bold", "", "green", "dim")


@click.command()
@takes_folder
@click.argument(
    "job_id",
    metavar="ID",
    type=options.text,
    shell_complete=options.complete_job,
)
@at_option
@click.option("--exact", "is_exact", is_flag=True, help="Follow the whole log.")
@schema_option
@limits_options
def job(
    tool: Tool,
    job_id: bytes,
    at: Moment | None,
    schemas: tuple[Schema, ...],
    limits: Limits,
    *,
    is_exact: bool,
) -> int:
    r"""Show what happened to job ID in DIR: each step, who made it, and a verdict.

    The queue library is found out by the names of the keys; --schema names it.
    Of a long log only the records that mention ID are read; a step that is concluded
    from what came later is marked `inferred`, and --exact follows the whole log.
    Exit code 1 says that no record tells of such a job.

    \b
    Examples:
      replay job joblog-data 7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11
      replay job joblog-data 42 --at 'yesterday 14:00' --json
      replay job joblog-data 42 --schema my-queue.toml
    """
    point = tool.point(at)
    with tool.progress("folding", point.seq) as progress:
        timelines = open_jobs(tool, schemas, progress).follow(
            job_id, point, limits, is_exact=is_exact
        )
    is_redacted = tell_redacted(tool, "job", job_id, point.seq)
    if not timelines:
        if is_redacted:
            return NOTHING
        tool.output.hint(
            f"replay: no record up to seq {point.seq} tells of a job {show(job_id)}; "
            f"log --job has those that only name it{near_jobs(tool, job_id)}"
        )
        return NOTHING
    write_timelines(tool, timelines, point)
    return 0


def follow_job(tool: Tool, job_id: bytes, point: Point) -> list[Timeline]:
    """Return what happened to a job up to a moment; nothing where there is none."""
    with tool.progress("folding", point.seq) as progress:
        jobs = JobLog(tool.index, detect_schemas(tool.index), progress)
        return list(jobs.follow(job_id, point))


def write_timelines(tool: Tool, timelines: Sequence[Timeline], point: Point) -> None:
    """Write what happened to jobs."""
    actors = Actors(tool.index, tool.clients())
    for timeline in timelines:
        if tool.output.is_json:
            tool.output.json(timeline_facts(timeline, point, actors))
        else:
            _write(tool, timeline, point, actors)
    tell_masters(tool, actors)


def _write(tool: Tool, timeline: Timeline, point: Point, actors: Actors) -> None:
    story, steps, verdict = timeline
    shown = {
        "job": show(story.id),
        "queue": f"{show(story.queue)} ({story.schema.title})",
    }
    if "task" in story.facts:
        shown["task"] = show(story.facts["task"], tool.output.word_limit)
    shown["verdict"] = verdict_text(verdict, tool.output.time)
    culprit = find_culprit(timeline)
    if culprit is not None:
        record = culprit.record
        shown["by"] = f"{actors.label(record)}, {actors.deed(record)}, seq {record.seq}"
    shown |= _durations(story, verdict, point.at_ms)
    tool.output.facts({}, shown)
    before_ms: int | None = None
    right, whole = ("seq", "after"), _COLUMNS
    with tool.output.rows(*_COLUMNS, right=right, whole=whole) as rows:
        for step in fold_leases(steps):
            rows.add(None, _cells(tool, step, before_ms, actors), _STYLES)
            before_ms = step.record.at_ms


def _durations(story: Story, verdict: Verdict, at_ms: int) -> dict[str, str]:
    shown = {}
    if story.waited_ms is not None:
        shown["waited"] = show_duration(story.waited_ms)
    ran = ran_ms(story, verdict, at_ms)
    if ran is not None:
        is_gone = verdict.word == "stuck" and story.lease_ms is not None
        shown["ran"] = f"{'at most ' if is_gone else ''}{show_duration(ran)}"
    if story.deliveries > 1:
        shown["deliveries"] = str(story.deliveries)
    return shown


def _cells(
    tool: Tool, step: Step, before_ms: int | None, actors: Actors
) -> tuple[str, ...]:
    record = step.record
    since = "" if before_ms is None else f"+{show_duration(record.at_ms - before_ms)}"
    limit = tool.output.word_limit
    return (
        str(record.seq),
        tool.output.time(record.at_ms),
        since,
        step.kind,
        show(step.key, limit),
        f"{actors.label(record)}, {actors.deed(record)}",
        step_notes(step, limit, tool.output.time),
    )
