"""`replay ui`: the screens of a queue's history in the terminal."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click

from joblog.replay.output.exits import FOUND
from joblog.replay.verbs.jobs import limits_options
from joblog.replay.verbs.screens import descriptor_option, open_source

if TYPE_CHECKING:
    from joblog.replay.jobs.verdicts import Limits


@click.command()
@click.argument("source", metavar="[DIR|redis://...]", required=False)
@click.option("--at", default="", metavar="MOMENT", help="The moment to begin with.")
@click.option(
    "--schema", "schemas", multiple=True, metavar="NAME|FILE",
    help="The queue library, or a schema file; else it is found out.",
)  # fmt: skip
@descriptor_option
@limits_options
def ui(
    source: str | None,
    at: str,
    schemas: tuple[str, ...],
    limits: Limits,
    descriptors: tuple[str, ...],
) -> int:
    r"""Show DIR, or what a live server does, in the terminal, at any moment.

    One moment counts for all screens: the arrows step through the records, n and N
    through the changes of a job or a key, / searches, ? shows the keys. It follows a
    server that writes into DIR. It changes nothing. Needs joblog[tui]. A live server is
    followed as by `replay follow`, into a folder that is removed at the end; of a
    joblog, name its DIR: that has what was before.

    \b
    Examples:
      replay ui joblog-data
      replay ui joblog-data --at deploy-7
      replay ui redis://queue.example:6379
    """
    try:
        from joblog.replay.ui.app import HistoryApp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is missing: install joblog[tui]"
        ) from error
    # Then what follows a live server is ended, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(FOUND))
    with open_source(source) as folder:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            text = "a screen needs a terminal: replay top is its text"
            raise click.ClickException(text)
        app = HistoryApp(folder, schemas, limits, at, descriptors)
        app.run()
    return FOUND if not app.return_code else app.return_code
