"""`replay whatif` and `replay test`: a stretch of the log once more, changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.replay.output.texts import from_json_text
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.shown.rehearsals import report_facts, report_lines
from joblog.replay.verbs import options
from joblog.replay.verbs.missing import near_scripts
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.verbs.show import SIGN_STYLES
from joblog.replay.whatif.new_scripts import ScriptBrokenError, ScriptNotFoundError
from joblog.replay.whatif.rehearsal import Changes, Report, rehearse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.verbs.options import Span

_SHOWN = 10


def _script(value: str) -> tuple[str, bytes]:
    """Return the name and the text in an argument `NAME=FILE`.

    Raises:
        click.BadParameter: there is no `=`, or the file cannot be read.
    """
    name, equals, path = value.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{value!r}: write NAME=FILE, such as enqueue=new.lua")
    try:
        return name, Path(path).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from error


def _value(value: str) -> tuple[bytes, bytes]:
    """Return the key and the string in an argument `KEY=VALUE`.

    Raises:
        click.BadParameter: there is no `=`.
    """
    key, equals, text = value.partition("=")
    if not equals:
        raise click.BadParameter(f"{value!r}: write KEY=VALUE")
    return from_json_text(key), from_json_text(text)


_script_option = click.option(
    "--script",
    "scripts",
    multiple=True,
    type=_script,
    metavar="NAME=FILE",
    help="Run this text in place of a script, given by name or the first digits of its "
    "sha; for functions the name of their library. May be given again.",
)


@click.command()
@takes_folder
@takes_range()
@_script_option
@click.option(
    "--drop",
    "dropped",
    multiple=True,
    type=options.seq,
    metavar="SEQ",
    help="Leave this record out. May be given again.",
)
@click.option(
    "--set",
    "values",
    multiple=True,
    type=_value,
    metavar="KEY=VALUE",
    help="Set this string before the first record. May be given again.",
)
@click.option(
    "-n",
    "shown",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="How many of the records that went otherwise are shown.",
)
def whatif(
    tool: Tool,
    span: Span,
    scripts: Sequence[tuple[str, bytes]],
    dropped: Sequence[int],
    values: Sequence[tuple[bytes, bytes]],
    shown: int,
) -> int:
    r"""Run what clients asked for after A, up to B, once more, with something changed.

    Shows the first record that went otherwise, and what is different at the end. DIR
    is only read. What had no effect then has left no record, and is not run. A text
    that is no script is a wrong command line: exit code 2; so is a record to leave out
    that is not run. Exit code 1: there is nothing to run.

    \b
    Examples:
      replay whatif joblog-data '1h ago..now' --script dequeue=fixed.lua
      replay whatif joblog-data @100..@200 --drop 142
      replay whatif joblog-data @0..now --set limit:mail=5 -n 20
    """
    changes = Changes(dict(scripts), frozenset(dropped), dict(values))
    _require_run(tool, span, dropped)
    report = _rehearse(tool, span, changes, shown)
    _write_report(tool, report)
    return 0 if report.records else NOTHING


@click.command()
@takes_folder
@takes_range()
@_script_option
def test(tool: Tool, span: Span, scripts: Sequence[tuple[str, bytes]]) -> int:
    r"""Run what clients asked for after A, up to B, once more with changed scripts.

    Exit code 0: every record had the same effects as then. 1: one had others, and the
    first ones are shown; or there was nothing to run. Without --script it tells whether
    the log's commands are repeatable at all.

    \b
    Examples:
      replay test joblog-data 'yesterday..today' --script dequeue=lua/dequeue.lua
    """
    report = _rehearse(tool, span, Changes(dict(scripts)), _SHOWN)
    _write_report(tool, report)
    return 0 if report.is_same and report.records else NOTHING


def _require_run(tool: Tool, span: Span, seqs: Sequence[int]) -> None:
    """Check that records are of those that are run once more."""
    from_seq, until_seq = (point.seq for point in tool.ends(span))
    for seq in seqs:
        if not from_seq < seq <= until_seq:
            raise click.UsageError(
                f"--drop {seq}: only seq {from_seq + 1} to {until_seq} are run"
            )
        record = tool.index.get_record(seq)
        if record is None or not record.effects:
            raise click.UsageError(f"--drop {seq}: that record changed nothing")


def _rehearse(tool: Tool, span: Span, changes: Changes, shown: int) -> Report:
    from_seq, until_seq = (point.seq for point in tool.ends(span))
    try:
        with tool.progress("folding", until_seq) as progress:
            return rehearse(
                tool.folder,
                tool.filesystem,
                (from_seq, until_seq),
                changes,
                shown=shown,
                progress=progress,
            )
    except ScriptNotFoundError as error:
        nears = (near_scripts(tool, name) for name in changes.scripts)
        raise click.UsageError(f"{error}{next(filter(None, nears), '')}") from error
    except ScriptBrokenError as error:
        raise click.UsageError(str(error)) from error


def _write_report(tool: Tool, report: Report) -> None:
    if tool.output.is_json:
        tool.output.json(report_facts(report))
        return
    if not report.records:
        tool.output.hint("replay: no record there changed anything: nothing was run")
        return
    names = ScriptNames(tool.index)
    for line in report_lines(report, tool.output.word_limit, names):
        tool.output.text(line, SIGN_STYLES.get(line.strip()[:1], ""))
