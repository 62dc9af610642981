"""`replay bisect`: the first record after which something is wrong."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from joblog.replay.bisecting import bisection as bisecting
from joblog.replay.bisecting.bisection import Asker, Bisection
from joblog.replay.bisecting.conditions import (
    BUILT_IN,
    NEED_NAMES,
    ConditionError,
    Shape,
    make_condition,
)
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.serving import ServeError, program_condition
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import schema_option
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.verbs.show import shown_facts, write_record

if TYPE_CHECKING:
    from joblog.replay.verbs.options import Span


def field_and_value(value: str) -> tuple[bytes, bytes]:
    """Return the two parts of an argument `FIELD=VALUE`.

    Raises:
        click.BadParameter: it has no `=`.
    """
    field, sign, wanted = options.text(value).partition(b"=")
    if not sign:
        raise click.BadParameter(f"{value!r} is no FIELD=VALUE")
    return field, wanted


def _complete_condition(_: object, __: object, start: str) -> list[str]:
    return [name for name in BUILT_IN if name.startswith(start)]


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--check", "text", metavar="CONDITION", shell_complete=_complete_condition,
    help="A command, Lua, or one of: " + ", ".join(BUILT_IN) + ".",
)  # fmt: skip
@click.option(
    "--run", "command", metavar="CMD",
    help="A program; it holds where that ends with 0.",
)  # fmt: skip
@click.option(
    "--place", "places", type=options.glob, multiple=True, metavar="GLOB",
    help="Keys whose elements are jobs; by default all lists.",
)  # fmt: skip
@click.option("--job", type=options.glob, metavar="GLOB", help="Jobs' keys: job:*.")
@click.option("--lease", type=options.glob, metavar="GLOB", help="Leases' keys: lock:*")
@click.option(
    "--done", type=field_and_value, metavar="FIELD=VALUE",
    help="A job whose hash has this needs no place.",
)  # fmt: skip
@schema_option
def bisect(
    tool: Tool,
    span: Span,
    text: str | None,
    command: str | None,
    **shape: Any,
) -> int:
    r"""Find the first record of DIR after A, up to B, after which CONDITION fails.

    It must hold at A and fail at B. A command holds where its reply is neither nil, 0
    nor empty; Lua where it returns true. Moments in the middle are folded and asked,
    twenty for a million records. CMD finds a server of the moment, read-only, at the
    Unix socket $REDIS_SOCKET. What jobs and leases look like is told by globs or
    --schema; where one schema alone fits the log, it is found. Exit code 1: it fails
    at A already, or holds at B.

    \b
    Examples:
      replay bisect joblog-data yesterday..now --check 'EXISTS job:42'
      replay bisect joblog-data @0..now --check "return redis.call('LLEN', 'q') < 9"
      replay bisect joblog-data @0..now --check job-in-two-places --place 'queue:*'
      replay bisect DIR @0..now --run 'redis-cli -s $REDIS_SOCKET GET n | grep 1'
      replay bisect joblog-data .. --check job-in-none --job 'job:*' --done state=done
      replay bisect joblog-data .. --check lease-without-job
      replay bisect joblog-data .. --check job-in-none --schema bullmq
    """
    if (text is None) == (command is None):
        raise click.UsageError("one of --check and --run is needed")
    from_seq, until_seq = (point.seq for point in tool.ends(span))
    tool.index.bases.require_openable(from_seq)
    try:
        if command is not None:
            holds = program_condition(tool.folder, command)
            return _write(tool, bisecting.bisect(holds, from_seq, until_seq))
        condition = make_condition(text or "", _find_shape(tool, text, Shape(**shape)))
        with (
            tool.progress("folding", until_seq) as progress,
            closing(Asker(tool.index, condition, progress)) as ask,
        ):
            found = bisecting.bisect(ask, from_seq, until_seq)
    except ConditionError as error:
        raise click.UsageError(f"--check: {error}") from error
    except ServeError as error:
        raise click.UsageError(f"--run: {error}") from error
    return _write(tool, found)


def _find_shape(tool: Tool, text: str | None, shape: Shape) -> Shape:
    """Return what keys look like; by the log's schema where nothing is said of it."""
    if text not in NEED_NAMES or shape != Shape():
        return shape
    schemas = detect_schemas(tool.index)
    if len(schemas) > 1 or isinstance(schemas[0], GenericSchema):
        return shape
    tool.output.hint(f"replay: by the schema {schemas[0].name}, which fits this log")
    return shape._replace(schemas=tuple(schemas))


def _write(tool: Tool, found: Bisection) -> int:
    facts: dict[str, Any] = found._asdict()
    if found.holds_seq is None:
        tool.output.hint(f"replay: it fails at the start, @{found.fails_seq}, already")
    elif found.fails_seq is None:
        tool.output.hint(f"replay: it holds at the end, @{found.holds_seq}, too")
    elif not tool.output.is_json:
        tool.output.text(
            f"it holds at @{found.holds_seq} and fails at @{found.fails_seq}; "
            f"{found.asked} moments asked",
            "bold",
        )
        write_record(tool, found.fails_seq)
    else:
        facts["record"] = shown_facts(tool, found.fails_seq)
    if tool.output.is_json:
        tool.output.json(facts)
    return NOTHING if None in (found.holds_seq, found.fails_seq) else 0
