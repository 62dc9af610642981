"""`replay dump`: the commands that make a server what it was at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.history.value_commands import build_commands
from joblog.app.keyspace.glob import filter_glob
from joblog.replay.output.texts import json_text, show_argv
from joblog.replay.verbs.options import (
    NOTHING,
    Tool,
    any_db_option,
    at_option,
    key_glob_option,
    takes_folder,
)
from joblog.replay.verbs.state import fold_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.moments import Moment
    from joblog.replay.keys.past import Past


@click.command()
@takes_folder
@at_option
@key_glob_option
@any_db_option
@click.option("--resp", is_flag=True, help="As RESP, for `redis-cli --pipe`.")
def dump(
    tool: Tool,
    at: Moment | None,
    key_glob: bytes | None,
    db: int | None,
    *,
    resp: bool,
) -> int:
    r"""Show the commands that give an empty server the keys of DIR at a moment.

    \b
    Examples:
      replay dump joblog-data --at '5m ago' --key 'queue:*'
      replay dump joblog-data --at @1042 --resp | redis-cli -p 6380 --pipe
    """
    point = tool.point(at)
    shown = 0
    for argv in _commands(fold_to(tool, point), key_glob, db, point.at_ms):
        shown += 1
        if resp:
            tool.output.stream.buffer.write(_encode(argv))
        elif tool.output.is_json:
            tool.output.json([json_text(word) for word in argv])
        else:
            tool.output.text(show_argv(argv), is_pasted=True)
    return 0 if shown else NOTHING


def _commands(
    past: Past, key_glob: bytes | None, db: int | None, at_ms: int
) -> Iterator[list[bytes]]:
    """Yield the commands, by database and key; keys that had expired are left out."""
    selected = 0
    for database in past.databases:
        if db not in (None, database.index):
            continue
        for key in sorted(filter_glob(key_glob or b"*", database.values)):
            deadline_ms = database.deadlines.get(key)
            if deadline_ms is not None and deadline_ms <= at_ms:
                continue
            if database.index != selected:
                selected = database.index
                yield [b"SELECT", b"%d" % selected]
            yield from build_commands(key, database.values[key], deadline_ms)


def _encode(argv: list[bytes]) -> bytes:
    words = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in argv)
    return b"*%d\r\n%b" % (len(argv), words)
