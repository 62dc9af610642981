"""`replay ui`: the screens of a queue's history in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from joblog.replay.output.exits import FOUND
from joblog.replay.verbs.folders import FolderArgument, has_log
from joblog.replay.verbs.jobs import limits_options
from joblog.storage.archives import is_archive
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.replay.jobs.verdicts import Limits


@click.command()
@click.argument("folder", cls=FolderArgument)
@click.option("--at", default="", metavar="MOMENT", help="The moment to begin with.")
@click.option(
    "--schema", "schemas", multiple=True, metavar="NAME|FILE",
    help="The queue library, or a schema file; else it is found out.",
)  # fmt: skip
@limits_options
def ui(folder: Path, at: str, schemas: tuple[str, ...], limits: Limits) -> int:
    r"""Show DIR in the terminal: queues, jobs, keys and records, at any moment.

    One moment counts for all screens: the arrows step through the records, n and N
    through the changes of a job or a key, / searches, ? shows the keys. It follows a
    server that writes into DIR. It changes nothing. Needs joblog[tui].

    \b
    Examples:
      replay ui joblog-data
      replay ui joblog-data --at deploy-7
    """
    try:
        from joblog.replay.ui.app import HistoryApp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is missing: install joblog[tui]"
        ) from error
    if not (has_log(folder) or is_archive(folder, open_disk())):
        raise click.ClickException(f"{folder} is no data folder: it has no log")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.ClickException("a screen needs a terminal: replay top is its text")
    app = HistoryApp(folder, schemas, limits, at)
    app.run()
    return FOUND if not app.return_code else app.return_code
