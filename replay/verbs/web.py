"""`replay web`: a page in the browser on what a queue is, and was at any moment."""

from __future__ import annotations

import secrets
import signal
import sys
from typing import TYPE_CHECKING

import click

from joblog.replay.output.exits import FOUND, NOTHING
from joblog.replay.verbs.jobs import limits_options
from joblog.replay.verbs.screens import descriptor_option, open_source

if TYPE_CHECKING:
    from joblog.replay.jobs.verdicts import Limits


@click.command()
@click.argument("source", metavar="[DIR|redis://...]", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8380, show_default=True)
@click.option(
    "--bind", default="127.0.0.1", show_default=True,
    help="The address to listen on; beyond this machine a token is asked for.",
)  # fmt: skip
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="A name by which browsers ask for it, such as a proxy's.",
)  # fmt: skip
@click.option("--token", is_flag=True, help="Ask for a token on this machine, too.")
@click.option(
    "--schema", "schemas", multiple=True, metavar="NAME|FILE",
    help="The queue library, or a schema file; else it is found out.",
)  # fmt: skip
@descriptor_option
@limits_options
def web(
    source: str | None,
    port: int,
    bind: str,
    names: tuple[str, ...],
    schemas: tuple[str, ...],
    limits: Limits,
    descriptors: tuple[str, ...],
    *,
    token: bool,
) -> int:
    r"""Show DIR, or what a live server does, as a page in the browser. Ctrl-C ends it.

    It shows each queue at any moment, jobs, keys, and two moments side by side; it
    changes nothing. Needs joblog[web]. A live server is followed as by `replay follow`,
    into a folder that is removed at the end; of a joblog, name its DIR: that has what
    was before.

    \b
    Examples:
      replay web joblog-data
      replay web redis://queue.example:6379
      replay web --bind 0.0.0.0 --name queues.example
    """
    try:
        from joblog.replay.web.desks import Desks  # noqa: PLC0415 - an extra
        from joblog.replay.web.serving import is_loopback, serve  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is missing: install joblog[web]"
        ) from error
    secret = secrets.token_urlsafe(24) if token or not is_loopback(bind) else ""

    def tell(bound: int) -> None:
        host = f"[{bind}]" if ":" in bind else bind
        query = f"/?token={secret}" if secret else "/"
        click.echo(f"replay: http://{host}:{bound}{query}")

    # The server hands a signal on when it has ended: then this tidies up, and ends.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(FOUND))
    with open_source(source) as folder:
        desks = Desks(folder, schemas, limits, descriptors)
        return FOUND if serve(desks, (bind, port), secret, names, tell) else NOTHING
