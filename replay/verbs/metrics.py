"""`replay metrics`: what the server's page for Prometheus would have told then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import json_time
from joblog.replay.output.exposition import write_openmetrics
from joblog.replay.verbs.jobs import find_schemas, schema_option
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.views.past_series import (
    VALUES_MAX,
    Range,
    TooManyValuesError,
    tell_past,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.jobs.schema import Schema
    from joblog.replay.verbs.options import Span
    from joblog.replay.views.past_series import Columns

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_STEP = re.compile(r"(\d{1,9})(ms|s|m|h|d)?")


def read_step(value: str | int) -> int:
    """Return a duration in ms: `15s`, `1m`, `500ms`, or a number of seconds.

    Raises:
        click.BadParameter: it is none.
    """
    if isinstance(value, int):
        return value
    found = _STEP.fullmatch(value)
    step_ms = int(found[1]) * _UNITS_MS[found[2] or "s"] if found else 0
    if not step_ms:
        raise click.BadParameter(f"{value!r} is no duration; write 15s, 1m or 1h")
    return step_ms


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--step", "step_ms", type=read_step, default="15s", show_default=True,
    metavar="DURATION", help="How far the moments are apart: 500ms, 15s, 1m, 1h.",
)  # fmt: skip
@schema_option
def metrics(tool: Tool, span: Span, step_ms: int, schemas: tuple[Schema, ...]) -> int:
    r"""Write metrics of a range of DIR as OpenMetrics, for Prometheus to take in.

    The series are those that the server tells with `metrics-port`, as far as the log
    has them: queues, scripts, records by command. Moments are whole multiples of
    --step, as Prometheus has them, and --until. Counters go on from the log's start.
    With --json there is an object for each moment.

    \b
    Examples:
      replay metrics joblog-data --since yesterday --step 1m >past.om
      promtool tsdb create-blocks-from openmetrics past.om prometheus-data
      replay metrics joblog-data --since deploy-41 --step 5m --json
    """
    since, point = tool.ends(span)
    floor = tool.floor_seq()
    tool.tell_gaps()
    since_seq = max(since.seq, floor)
    first = tool.index.get_record(since_seq + 1) if since_seq < point.seq else None
    if first is None:
        return NOTHING
    begin_ms = since.at_ms if span.since is not None else first.at_ms
    end_ms = point.at_ms
    if span.until is None:
        # One moment behind the last record says how all stands.
        last = tool.index.get_record(point.seq)
        end_ms = end_ms if last is None else min(end_ms, last.at_ms + step_ms)
    moments: Sequence[int] = _moments(begin_ms, end_ms, step_ms)
    if span.until is not None and end_ms % step_ms:
        moments = _with_end(moments, end_ms)
    wanted = Range(since_seq, point.seq, moments)
    if not wanted.moments:
        tool.output.hint("replay: the range is shorter than a step; give a shorter one")
        return NOTHING
    with tool.progress("reading", point.seq) as progress:
        try:
            columns = tell_past(
                tool.index, schemas or find_schemas(tool), wanted, progress
            )
        except TooManyValuesError as error:
            raise click.UsageError(str(error)) from error
    if tool.output.is_json:
        for place, at_ms in enumerate(wanted.moments):
            tool.output.json(_facts(columns, place, at_ms))
    else:
        write_openmetrics(tool.output.stream, columns.found, wanted.moments)
    return 0


def _with_end(moments: Sequence[int], end_ms: int) -> Sequence[int]:
    """Return moments and the end, which somebody has asked for."""
    if len(moments) > VALUES_MAX:
        raise click.UsageError("these are too many moments; give a longer --step")
    return [*moments, end_ms]


def _moments(begin_ms: int, end_ms: int, step_ms: int) -> range:
    """Return the multiples of a step behind a time, up to another."""
    return range(begin_ms - begin_ms % step_ms + step_ms, end_ms + 1, step_ms)


def _facts(columns: Columns, place: int, at_ms: int) -> dict[str, Any]:
    """Return what there is at one moment, for JSON."""
    return {
        "at": json_time(at_ms),
        "at_ms": at_ms,
        "series": [
            {
                "name": family.sample_name,
                "labels": dict(zip(family.labels, labels, strict=True)),
                "value": numbers[place],
            }
            for family, series in columns.found.items()
            for labels, numbers in series.items()
        ],
    }
