"""`replay keys`: the names of the keys of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.output.texts import json_text, show
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    any_db_option,
    at_option,
    key_glob_option,
    takes_folder,
)
from joblog.replay.verbs.state import find_keys, fold_to

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment


@click.command()
@takes_folder
@at_option
@key_glob_option
@any_db_option
def keys(tool: Tool, at: Moment | None, key_glob: bytes | None, db: int | None) -> int:
    r"""List the keys of DIR at a moment, a line each.

    \b
    Examples:
      replay keys joblog-data --at yesterday --key 'queue:*'
      replay keys joblog-data --db 0 | wc -l
    """
    point = tool.point(at)
    with tool.output.rows("key", "type", "db") as rows:
        for index, key, version in find_keys(
            fold_to(tool, point), key_glob, db, point.at_ms
        ):
            facts = {"db": index, "key": json_text(key), "type": version.kind}
            rows.add(facts, (show(key), version.kind, str(index)), ("bold", "green"))
    return 0 if rows.count else NOTHING
