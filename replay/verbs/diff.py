"""`replay diff`: how two moments differ, key by key."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from joblog.app.history.moments import Moment
from joblog.app.keyspace.glob import compile_glob
from joblog.replay.keys.differences import KeyChange, compare_moments
from joblog.replay.keys.values import find_differences
from joblog.replay.output.texts import json_text
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    key_label,
    version_facts,
)
from joblog.replay.verbs import options
from joblog.replay.verbs.options import NOTHING, Tool, key_glob_option, takes_folder
from joblog.replay.verbs.show import SIGN_STYLES


def _one_or_both(value: str) -> Moment | tuple[Moment, Moment]:
    """Return the moment in an argument, or both where it is a range."""
    return options.moment_range(value) if ".." in value else options.moment(value)


@click.command()
@takes_folder
@click.argument(
    "first", metavar="A|A..B", type=_one_or_both, shell_complete=options.complete_moment
)
@click.argument(
    "second",
    metavar="[B]",
    type=options.moment,
    required=False,
    shell_complete=options.complete_moment,
)
@key_glob_option
@click.option("--stat", is_flag=True, help="Only how many keys came, went, changed.")
def diff(
    tool: Tool,
    first: tuple[Moment, Moment] | Moment,
    second: Moment | None,
    key_glob: bytes | None,
    *,
    stat: bool,
) -> int:
    r"""Show what is different in DIR at moment B from what was at A; A..B is the same.

    `+` is gained, `-` is lost, `~` is changed. Exit code 1 says: no difference.

    \b
    Examples:
      replay diff joblog-data '10m ago' now
      replay diff joblog-data @100..@200 --key 'queue:*' --stat
    """
    if isinstance(first, Moment) == (second is None):
        raise click.UsageError("write two moments, A B or A..B")
    span = (first, second) if isinstance(first, Moment) else first
    from_seq, until_seq = (tool.point(moment).seq for moment in span)
    if from_seq > until_seq:
        raise click.UsageError("A must not be later than B")
    count: Counter[str] = Counter()
    with tool.progress("folding", until_seq) as progress:
        past = tool.past(progress)
        wants = compile_glob(key_glob or b"*")
        for change in compare_moments(past, from_seq, until_seq, wants, tool.index):
            fate = _fate(change)
            count[fate] += 1
            if not stat:
                _write(tool, fate, change)
        past.close()
    if stat and count:
        facts: dict[str, Any] = {
            name: count[name] for name in ("added", "removed", "changed")
        }
        tool.output.facts(facts, {name: str(n) for name, n in facts.items()})
    return 0 if count else NOTHING


def _fate(change: KeyChange) -> str:
    if change.before is None:
        return "added"
    return "removed" if change.after is None else "changed"


def _write(tool: Tool, fate: str, change: KeyChange) -> None:
    output = tool.output
    differences = list(find_differences(change.before, change.after))
    if output.is_json:
        output.json(
            {
                "db": change.db,
                "key": json_text(change.key),
                "change": fate,
                "before": version_facts(change.before),
                "after": version_facts(change.after),
                "differences": difference_facts(differences),
            }
        )
        return
    version = change.after or change.before
    assert version is not None
    sign = {"added": "+", "removed": "-", "changed": "~"}[fate]
    label = key_label((change.db, change.key))
    output.text(f"{sign} {label} ({version.kind})", f"bold {SIGN_STYLES[sign]}")
    for mark, text in difference_lines(version.kind, differences, output.word_limit):
        output.text(f"    {mark} {text}", SIGN_STYLES[mark])
