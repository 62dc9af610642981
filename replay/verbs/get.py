"""`replay get`: the value of one key at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.replay.keys.inquiry import find_version
from joblog.replay.keys.values import Version, elements, is_expired
from joblog.replay.output.texts import json_text, show
from joblog.replay.shown.versions import version_facts
from joblog.replay.verbs import options
from joblog.replay.verbs.missing import tell_missing_key
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    at_option,
    db_option,
    takes_folder,
)

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment


@click.command()
@takes_folder
@click.argument("key", type=options.text, shell_complete=options.complete_key)
@at_option
@db_option
@click.option("--raw", is_flag=True, help="A string's bytes, nothing added.")
def get(tool: Tool, key: bytes, at: Moment | None, db: int, *, raw: bool) -> int:
    r"""Show the value that KEY had at a moment: one line for each element.

    \b
    Examples:
      replay get joblog-data queue:jobs --at '5m ago'
      replay get joblog-data job:42 --at @1042 --raw > payload.bin
    """
    point = tool.point(at)
    with tool.progress("folding", point.seq) as progress:
        version = find_version(tool.index, progress, db, key, point.seq)
    if version is None or is_expired(version, point.at_ms):
        tell_missing_key(tool, key, point.seq, db)
        return NOTHING
    if raw:
        if version.kind != "string":
            raise click.UsageError(
                f"--raw is for strings, and this is a {version.kind}"
            )
        tool.output.flush()
        tool.output.stream.buffer.write(version.data)
        return 0
    if tool.output.is_json:
        facts = {"db": db, "key": json_text(key), "seq": point.seq}
        tool.output.json(facts | (version_facts(version) or {}))
    else:
        _write_elements(tool, version)
    return 0


def _write_elements(tool: Tool, version: Version) -> None:
    for place, content in elements(version):
        if version.kind == "set":
            assert isinstance(place, bytes)
            tool.output.line((show(place),))
        elif isinstance(place, bytes):
            tool.output.line((show(place), show(content or b"")), ("bold",))
        else:
            tool.output.line((show(content or b""),))
