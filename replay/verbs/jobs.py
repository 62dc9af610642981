"""`replay jobs`: the jobs of a queue, and what is wrong with them."""

from __future__ import annotations

import functools
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from joblog.replay.jobs.ranking import MOST_ON_A_TERMINAL, OTHER_LINES, Ranking
from joblog.replay.jobs.reading import JobLog, Judged
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.jobs.shipped import (
    GENERIC,
    detect_schemas,
    load_schemas,
    shipped_schemas,
)
from joblog.replay.jobs.verdicts import VERDICTS, Limits
from joblog.replay.jobs.views import (
    Actors,
    ran_ms,
    show_duration,
    story_facts,
    waited_ms,
)
from joblog.replay.output.texts import plain_text, show
from joblog.replay.verbs import options
from joblog.replay.verbs.masters import tell_masters
from joblog.replay.verbs.missing import near_queues
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.verbs.watching import watch, watch_option
from joblog.replay.views.job_list import Wanted, who_had

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress
    from joblog.replay.verbs.options import Span

F = TypeVar("F", bound="Callable[..., Any]")

_STYLES = {
    "lost": "bold red",
    "stuck": "red",
    "delivered twice": "bold red",
    "in hand": "yellow",
    "failed": "red",
    "deleted": "yellow",
    "done": "green",
}


def load_named(
    _: click.Context, __: click.Parameter, names: tuple[str, ...]
) -> tuple[Schema, ...]:
    """Return the schemas that an option names.

    Raises:
        click.BadParameter: one of them is none.
    """
    try:
        return tuple(load_schemas(names))
    except SchemaError as error:
        raise click.BadParameter(str(error)) from error


def complete_schema(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what the name of a schema may go on with in a shell, or a file."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only then

    names = [*shipped_schemas(), GENERIC]
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


schema_option = click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME|FILE",
    callback=load_named,
    shell_complete=complete_schema,
    help="The queue library, a schema file, or a folder of them; else those of "
    "REPLAY_SCHEMA, or found out.",
)


def limits_options(verb: F) -> F:
    """Give a verb options for when a job is stuck or lost, as its `limits`."""

    @click.option(
        "--stuck-after",
        type=click.FloatRange(0),
        default=600.0,
        show_default=True,
        help="Seconds that a job may run without a lease, or be due.",
    )
    @click.option(
        "--lost-after",
        type=click.FloatRange(0),
        default=60.0,
        show_default=True,
        help="Seconds that a job in no key may be silent.",
    )
    @functools.wraps(verb)
    def run(*args: Any, stuck_after: float, lost_after: float, **rest: Any) -> Any:
        limits = Limits(round(stuck_after * 1000), round(lost_after * 1000))
        return verb(*args, limits=limits, **rest)

    return run  # type: ignore[return-value]  # the options took the place of arguments


def open_jobs(tool: Tool, schemas: tuple[Schema, ...], progress: Progress) -> JobLog:
    """Return a folder's jobs, by the schemas that were named, or else are found.

    Where the log was pruned it is told that what was before is not known.
    """
    tool.floor_seq()
    tool.tell_gaps()
    return JobLog(tool.index, schemas or find_schemas(tool), progress)


def find_schemas(tool: Tool) -> list[Schema]:
    """Return the schemas that fit a log; where none does, tell that it guesses."""
    found = detect_schemas(tool.index)
    if any(schema.guesses for schema in found):
        tool.output.hint_once(
            "replay: no schema fits this log: its jobs are guessed by words in the "
            "names of keys"
        )
    return found


