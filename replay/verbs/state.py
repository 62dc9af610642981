"""`replay state`: all keys and values of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.keyspace.glob import filter_glob
from joblog.replay.keys.values import Version, element_count, is_expired, take_version
from joblog.replay.output.texts import json_text, show
from joblog.replay.shown.versions import deadline_text, version_facts, version_text
from joblog.replay.verbs.missing import near_keys
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    any_db_option,
    at_option,
    key_glob_option,
    takes_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.moments import Moment, Point
    from joblog.app.keyspace.database import Database
    from joblog.replay.keys.past import Past

_KEY_STYLES = ("magenta", "bold", "green", "dim")


@click.command()
@takes_folder
@at_option
@key_glob_option
@any_db_option
@click.option(
    "--expired",
    "has_expired",
    is_flag=True,
    help="Also keys that had expired, but whose removal came later.",
)
def state(
    tool: Tool,
    at: Moment | None,
    key_glob: bytes | None,
    db: int | None,
    *,
    has_expired: bool,
) -> int:
    r"""Show the keys of DIR and their values, as they were at a moment.

    \b
    Examples:
      replay state joblog-data --at '5m ago'
      replay state joblog-data --at @1042 --key 'queue:*'
      replay state joblog-data --at 2026-11-23T14:00:05Z --json > then.jsonl
    """
    point = tool.point(at)
    past = fold_to(tool, point)
    output = tool.output
    columns = ("db", "key", "type", "size", "expires", "value")
    with output.rows(*columns, whole=("key",)) as rows:
        for index, key, version in find_keys(
            past, key_glob, db, None if has_expired else point.at_ms
        ):
            if output.is_json:
                facts = {"db": index, "key": json_text(key)}
                rows.add(facts | (version_facts(version) or {}), ())
                continue
            cells = (
                str(index),
                show(key, output.word_limit),
                version.kind,
                str(element_count(version)),
                deadline_text(version),
                version_text(version, output.word_limit),
            )
            rows.add(None, cells, _KEY_STYLES)
    if not rows.count and key_glob:
        near = near_keys(tool, key_glob)
        tool.output.hint(f"replay: no key is like {show(key_glob)}{near}")
    return 0 if rows.count else NOTHING


def fold_to(tool: Tool, point: Point) -> Past:
    """Return the past at a moment; where that takes long, a bar tells how long."""
    with tool.progress("folding", point.seq) as progress:
        past = tool.past(progress)
        try:
            past.go_to(point.seq)
        finally:
            past.close()
    return past


def find_keys(
    past: Past, key_glob: bytes | None, db: int | None, at_ms: int | None
) -> Iterator[tuple[int, bytes, Version]]:
    """Yield (database, key, version), by database and key.

    Args:
        past: at the moment.
        key_glob: which keys; None for all.
        db: which database; None for all.
        at_ms: keys that had expired by this time are left out; None leaves out none.
    """
    for database in _databases(past, db):
        for key in sorted(filter_glob(key_glob or b"*", database.values)):
            version = take_version(database, key)
            assert version is not None
            if at_ms is None or not is_expired(version, at_ms):
                yield database.index, key, version


def _databases(past: Past, db: int | None) -> list[Database]:
    return past.databases if db is None else past.databases[db : db + 1]
