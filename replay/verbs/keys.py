"""`replay keys`: the names of the keys of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.history.touched import ALL_DATABASES
from joblog.replay.keys.differences import find_touched_keys
from joblog.replay.output.texts import json_text, show
from joblog.replay.verbs.missing import near_keys
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    any_db_option,
    key_glob_option,
    takes_folder,
    takes_range,
)
from joblog.replay.verbs.state import find_keys, fold_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.history.moments import Point
    from joblog.replay.verbs.options import Span


@click.command()
@takes_folder
@takes_range(also_at=True)
@key_glob_option
@any_db_option
def keys(tool: Tool, span: Span, key_glob: bytes | None, db: int | None) -> int:
    r"""List the keys of DIR at a moment, a line each; of a range, those it changed.

    \b
    Examples:
      replay keys joblog-data --at yesterday --key 'queue:*'
      replay keys joblog-data --db 0 | wc -l
      replay keys joblog-data --since '10m ago'
    """
    point, changed = _find_changed(tool, span)
    with tool.output.rows("key", "type", "db", whole=("key",)) as rows:
        for index, key, version in find_keys(
            fold_to(tool, point), key_glob, db, point.at_ms
        ):
            if changed is not None and not changed(index, key):
                continue
            facts = {"db": index, "key": json_text(key), "type": version.kind}
            rows.add(facts, (show(key), version.kind, str(index)), ("bold", "green"))
    if not rows.count and key_glob:
        near = near_keys(tool, key_glob)
        tool.output.hint(f"replay: no key is like {show(key_glob)}{near}")
    return 0 if rows.count else NOTHING


def _find_changed(
    tool: Tool, span: Span
) -> tuple[Point, Callable[[int, bytes], bool] | None]:
    """Return a range's last moment, and what tells which keys it changed; None: any."""
    if span.since is None:
        return tool.point(span.until), None
    first, last = tool.ends(span)
    keys, databases = find_touched_keys(tool.index, first.seq, last.seq)

    def is_changed(db: int, key: bytes) -> bool:
        return bool((db, key) in keys or databases & {db, ALL_DATABASES})

    return last, is_changed