@click.command()
@takes_folder
@takes_range(also_at=True)
@click.option("--queue", type=options.glob, metavar="GLOB", help="Of such a queue.")
@click.option(
    "--state", "states", type=click.Choice(VERDICTS), multiple=True,
    help="With this verdict; may be given several times.",
)  # fmt: skip
@click.option("--stuck", is_flag=True, help="Whose lease ran out, or that hang.")
@click.option("--lost", is_flag=True, help="Taken, in no key, and silent since.")
@click.option(
    "--double",
    is_flag=True,
    help="Delivered to two, or taken back and delivered again.",
)
@click.option("--deleted", is_flag=True, help="Removed before they ended.")
@click.option(
    "--slow", type=click.FloatRange(0), is_flag=False, flag_value=60.0,
    metavar="[SECONDS]", help="That waited or ran for longer than this, or a minute.",
)  # fmt: skip
@click.option("--all", "is_all", is_flag=True, help="Also those that are done.")
@click.option(
    "-n", "count", type=click.IntRange(0),
    help=f"Only the first N; 0 for all. A terminal shows {MOST_ON_A_TERMINAL:,}.",
)  # fmt: skip
@watch_option
@schema_option
@limits_options
def jobs(
    tool: Tool,
    span: Span,
    count: int | None,
    watch_seconds: float | None,
    **chosen: Any,
) -> int:
    r"""List the jobs of DIR at a moment: state, age, how long they waited and ran.

    On a terminal the severest come first, elsewhere the oldest.

    Without a filter it lists all that have not ended, and those that failed or were
    deleted. Exit code 1 says that there is none. With --since it lists the jobs of
    which a step is told behind that, and those that were in a key and had not ended
    well.

    \b
    Examples:
      replay jobs joblog-data
      replay jobs joblog-data --lost --double --stuck
      replay jobs joblog-data --queue 'mail*' --state failed --json
      replay jobs joblog-data --since '2h ago' --stuck
      replay jobs --watch
      replay jobs joblog-data --all --slow 30 --at 'yesterday 14:00'
    """
    if watch_seconds is None:
        return _show(tool, span, count, chosen)
    if span.until is not None:
        raise click.UsageError("--watch is of now, and --until of another moment")
    tool.output.may_page = False
    most = count
    if tool.output.is_terminal and not count:
        most = max(tool.output.console.height - OTHER_LINES, 1)
    return watch(tool, watch_seconds, lambda now: _show(now, span, most, chosen))


def _show(tool: Tool, span: Span, count: int | None, options: dict[str, Any]) -> int:
    chosen = dict(options)
    schemas, limits = chosen.pop("schemas"), chosen.pop("limits")
    since, point = tool.ends(span)
    since_seq = 0 if span.since is None else since.seq
    wants, words = _make_filter(**chosen).filter(point)
    actors = Actors(tool.index, tool.clients())
    columns = ("job", "queue", "verdict", "since", "waited", "ran", "by", "why")
    with (
        tool.progress("folding", point.seq) as progress,
        tool.output.rows(
            *columns, whole=("job", "verdict", "since"), texts=("why",)
        ) as rows,
    ):
        jobs = open_jobs(tool, schemas, progress)
        found = jobs.judge_all(point, limits, wants, since_seq, words)
        ranking = Ranking(found) if tool.output.is_terminal else None
        if ranking is not None:
            most = MOST_ON_A_TERMINAL if count is None else count
            found = ranking.first(most)
        for judged in islice(found, count or None):
            story, verdict = judged
            facts = story_facts(story, verdict, point.at_ms)
            style = _STYLES.get(verdict.word, "")
            rows.add(facts, _cells(tool, judged, point, actors), ("bold", "", style))
    if rows.count and ranking is not None:
        tool.output.text(ranking.summary(rows.count), "dim")
    tell_masters(tool, actors)
    if rows.count:
        return 0
    queue: bytes | None = chosen["queue"]
    of_queue = f" of a queue {show(queue)}{near_queues(tool, queue)}" if queue else ""
    tool.output.hint(f"replay: there is no such job{of_queue}")
    return NOTHING


def _make_filter(
    *,
    queue: bytes | None,
    states: tuple[str, ...],
    stuck: bool,
    lost: bool,
    double: bool,
    deleted: bool,
    slow: float | None,
    is_all: bool,
) -> Wanted:
    """Return which jobs the options want."""
    flags = {"stuck": stuck, "lost": lost, "deleted": deleted}
    words = (*states, *(word for word, is_wanted in flags.items() if is_wanted))
    slow_ms = None if slow is None else slow * 1000
    return Wanted(queue, words, double, slow_ms, is_all)


def _cells(tool: Tool, judged: Judged, point: Point, actors: Actors) -> tuple[str, ...]:
    story, verdict = judged
    limit = tool.output.word_limit
    waited = waited_ms(story, point.at_ms)
    ran = ran_ms(story, verdict, point.at_ms)
    return (
        show(story.id, limit),
        show(story.queue, limit),
        verdict.word,
        "-" if verdict.since_ms is None else tool.output.time(verdict.since_ms),
        "-" if waited is None else show_duration(waited),
        "-" if ran is None else show_duration(ran),
        who_had(judged, actors),
        plain_text(verdict.reason),
    )
