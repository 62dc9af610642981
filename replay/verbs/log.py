"""`replay log`: the records, all or those that a filter wants."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import Moment
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.output.texts import show
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match, Query, Search
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.verbs import options
from joblog.replay.verbs.missing import near_jobs, near_keys, near_scripts
from joblog.replay.verbs.options import (
    NOTHING,
    Span,
    Tool,
    oneline_option,
    takes_folder,
    takes_range,
)
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.output.answers import Output

_FOLLOW_SECONDS = 0.2
_FOLLOW_BEGINS_WITH = 10
_STYLES = ("cyan", "dim", "magenta", "green", "")


@click.command()
@takes_folder
@click.option(
    "--key",
    "keys",
    type=options.glob,
    multiple=True,
    metavar="GLOB",
    help="Changed such a key.",
)
@click.option(
    "--command", "commands", type=options.glob, multiple=True, metavar="GLOB",
    help="The command as given, or an effect, has such a name.",
)  # fmt: skip
@click.option("--client", metavar="ID|GLOB", help="By this id, name or address.")
@click.option("--user", metavar="GLOB", help="By a client of such a user.")
@click.option("--script", metavar="SHA|NAME", help="By this script or function.")
@click.option(
    "--job", type=options.text, default=b"", metavar="ID",
    shell_complete=options.complete_job,
    help="Mentioning this job, or taking it out of a queue.",
)  # fmt: skip
@click.option("--db", type=click.IntRange(0), help="In this database.")
@click.option(
    "--grep", "text", type=options.text, default=b"", help="With this text in it."
)
@click.option(
    "-e", "--regex", type=options.glob, help="Matching this regular expression."
)
@click.option("-i", "--ignore-case", is_flag=True, help="For --grep and --regex.")
@takes_range()
@click.option(
    "--from", "from_seq", type=options.seq, default=1, help="From this record on."
)
@click.option("--to", "to_seq", type=options.seq, help="Up to this record.")
@click.option("-n", "count", type=click.IntRange(0), help="Only the last N of them.")
@click.option("-r", "--reverse", is_flag=True, help="The newest first.")
@click.option("-f", "--follow", is_flag=True, help="Wait for more as they come.")
@oneline_option
@click.option("--all", "has_notes", is_flag=True, help="Also clients and script texts.")
def log(tool: Tool, **chosen: Any) -> int:
    r"""Show the records of DIR: when, who, the command, and its effects after `=>`.

    A record must pass all filters that are given; of several --key or --command, one.
    The record that --since names is shown too.
    --job finds what `replay job` does, and shows it in the log's form; with --follow,
    records to come have to mention the job.

    \b
    Examples:
      replay log joblog-data -n 20
      replay log joblog-data --key 'rq:job:42*' --since yesterday
      replay log before-deploy..now
      replay log joblog-data --command DEL --client worker-3
      replay log joblog-data --job 7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11
      replay log joblog-data --grep 'LPUSH jobs' --json | jq .at
      replay log joblog-data --follow -n 0
    """
    count = chosen.pop("count")
    is_reverse = chosen.pop("reverse")
    is_following = chosen.pop("follow")
    is_oneline = chosen.pop("is_oneline")
    if is_reverse and is_following:
        raise click.UsageError("--reverse and --follow exclude each other")
    query = _make_query(tool, **chosen)
    shown = 0
    try:
        if is_following:
            tool.output.may_page = False
            shown = _follow(tool, query, chosen, count, is_oneline=is_oneline)
        else:
            found = _find(tool, query, count, is_reverse=is_reverse)
            shown = _write(tool, found, is_oneline=is_oneline)
    except KeyboardInterrupt:
        # The way to end --follow, and no failure.
        tool.output.flush()
    if shown or is_following:
        return 0
    _tell_nothing(tool, chosen)
    return NOTHING


def _tell_nothing(tool: Tool, chosen: dict[str, Any]) -> None:
    """Say that no record passes, and what is called like what was asked for."""
    near = ""
    if chosen["script"]:
        near = near_scripts(tool, chosen["script"])
    elif chosen["job"]:
        near = near_jobs(tool, chosen["job"])
    elif chosen["keys"]:
        near = near_keys(tool, chosen["keys"][0])
    tool.output.hint(f"replay: no record is like that{near}")


def _make_query(
    tool: Tool,
    *,
    span: Span,
    from_seq: int,
    to_seq: int | None,
    regex: bytes | None,
    ignore_case: bool,
    **filters: Any,
) -> Query:
    pattern = None
    if regex is not None:
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        try:
            pattern = re.compile(regex, flags)
        except re.error as error:
            raise click.BadParameter(str(error), param_hint="--regex") from error
    from_seq = max(from_seq, _first_seq(tool, span))
    if span.until is not None:
        seq = span.until.seq
        seq = tool.point(span.until).seq if seq is None else seq
        to_seq = seq if to_seq is None else min(seq, to_seq)
    return Query(
        pattern=pattern,
        ignores_case=ignore_case,
        from_seq=from_seq,
        until_seq=to_seq,
        job_seqs=_find_steps(tool, filters["job"]),
        **filters,
    )


def _find_steps(tool: Tool, job_id: bytes) -> frozenset[int]:
    """Return the records that `replay job` tells of, also those that lack the id."""
    if not job_id:
        return frozenset()
    point = tool.point(None)
    with tool.progress("folding", point.seq) as progress:
        jobs = JobLog(tool.index, detect_schemas(tool.index), progress)
        seqs = jobs.find_steps(job_id, point)
    if seqs is None:
        tool.output.hint(
            f"replay: pops that may have taken {show(job_id)} unnamed are left out; "
            f"'replay job --exact' finds them"
        )
    return frozenset(seqs or ())


def _first_seq(tool: Tool, span: Span) -> int:
    """Return a range's first record: with --since, not with A, that of its moment."""
    since = span.since
    if since is None:
        return 1
    if span.is_dotted:
        try:
            return tool.seqs(span)[0]
        except PrunedError as error:
            return error.floor_seq
    if since.at_ms is None:
        return tool.point(since).seq if since.seq is None else since.seq
    just_before = Moment("", at_ms=since.at_ms - 1)
    try:
        return tool.point(just_before).seq + 1
    except PrunedError as error:
        return error.floor_seq


