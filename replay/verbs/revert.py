"""`replay revert`: the commands that undo some records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.jobs.belonging import Belonging
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.output.texts import json_text, show, show_argv
from joblog.replay.records.search import Query, Search
from joblog.replay.shown.versions import key_label
from joblog.replay.undoing.live import DEFAULT_URL, LiveError, LiveServer, apply_plan
from joblog.replay.undoing.reverting import Plan, Scope, plan_revert
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import open_jobs, schema_option
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range

if TYPE_CHECKING:
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.undoing.reverting import Conflict
    from joblog.replay.verbs.options import Span

_FATES = {
    "changed": "was changed again, and stays",
    "gone": "was removed since, and stays so",
    "left": "was put there, and has left since: wherever it went, it stays there",
}


@click.command()
@takes_folder
@takes_range(also_seq=True)
@click.option("--client", metavar="ID|GLOB", help="Only what this client did.")
@click.option(
    "--job",
    "job_id",
    type=options.text,
    metavar="ID",
    help="Only what was done to this job, in its own keys and in others.",
)
@click.option(
    "--key",
    "keys",
    type=options.glob,
    multiple=True,
    metavar="GLOB",
    help="Only what was done to such a key. May be given several times.",
)
@click.option(
    "--queue",
    type=options.glob,
    metavar="GLOB",
    help="Only what was done to the keys of such a queue, and of its jobs.",
)
@schema_option
@click.option("--apply", "is_applied", is_flag=True, help="Send them to the server.")
@click.option(
    "--url",
    default=DEFAULT_URL,
    show_default=True,
    help="The server, redis://[:PASSWORD@]HOST[:PORT] or unix:///PATH.",
)
def revert(
    tool: Tool,
    span: Span,
    url: str,
    job_id: bytes | None,
    schemas: tuple[Schema, ...],
    *,
    is_applied: bool,
    **filters: Any,
) -> int:
    r"""Show the commands that undo a record of DIR, a range, or what was done to a job.

    Only what the records did is undone. What something else has changed since stays as
    it is, and is told. With --apply the commands are run by the live server as one
    transaction, which its log records; where a key was changed meanwhile, none is.
    With --client, --job or --queue alone, it is all of the log. A job's library is
    found out by the keys, or named by --schema. Jobs that came with what is undone go
    with it, and are named. Exit code 1 says: there is nothing to undo, or not all
    could be.

    \b
    Examples:
      replay revert joblog-data @1042
      replay revert joblog-data '10m ago..now' --client 'deploy*' --apply
      replay revert joblog-data 'before-deploy..now' --job 7d0a5a4e
      replay revert joblog-data @1042 --queue mail
    """
    client, keys = filters["client"], tuple(filters["keys"])
    queue: bytes | None = filters["queue"]
    if not span.is_given and client is None and job_id is None and queue is None:
        raise click.UsageError("say what to undo: SEQ, A..B, --client, --job, --queue")
    seqs = _find_seqs(tool, span, client, keys)
    end_seq = tool.last_seq()
    with tool.progress("folding", end_seq) as progress:
        if job_id is not None:
            jobs = open_jobs(tool, schemas, progress)
            seqs = sorted(jobs.find_seqs(job_id, tool.point(None)).intersection(seqs))
        plan = plan_revert(
            tool.folder,
            tool.filesystem,
            seqs,
            end_seq,
            progress,
            _scope(job_id, keys, queue, schemas or tuple(detect_schemas(tool.index))),
        )
    _write_plan(tool, plan)
    if is_applied and plan.commands:
        try:
            with LiveServer(url) as server:
                last_seq = apply_plan(server, plan, tool.log_id())
        except LiveError as error:
            tool.output.hint(f"replay: {error}")
            return NOTHING
        tool.output.hint(f"replay: done, as seq {last_seq}")
    return 0 if plan.commands and not plan.conflicts else NOTHING


def _scope(
    job_id: bytes | None,
    keys: tuple[bytes, ...],
    queue: bytes | None,
    schemas: tuple[Schema, ...],
) -> Scope:
    """Return what of the records is to be undone."""
    matchers = [compile_glob(key) for key in keys]
    return Scope(
        job_id or b"",
        (lambda key: any(matches(key) for matches in matchers)) if keys else None,
        None if queue is None else Belonging(schemas, compile_glob(queue)),
        schemas,
    )


def _find_seqs(
    tool: Tool, span: Span, client: str | None, keys: tuple[bytes, ...]
) -> list[int]:
    first, last = tool.ends(span)
    from_seq, until_seq = first.seq + 1, last.seq
    query = Query(keys=keys, client=client, from_seq=from_seq, until_seq=until_seq)
    search = Search(tool.index, query)
    return [match.record.seq for match in search.forward()]


def _write_plan(tool: Tool, plan: Plan) -> None:
    output = tool.output
    if output.is_json:
        output.json(
            {
                "records": len(plan.seqs),
                "commands": [
                    {"db": db, "argv": [json_text(word) for word in argv]}
                    for db, argv in plan.commands
                ],
                "conflicts": list(map(_conflict_facts, plan.conflicts)),
                "jobs": [
                    {"job": json_text(job_id), "seq": seq} for job_id, seq in plan.jobs
                ],
                "end_seq": plan.end_seq,
            }
        )
        return
    selected = 0
    for db, argv in plan.commands:
        if db != selected:
            output.text(f"SELECT {db}", is_pasted=True)
            selected = db
        output.text(show_argv(argv), is_pasted=True)
    for job_id, seq in plan.jobs:
        output.hint(f"replay: job {show(job_id)} came with seq {seq}, and goes with it")
    if not plan.commands and not plan.conflicts:
        output.hint("replay: there is nothing to undo: all is as it was before")
    for conflict in plan.conflicts:
        output.hint(
            f"replay: seq {conflict.seq}: {key_label(conflict.key)}: "
            f"{_place(conflict.place)} {_FATES[conflict.fate]}"
        )


def _conflict_facts(conflict: Conflict) -> dict[str, Any]:
    return {
        "db": conflict.key[0],
        "key": json_text(conflict.key[1]),
        "seq": conflict.seq,
        "place": _place(conflict.place),
        "fate": conflict.fate,
    }


def _place(place: bytes | str) -> str:
    return place if isinstance(place, str) else show(place)
