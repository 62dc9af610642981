"""`replay anchor`: the log's digest, to be kept elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.app import clock
from joblog.replay.proofs.anchors import (
    Anchor,
    AnchorError,
    format_anchor,
    read_private_key,
)
from joblog.replay.proofs.bindings import from_anchors
from joblog.replay.verbs.options import DAMAGED, NOTHING, Tool, at_option, takes_folder
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.filesystem import sync_file
from joblog.storage.verify import compute_digest

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment


@click.command()
@takes_folder
@at_option
@click.option(
    "-o", "--append", "path", type=click.Path(dir_okay=False, path_type=Path),
    help="Append the line to this file, durably; else to standard output.",
)  # fmt: skip
@click.option(
    "--sign", "key_path", metavar="KEY",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sign it with the Ed25519 key in this PEM file; needs joblog[sign].",
)  # fmt: skip
def anchor(
    tool: Tool, at: Moment | None, path: Path | None, key_path: Path | None
) -> int:
    r"""Write a line with the digest of DIR's log, as it is now or was at a moment.

    Keep it where nobody can write who can write to DIR: on another machine, in a mail,
    on paper. `replay verify --anchors FILE` holds a file of such lines against the log,
    and proves that nothing up to the last of them was changed since. A server does so
    by itself with log-anchor-command, at its last durable record; beside a server that
    may lose power, --at '5s ago' anchors nothing that this could take back. `openssl
    genpkey -algorithm ed25519` makes a key.

    \b
    Examples:
      replay anchor joblog-data | mail -s anchor auditor@example.org
      replay anchor joblog-data --at '5s ago' --append /mnt/elsewhere/anchors
      replay anchor joblog-data --sign key.pem --append /mnt/elsewhere/anchors
    """
    try:
        key = None if key_path is None else read_private_key(key_path)
    except AnchorError as error:
        raise click.UsageError(str(error)) from error
    tool.may_index = False
    last_seq = tool.last_seq() if at is None else tool.point(at).seq
    if last_seq < tool.index.first_seq:
        tool.output.hint("replay: the log has no record yet")
        return NOTHING
    digest = compute_digest(tool.folder, last_seq, filesystem=tool.filesystem)
    made = Anchor(tool.log_id(), last_seq, digest, clock.now_ms())
    line = format_anchor(made, key)
    if path is not None:
        wrong = _find_contradiction(tool, path)
        if wrong:
            tool.output.hint(f"replay: nothing was appended: {wrong}")
            return DAMAGED
        with path.open("a", encoding="ascii") as file:
            file.write(line + "\n")
            file.flush()
            sync_file(tool.filesystem, file.fileno(), path)
    if tool.output.is_json:
        tool.output.json({**made._asdict(), "line": line})
    elif path is None:
        tool.output.text(line)
    return 0


def _find_contradiction(tool: Tool, path: Path) -> str:
    """Return why the log is not the one that was anchored last, "" where it is."""
    if not path.exists():
        return ""
    try:
        kept = [each for each in from_anchors(path, "") if each.log_id == tool.log_id()]
    except AnchorError as error:
        return str(error)
    if not kept:
        return ""
    last = max(kept, key=lambda each: each.seq)
    try:
        found = compute_digest(tool.folder, last.seq, filesystem=tool.filesystem)
    except PrunedError:
        return ""
    except StorageError as error:
        return str(error)
    if found == last.digest_hex:
        return ""
    return f"the log no longer has the digest that {path} has of seq {last.seq}"
