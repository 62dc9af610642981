"""`replay redact`: make what the log holds of keys, jobs or texts unreadable."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.replay.output.texts import json_text, show
from joblog.replay.redacting.counting import count
from joblog.replay.redacting.running import Run, begin
from joblog.replay.redacting.selection import TEXT_BYTES_MIN, Selection
from joblog.replay.verbs import options
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder
from joblog.storage.errors import LogLockedError
from joblog.storage.setting_aside import require_nothing_set_aside

if TYPE_CHECKING:
    from joblog.replay.redacting.running import Outcome

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@takes_folder
@click.option(
    "--key", "keys", type=options.text, multiple=True, metavar="KEY",
    help="All that this key ever held, in every database.",
)  # fmt: skip
@click.option(
    "--job", "jobs", type=options.text, multiple=True, metavar="ID",
    help="What a job carried; that it was, and what became of it, stays.",
)  # fmt: skip
@click.option(
    "--match", "texts", type=options.text, multiple=True, metavar="TEXT",
    help="This text, wherever it is in an argument, a key or a name.",
)  # fmt: skip
@click.option("--why", default="", help="The reason, for whoever asks later.")
@click.option("--by", default="", help="Who does it; by default your user name.")
@click.option(
    "--archive", "archives", type=_FOLDER, multiple=True, metavar="DIR",
    help="A folder with copies of segments: there too.",
)  # fmt: skip
@click.option("--delete", "may_delete", is_flag=True, help="Also keys that are alive.")
@click.option(
    "--short-ids", "has_short", is_flag=True,
    help="Take jobs' ids of fewer than six bytes too; look first at how much it is.",
)  # fmt: skip
@click.option("--apply", "is_applied", is_flag=True, help="Do it; else only tell.")
@click.option("--resume", is_flag=True, help="Go on with one that was interrupted.")
def redact(tool: Tool, *, resume: bool, **given: Any) -> int:
    r"""Make what the log of DIR holds of keys, jobs or texts unreadable for good.

    The records stay, numbers, times and clients too, and every digest verifies as
    before. A record of the log says who did it, when, why, and how much; of the names
    it keeps digests that tell whoever asks for the same name. No server may have DIR
    open. What is alive has to be deleted first. Copies elsewhere are not reached: those
    that are named (--archive) get the redacted segments. Exit code 1: nothing was done.

    \b
    Examples:
      replay redact joblog-data --job 8f14e45f --why 'ticket 812'
      replay redact joblog-data --key user:42 --delete --why 'GDPR 17' --apply
      replay redact joblog-data --match bob@example.com --why 'a request' \
        --archive /mnt/archive --apply
    """
    tool.may_index = False
    if resume:
        if any(given[name] for name in ("keys", "jobs", "texts", "why", "archives")):
            raise click.UsageError("--resume goes on with what was asked for before")
        return _run(tool, None, may_delete=given["may_delete"])
    selection = _selection(given)
    if not given["why"]:
        raise click.UsageError("--why is missing: the reason is kept with the records")
    if not given["is_applied"]:
        return _tell_plan(tool, selection)
    wanted = begin(
        selection,
        given["by"] or getpass.getuser(),
        given["why"],
        given["archives"],
    )
    return _run(tool, wanted, may_delete=given["may_delete"])


def _selection(given: dict[str, Any]) -> Selection:
    selection = Selection(given["keys"], given["jobs"], given["texts"])
    if not selection.pieces:
        raise click.UsageError("say what: --key, --job or --match")
    for text in selection.texts:
        if len(text) < TEXT_BYTES_MIN:
            raise click.UsageError(
                f"{show(text)} is too short: less than {TEXT_BYTES_MIN} bytes are in "
                f"too much that has nothing to do with it, and what takes their place "
                f"could be taken for something else; name the keys (--key)"
            )
    least = 1 if given["has_short"] else TEXT_BYTES_MIN
    for job in selection.jobs:
        if len(job) < least:
            raise click.UsageError(
                f"{show(job)} is too short: less than {TEXT_BYTES_MIN} bytes are in "
                f"too much that has nothing to do with it, such as a count or another "
                f"queue's job; name the keys (--key), or say --short-ids"
            )
    return selection


def _tell_plan(tool: Tool, selection: Selection) -> int:
    with tool.progress("reading", tool.last_seq()) as progress:
        found = count(tool.folder, tool.filesystem, selection, progress)
    if found.records:
        tool.output.facts(
            {**found._asdict(), "keys": list(map(json_text, found.keys))},
            {
                "records": f"{found.records:,}, seq {found.first_seq} to "
                f"{found.last_seq}",
                "bytes": f"{found.bytes_gone:,} in their payloads",
                "keys": f"{len(found.keys):,}: {', '.join(map(show, found.keys[:9]))}",
            },
        )
        tool.output.hint("replay: nothing was changed; --apply does it, for good")
    return NOTHING


def _run(tool: Tool, wanted: Any, *, may_delete: bool) -> int:
    require_nothing_set_aside(tool.folder, tool.filesystem)
    try:
        run = Run(tool.folder, tool.filesystem)
    except LogLockedError as error:
        raise LogLockedError(
            f"{tool.folder}: a server or another tool has this log open: stop it, "
            f"redact, and start it over what is left"
        ) from error
    try:
        outcome = run.run(wanted, may_delete=may_delete)
    finally:
        run.close()
    if not outcome.seq:
        return NOTHING
    _tell(tool, outcome)
    return 0


def _tell(tool: Tool, outcome: Outcome) -> None:
    removed = list(map(str, outcome.removed))
    tool.output.facts(
        {**outcome._asdict(), "removed": removed},
        {
            "redacted": f"{outcome.records:,} records, {outcome.bytes_gone:,} bytes, "
            f"in {outcome.segments} segments",
            "recorded": f"seq {outcome.seq}",
            "removed": f"{len(removed)} files of the index, and what was set aside",
            "copies": f"{outcome.copied} segments replaced there",
        },
    )
    for line in outcome.unreached:
        tool.output.hint(f"replay: not reached: {line}")
