"""`replay serve`: a moment of the past as a Redis server."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Any

import click

from joblog.app.config import Config
from joblog.app.engine.past import open_past, open_scratch
from joblog.app.history.discarding import open_discarding
from joblog.replay.verbs.options import NOTHING, Tool, at_option, takes_folder
from joblog.replay.verbs.state import fold_to

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment, Point
    from joblog.app.keyspace.keyspace import Keyspace

_DATABASES_LEAST = 16
_CONNECTIONS_MAX = 1000


@click.command()
@takes_folder
@at_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=6380,
    show_default=True,
    help="The TCP port; 0 for a Unix socket alone.",
)
@click.option(
    "--bind",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. There is no password: mind who can reach it.",
)
@click.option(
    "--unixsocket",
    metavar="PATH",
    type=click.Path(dir_okay=False),
    help="Listen on this Unix socket too.",
)
@click.option(
    "--writable",
    "is_writable",
    is_flag=True,
    help="A copy in memory, whose time goes on and which takes writes.",
)
@click.option(
    "--discard-writes",
    "is_discarding",
    is_flag=True,
    help="Answer writes as if, and keep none: for dashboards. Needs twice the memory.",
)
def serve(
    tool: Tool,
    at: Moment | None,
    port: int,
    bind: str,
    unixsocket: str | None,
    *,
    is_writable: bool,
    is_discarding: bool,
) -> int:
    r"""Serve DIR as it was at a moment, to redis-cli and any other Redis client.

    Time stands still there: nothing expires, and writes are refused as by a read-only
    replica. With --writable it is a copy in memory to try things on; with
    --discard-writes a write is answered, and undone at once. Ctrl-C ends it.

    \b
    Examples:
      replay serve joblog-data --at 'yesterday 14:00' --port 7000
      replay serve joblog-data --at @1042 --writable
      replay serve joblog-data --at '2h ago' --discard-writes
    """
    from joblog.actors.system import Server, StartError  # noqa: PLC0415 - no other verb needs it

    if not port and unixsocket is None:
        raise click.UsageError("--port 0 needs a --unixsocket to listen on")
    if is_writable and is_discarding:
        raise click.UsageError("--writable keeps writes, --discard-writes does not")
    tool.output.may_page = False
    point = tool.point(at)
    keyspace = _take_keyspace(tool, point)
    config = _settings(keyspace, port, bind, unixsocket)
    make_engine = open_scratch if is_writable else open_past
    if is_discarding:
        make_engine = open_discarding
    logging.getLogger("pykka").setLevel(logging.WARNING)
    try:
        server = Server(config, make_engine(config, keyspace, point.at_ms))
    except StartError as error:
        tool.output.hint(f"replay: {error}")
        return NOTHING
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    facts = {"is_writable": is_writable, "is_discarding": is_discarding}
    _tell(tool, point, server.port, unixsocket, facts)
    server.run()
    return server.exit_code


def _take_keyspace(tool: Tool, point: Point) -> Keyspace:
    """Return the keyspace at a moment, with as many databases as a client expects."""
    keyspace = fold_to(tool, point).fold.keyspace
    used = [one.index for one in keyspace.databases if one.values]
    del keyspace.databases[max(_DATABASES_LEAST, *(index + 1 for index in used)) :]
    return keyspace


def _settings(
    keyspace: Keyspace, port: int, bind: str, unixsocket: str | None
) -> Config:
    values = {
        "memory-only": "yes",
        "bind": bind,
        "databases": str(len(keyspace.databases)),
        "maxclients": str(_CONNECTIONS_MAX),
        "port": str(port),
    }
    if unixsocket is not None:
        values["unixsocket"] = unixsocket
    return Config(values)


def _tell(
    tool: Tool,
    point: Point,
    port: int,
    unixsocket: str | None,
    habits: dict[str, bool],
) -> None:
    """Say what is served and where, as soon as clients may come."""
    facts: dict[str, Any] = {
        "seq": point.seq,
        "at_ms": point.at_ms,
        "port": port,
        "unixsocket": unixsocket,
        **habits,
    }
    kind = "writable copy" if habits["is_writable"] else "read-only"
    if habits["is_discarding"]:
        kind = "writes are answered, and not kept"
    shown = {
        "serving": f"{tool.folder} at seq {point.seq}, {tool.output.time(point.at_ms)}",
        "kind": kind,
    }
    if port:
        shown["port"] = str(port)
        shown["try"] = f"redis-cli -p {port}"
    if unixsocket is not None:
        shown["socket"] = unixsocket
    tool.output.facts(facts, shown)
    tool.output.flush()