def _find(
    tool: Tool, query: Query, count: int | None, *, is_reverse: bool
) -> Iterator[Match]:
    """Return the matches in the order in which they are to be shown."""
    search = Search(tool.index, query)
    if is_reverse:
        return islice(search.backward(), count)
    if count is not None:
        return reversed(list(islice(search.backward(), count)))
    return search.forward()


def _follow(
    tool: Tool,
    query: Query,
    chosen: dict[str, Any],
    count: int | None,
    *,
    is_oneline: bool,
) -> int:
    """Show the last few matches, or those from a given beginning, and go on."""
    has_beginning = chosen["span"].since is not None or chosen["from_seq"] > 1
    shown = 0
    if count is not None or not has_beginning:
        last_seq = max(tool.last_seq(), tool.index.first_seq - 1)
        until_seq = min(last_seq, query.until_seq or last_seq)
        before = replace(query, until_seq=until_seq)
        begin = _FOLLOW_BEGINS_WITH if count is None else count
        shown = _write(
            tool, _find(tool, before, begin, is_reverse=False), is_oneline=is_oneline
        )
        query = replace(query, from_seq=last_seq + 1)
    search = Search(tool.index, query)

    def wait() -> bool:
        tool.output.flush()
        time.sleep(_FOLLOW_SECONDS)
        return True

    tool.output.flush()
    return shown + _write(tool, search.follow(wait), is_oneline=is_oneline)


def _write(tool: Tool, matches: Iterator[Match], *, is_oneline: bool) -> int:
    """Write matches and return how many there were."""
    output, names = tool.output, ScriptNames(tool.index)
    shown = 0
    if output.is_json:
        for shown, match in enumerate(matches, 1):  # noqa: B007 - the last is returned
            output.json(record_facts(match, names))
        return shown
    for shown, match in enumerate(matches, 1):  # noqa: B007 - the last is returned
        _write_line(output, match, names, is_oneline=is_oneline)
    return shown


def _write_line(
    output: Output, match: Match, names: ScriptNames, *, is_oneline: bool
) -> None:
    record, limit = match.record, output.word_limit
    if is_oneline:
        output.line((f"@{record.seq}", record_text(record, limit, names)), ("cyan",))
        return
    cells = (
        str(record.seq),
        output.time(record.at_ms),
        f"db{record.db}" if record.db or limit is None else "",
        client_label(match.client),
        record_text(record, limit, names),
    )
    if limit is None:
        output.stream.write("\t".join(cells) + "\n")
    else:
        output.line(cells, _STYLES)
