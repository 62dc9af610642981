"""`replay rekey`: files under another of the operator's keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from joblog.replay.verbs.folders import FolderArgument
from joblog.replay.verbs.options import DAMAGED, NOTHING, takes_output
from joblog.storage.disk import VARIABLE, rekey_folder

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.replay.output.answers import Output


@click.command()
@click.argument("folder", cls=FolderArgument)
@takes_output
def rekey(output: Output, folder: Path) -> int:
    r"""Put all encrypted files of DIR under the first key of the key file.

    JOBLOG_KEY_FILE in the environment names that file; the keys that DIR's files are
    under stand in its further lines. Of each file 144 bytes are written, the rest
    stays: so it takes no time, a server may write meanwhile, and it may be broken off
    and begun anew. DIR may be an archive of segments too. A server whose key file has
    several keys does it by itself.

    \b
    Examples:
      replay rekey joblog-data
      JOBLOG_KEY_FILE=/etc/joblog/key replay rekey /srv/archive
    """
    if not os.environ.get(VARIABLE):
        raise click.UsageError(f"{VARIABLE} in the environment has to name a key file")
    done = rekey_folder(folder)
    facts: dict[str, Any] = {
        "changed": done.changed,
        "present": done.present,
        "plain": done.plain,
        "failed": len(done.failures),
    }
    shown = {
        "put under the first key": f"{done.changed:,}",
        "under it before": f"{done.present:,}",
        "not encrypted": f"{done.plain:,}",
    }
    output.facts(facts, shown)
    output.flush()
    for line in done.failures:
        output.hint(f"replay: {line}")
    if done.failures:
        return DAMAGED
    return NOTHING if not done.changed + done.present else 0
