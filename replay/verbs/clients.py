"""`replay clients`: who was connected, from where, from when to when, and did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.jobs.views import show_duration
from joblog.replay.output.texts import plain_text, show
from joblog.replay.records.connections import find_connections
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.scripts import BY_SHA
from joblog.replay.verbs import options
from joblog.replay.verbs.options import NOTHING, Tool, takes_folder, takes_range
from joblog.replay.views.connections import connection_facts, idle_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.replay.records.connections import Connection
    from joblog.replay.verbs.arguments import Span

_COMMANDS_SHOWN = 3
_COLUMNS = ("client", "address", "user", "since", "gone", "records", "idle", "did")
_STYLES = ("bold", "", "", "dim", "yellow")


@click.command()
@takes_folder
@takes_range()
@click.option(
    "--client", "globs", type=options.glob, multiple=True, metavar="GLOB",
    help="Only clients of such a name or address; may be given several times.",
)  # fmt: skip
@click.option(
    "--here", "is_here", is_flag=True, help="Only who is not known to be gone."
)
@click.option(
    "--idle", type=click.FloatRange(0), metavar="SECONDS",
    help="Only who has written nothing for so long.",
)  # fmt: skip
def clients(
    tool: Tool,
    span: Span,
    globs: tuple[bytes, ...],
    *,
    is_here: bool,
    idle: float | None,
) -> int:
    r"""List the connections of DIR: who, from where, from when to when, and did what.

    A log has who wrote. When clients came and went, also those that only wait or read,
    it has with the server's setting log-connections (named, or all); without it, a
    client is there from its first write on, and nobody knows when it went.

    \b
    Examples:
      replay clients joblog-data
      replay clients joblog-data --client 'worker*' --here --idle 600
      replay clients joblog-data --since deploy-41 --json
    """
    from_seq, until_seq = tool.seqs(span)
    now_ms = tool.point(span.until).at_ms
    wants = _make_filter(globs, now_ms, is_here=is_here, idle=idle)
    with tool.progress("reading", until_seq) as progress:
        found = find_connections(
            tool.index, tool.clients(), progress, from_seq, until_seq
        )
    names = ScriptNames(tool.index)
    whole = ("client", "address", "since")
    with tool.output.rows(*_COLUMNS, right=("records",), whole=whole) as rows:
        for each in found:
            if wants(each):
                cells = _cells(tool, each, now_ms, names)
                rows.add(connection_facts(each, now_ms), cells, _STYLES)
    return 0 if rows.count else NOTHING


def _make_filter(
    globs: tuple[bytes, ...], now_ms: int, *, is_here: bool, idle: float | None
) -> Callable[[Connection], bool]:
    tests = [compile_glob(glob) for glob in globs]

    def wants(each: Connection) -> bool:
        if is_here and each.gone is not None:
            return False
        if idle is not None and idle_ms(each, now_ms) < idle * 1000:
            return False
        if not tests:
            return True
        note = each.note
        words = () if note is None else (note.name, note.address.encode())
        return any(test(word) for test in tests for word in words)

    return wants


def _cells(tool: Tool, each: Connection, now_ms: int, names: ScriptNames) -> list[str]:
    limit, note = tool.output.word_limit, each.note
    name = show(note.name, limit) if note is not None and note.name else "-"
    did = [
        f"{_command_text(command, names)} {count:,}"
        for command, count in each.commands.most_common(_COMMANDS_SHOWN)
    ]
    if len(each.commands) > _COMMANDS_SHOWN:
        did.append("...")
    return [
        f"{name} #{each.id}",
        plain_text(note.address) if note is not None else "-",
        show(note.user) if note is not None and note.user else "-",
        tool.output.time(each.since_ms),
        "-" if each.gone is None else tool.output.time(each.gone[1]),
        str(each.records),
        show_duration(idle_ms(each, now_ms)),
        ", ".join(did) or "nothing",
    ]


def _command_text(command: bytes, names: ScriptNames) -> str:
    """Return a command for people, a script's by the script's name."""
    verb, _, script = command.partition(b" ")
    if verb in BY_SHA and script:
        return f"{show(verb)} {names.label(script.decode('utf-8', 'replace'))}"
    return " ".join(map(show, filter(None, (verb, script))))
