"""`replay backup`, `restore`, `repair` and `salvage`: keeping a log, and mending it."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.app import clock
from joblog.replay.index.sidecar import cleared
from joblog.replay.output.texts import plain_text
from joblog.replay.records.script_texts import ScriptNames, TextNames
from joblog.replay.salvaging import salvage_log
from joblog.replay.shown.records import record_text
from joblog.replay.verbs import options
from joblog.replay.verbs.folders import has_log
from joblog.replay.verbs.options import DAMAGED, NOTHING, Tool, takes_folder
from joblog.storage.copying import backup_log, restore_log
from joblog.storage.errors import StorageError
from joblog.storage.following import Follower
from joblog.storage.mending import apply_repair
from joblog.storage.places import last_seq_hint
from joblog.storage.repairing import plan_repair
from joblog.storage.setting_aside import set_aside

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment
    from joblog.storage.copying import CopyReport
    from joblog.storage.mending import Plan, Step

_FOLDER = click.Path(file_okay=False, path_type=Path)
_LOST_SHOWN = 20
_ROUNDS_MAX = 100
_FOLLOW_SECONDS = 0.1


@click.command()
@takes_folder
@click.argument("target", type=_FOLDER)
@click.option("--link", is_flag=True, help="Link what never changes; same disk only.")
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what comes, as a standby."
)
@click.option(
    "--set-aside",
    "sets_aside",
    is_flag=True,
    help="Keep what TARGET has and DIR has not beside it, and go on with DIR's.",
)
def backup(
    tool: Tool, target: Path, *, link: bool, follow: bool, sets_aside: bool
) -> int:
    r"""Copy DIR to TARGET; a TARGET that is an earlier copy is brought up to date.

    The copy ends with a whole record and is verified. Its old segments stay when DIR
    prunes them, so it is an archive too. With --follow each record is copied as it
    comes, until this is stopped; a server can start over TARGET then.

    A TARGET that has records which DIR has not is refused. With --set-aside its history
    is kept whole in TARGET/set-aside first, where replay reads it: so the folder of an
    old master becomes the standby of the one that took over.

    \b
    Examples:
      replay backup joblog-data /mnt/backup/joblog
      replay backup joblog-data ../snapshot-of-today --link
      replay backup /var/lib/joblog /srv/standby --follow
      replay backup /srv/standby /var/lib/joblog --follow --set-aside
    """
    if follow and link:
        raise click.UsageError("--follow and --link exclude each other")
    if sets_aside:
        _set_aside(tool, target)
    if follow:
        return _follow(tool, target)
    report = backup_log(
        tool.folder, target, filesystem=tool.filesystem, with_links=link
    )
    _tell_copy(tool, target, report)
    return 0


def _set_aside(tool: Tool, target: Path) -> None:
    """Set aside what a folder has that the log has not; its index goes with it."""
    if not has_log(target):
        return
    log_id = tool.log_id()
    try:
        with cleared(target, log_id):
            kept = set_aside(
                tool.folder, target, filesystem=tool.filesystem, now_ms=clock.now_ms()
            )
    except BlockingIOError as error:
        text = f"{target}: somebody is building its index; try again when that is done"
        raise StorageError(text) from error
    if kept is not None:
        tool.output.hint(f"replay: {target}: it had records of its own, now in {kept}")


def _follow(tool: Tool, target: Path) -> int:
    """Follow until somebody ends it, which is how it ends well."""
    ends: list[int] = []

    def end(number: int, _: object) -> None:
        if ends:  # the first copy takes long, and who asked again wants no more of it
            raise KeyboardInterrupt
        ends.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    tool.may_index = tool.output.may_page = False
    follower = Follower(tool.folder, target, filesystem=tool.filesystem)
    try:
        _tell_copy(tool, target, follower.report)
        tool.output.flush()
        while not ends:
            if not follower.step():
                time.sleep(_FOLLOW_SECONDS)
        tool.output.hint(f"replay: {target}: a copy up to seq {follower.last_seq}")
    finally:
        follower.close()
    return 0


@click.command()
@takes_folder
@click.argument("target", type=_FOLDER)
@click.option(
    "--at",
    "at",
    type=options.moment,
    shell_complete=options.complete_moment,
    required=True,
    metavar="MOMENT",
    help="Its last moment, such as @1042 or '5m ago'.",
)
def restore(tool: Tool, target: Path, at: Moment) -> int:
    r"""Make a log in TARGET, an empty folder, that is DIR's up to a moment.

    DIR is a data folder, a backup or an archive (log-archive-command), and stays as it
    is. From the moment on the two logs are different histories with one beginning.

    \b
    Examples:
      replay restore joblog-data ../joblog-before --at '5m ago'
      replay restore /mnt/backup/joblog joblog-data --at @1042
      replay restore /archive joblog-data --at 2026-11-23T14:00
    """
    point = tool.point(at)
    report = restore_log(tool.folder, target, point.seq, filesystem=tool.filesystem)
    _tell_copy(tool, target, report)
    return 0


def _tell_copy(tool: Tool, target: Path, report: CopyReport) -> None:
    tool.output.facts(
        {"target": str(target), **report._asdict()},
        {
            "target": str(target),
            "last": f"seq {report.last_seq}",
            "digest": f"{report.digest_hex}@{report.last_seq}",
            "files": f"{report.copied} copied, {report.kept} there already",
            "written": f"{report.bytes_written:,} bytes",
        },
    )


@click.command()
@takes_folder
@click.option("--from", "source", type=_FOLDER, help="A backup with sound segments.")
@click.option("--apply", "is_applied", is_flag=True, help="Do it; else only tell.")
@click.option(
    "--cut", "may_cut", is_flag=True, help="Also cut off records that still read."
)
def repair(tool: Tool, source: Path | None, *, is_applied: bool, may_cut: bool) -> int:
    r"""Tell what is wrong with DIR, what would mend it, and which records that loses.

    With --apply it is done; no server may have DIR open. What is cut off or replaced
    stays beside it under another name. Records that still read behind damage are only
    cut off with --cut: `replay salvage` keeps them. Exit code 0: DIR is sound, or is
    now. 1: there is something to do. 3: not all can be mended here.

    \b
    Examples:
      replay repair joblog-data
      replay repair joblog-data --from /mnt/backup/joblog --apply
    """
    tool.may_index = False  # what is damaged is not to be indexed
    plan = plan_repair(tool.folder, filesystem=tool.filesystem, backup=source)
    _write_plan(tool, plan)
    if plan.hopeless:
        tool.output.hint(f"replay: {_remedy(tool, source)}")
        return DAMAGED
    if not plan.steps:
        return 0
    if plan.cuts and not may_cut:
        tool.output.hint(f"replay: nothing was changed; {_remedy(tool, source)}")
        tool.output.hint("replay: --apply --cut does it all the same")
        return NOTHING
    if not is_applied:
        tool.output.hint("replay: nothing was changed; --apply does it")
        return NOTHING
    # What was beside damage may show damage of its own once that is mended.
    for _ in range(_ROUNDS_MAX):
        apply_repair(tool.folder, plan, filesystem=tool.filesystem)
        plan = plan_repair(tool.folder, filesystem=tool.filesystem, backup=source)
        if not plan.steps or plan.hopeless or (plan.cuts and not may_cut):
            break
        _write_plan(tool, plan)
    for text in (*(step.why for step in plan.steps), *plan.hopeless):
        tool.output.hint(f"replay: still damaged: {text}")
    if plan.hopeless or plan.steps:
        tool.output.hint(f"replay: {_remedy(tool, source)}")
        return DAMAGED
    return 0


def _remedy(tool: Tool, source: Path | None) -> str:
    """Return what helps where no repair does, or where it loses too much."""
    salvage_line = f"'replay salvage {tool.folder} NEW_DIR' saves all that still reads"
    if source is not None:
        return salvage_line
    return f"a backup may have what is gone: --from BACKUP; {salvage_line}"


def _write_plan(tool: Tool, plan: Plan) -> None:
    output = tool.output
    if output.is_json:
        output.json(
            {
                "steps": [
                    {
                        "action": step.action,
                        "path": str(step.path),
                        "offset": step.offset,
                        "why": step.why,
                        "lost_seqs": [record.seq for record in step.lost],
                        "gone": step.gone,
                        "source": None if step.source is None else str(step.source),
                    }
                    for step in plan.steps
                ],
                "hopeless": plan.hopeless,
                "last_seq": plan.last_seq,
            }
        )
        return
    names = _script_names(tool, plan)
    for step in plan.steps:
        place = f" at byte {step.offset}" if step.offset else ""
        output.text(f"{step.action} {step.path.name}{place}", "bold")
        if step.why:
            output.text(f"  because {plain_text(step.why)}")
        if step.source is not None:
            output.text(f"  by {step.source}")
        for record in step.lost[:_LOST_SHOWN]:
            text = record_text(record, 60, names)
            output.text(f"  loses seq {record.seq}: {text}")
        if len(step.lost) > _LOST_SHOWN:
            output.text(f"  and {len(step.lost) - _LOST_SHOWN:,} more records")
        if step.lost:
            output.text(f"  {_loss(step)}", "yellow")
    for text in plan.hopeless:
        output.text(f"cannot be mended: {plain_text(text)}", "red")
    if not plan.steps and not plan.hopeless:
        output.text(f"the log is sound up to seq {plan.last_seq}")


def _script_names(tool: Tool, plan: Plan) -> TextNames:
    """Return what scripts are called, as far as a damaged log still reads."""
    names: TextNames = TextNames()
    if any(step.lost for step in plan.steps):
        names = ScriptNames(tool.index)
        with contextlib.suppress(StorageError):
            names.known()
        for step in plan.steps:
            for record in step.lost:
                names.observe(record)
    return names


def _loss(step: Step) -> str:
    cut, gone = len(step.lost), step.gone
    return (
        f"so {cut:,} records that still read would be lost; salvage loses "
        f"{gone:,} that {'does' if gone == 1 else 'do'} not"
    )


@click.command()
@takes_folder
@click.argument("target", type=_FOLDER)
def salvage(tool: Tool, target: Path) -> int:
    r"""Write all records of DIR that are sound into a new log in TARGET.

    They get new numbers; times, effects and clients stay. Tells which are gone, and
    which cannot be applied without those. Exit code 0: nothing is missing.

    \b
    Examples:
      replay salvage joblog-data joblog-saved
    """
    with tool.progress(
        "salvaging", last_seq_hint(tool.folder, filesystem=tool.filesystem)
    ) as progress:
        found = salvage_log(
            tool.folder, target, filesystem=tool.filesystem, progress=progress
        )
    tool.output.facts(
        {"target": str(target), **found._asdict()},
        {
            "target": str(target),
            "records": f"{found.records:,}, of seq {found.first_seq} to "
            f"{found.last_seq}",
            **{f"gone {first}": f"seq {first} to {last}" for first, last in found.gaps},
            **{f"refused {seq}": plain_text(why) for seq, why in found.refused},
            **{f"damage {n}": plain_text(t) for n, t in enumerate(found.damage, 1)},
        },
    )
    return NOTHING if found.gaps or found.refused or found.damage else 0
