"""`replay sql`: questions in SQL about a log."""

from __future__ import annotations

import csv
import json
import os
import re
from datetime import UTC, datetime
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.app import clock
from joblog.app.history.moments import MomentError, json_time, parse_moment
from joblog.replay.output.exits import USAGE
from joblog.replay.output.queries import (
    Queries,
    QueryError,
    Result,
    open_queries,
    rows_of,
    write_parquet,
)
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.verbs.jobs import find_schemas, schema_option
from joblog.replay.verbs.options import FOUND, NOTHING, Tool, takes_folder, takes_range
from joblog.replay.views.tables import JOBS, Stretch, all_tables, keys_table
from joblog.storage.disk import VARIABLE

if TYPE_CHECKING:
    from typing import TextIO

    from joblog.replay.jobs.schema import Schema
    from joblog.replay.verbs.options import Span

_KEYS_AT = re.compile(r"keys_at\s*\(\s*'((?:[^']|'')*)'\s*\)", re.IGNORECASE)
_MACRO = (
    "CREATE MACRO keys_at(moment) AS TABLE "
    "(SELECT * FROM query_table('keys_at ' || moment))"
)


@click.command()
@takes_folder
@click.argument("query")
@takes_range()
@click.option(
    "--to", "target", type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE", help="Write Parquet there, or CSV where it is called *.csv.",
)  # fmt: skip
@click.option("--csv", "is_csv", is_flag=True, help="Write CSV, with a heading.")
@schema_option
def sql(
    tool: Tool,
    query: str,
    span: Span,
    target: Path | None,
    schemas: tuple[Schema, ...],
    *,
    is_csv: bool,
) -> int:
    r"""Answer QUERY, a SELECT, about the log of DIR. Needs joblog[sql].

    Tables: records, effects, jobs, steps, clients, scripts, and keys_at('MOMENT') for
    the keys of a moment; DESCRIBE shows their columns. What may be no text is there
    twice: as text, NULL where it is not UTF-8, and as BLOB. A query reads the log, and
    nothing else: no file, no network; nothing can be changed.

    \b
    Examples:
      replay sql "SELECT command, count(*) FROM records GROUP BY ALL ORDER BY 2 DESC"
      replay sql joblog-data "SELECT queue, verdict, count(*) FROM jobs GROUP BY ALL"
      replay sql "SELECT key, size FROM keys_at('5m ago') WHERE type = 'list'" --json
      replay sql "FROM steps" --since yesterday --to steps.parquet
    """
    since, until = tool.ends(span)
    tool.tell_gaps()
    found: list[Schema] = list(schemas)

    def choose() -> list[Schema]:
        if not found:
            found.extend(find_schemas(tool))
        return found

    # From the log's start to what is kept of it, where no beginning is named.
    since_seq = 0 if span.since is None and not span.is_dotted else since.seq
    stretch = Stretch(tool.index, choose, since_seq, until)
    try:
        # What an encrypted log holds goes to no other file in clear.
        with open_queries(may_spill=not os.environ.get(VARIABLE)) as queries:
            _prepare(tool, queries, stretch, query)
            return _answer(tool, queries.ask(query), target, is_csv=is_csv)
    except QueryError as error:
        tool.output.hint(f"replay: {error}")
        return USAGE if error.is_usage else NOTHING
    except click.BadParameter as error:  # of a moment that the log has not
        tool.output.hint(f"replay: {error.message}")
        return USAGE


def _prepare(tool: Tool, queries: Queries, stretch: Stretch, query: str) -> None:
    """Let a query see the tables, and the keys of the moments that it names."""
    for table in all_tables(stretch):
        queries.add(table)
    queries.define(f"CREATE VIEW jobs AS {JOBS}")
    for text in sorted({each.replace("''", "'") for each in _KEYS_AT.findall(query)}):
        try:
            moment = parse_moment(text, clock.now_ms())
        except MomentError as error:
            raise QueryError(f"keys_at('{text}'): {error}") from error
        find = partial(tool.point, moment)
        queries.add(keys_table(f"keys_at {text}", tool.index, find))
    queries.define(_MACRO)
    queries.shut_in()


def _answer(tool: Tool, result: Result, target: Path | None, *, is_csv: bool) -> int:
    """Write a result, and return the exit code."""
    output = tool.output
    if target is not None:
        return _write_file(tool, result, target)
    if is_csv:
        return FOUND if _write_csv(output.stream, result) else NOTHING
    texts = output.word_limit
    with output.rows(*result.columns) as rows:
        for row in rows_of(result.batches, result.columns):
            facts: dict[str, Any] = {}
            if output.is_json:
                pairs = zip(result.columns, row, strict=True)
                facts = {name: _plain(value) for name, value in pairs}
            rows.add(facts, [_shown(value, texts) for value in row])
    return FOUND if rows.count else NOTHING


def _write_file(tool: Tool, result: Result, target: Path) -> int:
    try:
        if target.suffix == ".csv":
            with target.open("x", newline="", encoding="utf-8") as file:
                count = _write_csv(file, result)
        else:
            count = write_parquet(target, result)
    except FileExistsError as error:
        raise click.UsageError(f"{target} is there already") from error
    except OSError as error:
        tool.output.hint(f"replay: {target} cannot be written: {error.strerror}")
        return NOTHING
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    tool.output.hint(f"replay: {count:,} rows are in {target}")
    return FOUND


def _write_csv(stream: TextIO, result: Result) -> int:
    """Write a heading and rows; return how many."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(result.columns)
    count = 0
    for count, row in enumerate(rows_of(result.batches, result.columns), 1):  # noqa: B007 - it is returned
        writer.writerow([_shown(value, None) for value in row])
    return count


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, bytes):
        return json_text(value)
    if isinstance(value, datetime):
        return json_time(_ms(value))
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return str(value)


def _ms(at: datetime) -> int:
    zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)


def _shown(value: Any, limit: int | None) -> str:
    """Return a value for people; in a table it is cut."""
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(value, bytes):
        return show(value, limit)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    text = plain_text(text)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"
