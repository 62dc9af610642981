"""`replay rekey`: files under another of the operator's keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from joblog.replay.verbs.folders import FolderArgument
from joblog.replay.verbs.options import DAMAGED, NOTHING, takes_output
from joblog.storage.disk import VARIABLE, convert_folder, rekey_folder

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.replay.output.answers import Output


@click.command()
@click.argument("folder", cls=FolderArgument)
@click.option("--encrypt", is_flag=True, help="Encrypt what lies there in the clear.")
@click.option("--decrypt", is_flag=True, help="Decrypt what is encrypted.")
@takes_output
def rekey(output: Output, folder: Path, *, encrypt: bool, decrypt: bool) -> int:
    r"""Put all encrypted files of DIR under the first key of the key file.

    JOBLOG_KEY_FILE in the environment names that file; the keys that DIR's files are
    under stand in its further lines. Of each file 144 bytes are written, the rest
    stays: so it takes no time, a server may write meanwhile, and it may be broken off
    and begun anew. DIR may be an archive of segments too. A server whose key file has
    several keys does it by itself.

    --encrypt and --decrypt write files anew where they lie, those of a data folder that
    no server has open: one that was in the clear is encrypted whole, and back. Each
    file takes the other's place in one step, so a crash leaves a folder that starts,
    with the key, and the same again goes on. Digests stay as they are.

    \b
    Examples:
      replay rekey joblog-data
      replay rekey joblog-data --encrypt
      JOBLOG_KEY_FILE=/etc/joblog/key replay rekey /srv/archive
    """
    if not os.environ.get(VARIABLE):
        raise click.UsageError(f"{VARIABLE} in the environment has to name a key file")
    if encrypt and decrypt:
        raise click.UsageError("--encrypt and --decrypt are two things")
    if encrypt or decrypt:
        return _convert(output, folder, encrypts=encrypt)
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


def _convert(output: Output, folder: Path, *, encrypts: bool) -> int:
    done = convert_folder(folder, encrypts=encrypts)
    now = "encrypted" if encrypts else "decrypted"
    before = "encrypted" if encrypts else "in the clear"
    facts: dict[str, Any] = {
        "changed": done.changed,
        "present": done.present,
        "failed": len(done.failures),
        "others": [str(path) for path in done.others],
    }
    shown = {
        f"{now} now": f"{done.changed:,}",
        f"{before} before": f"{done.present:,}",
    }
    output.facts(facts, shown)
    output.flush()
    for path in done.others:
        output.hint(f"replay: {path}: stays in the clear: it is no file of the log")
    for line in done.failures:
        output.hint(f"replay: {line}")
    return DAMAGED if done.failures else 0
