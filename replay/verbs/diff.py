"""`replay diff`: how two moments differ, key by key."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.keys.differences import KeyChange, compare_moments
from joblog.replay.keys.values import find_differences
from joblog.replay.shown.versions import (
    count_text,
    difference_lines,
    key_label,
)
from joblog.replay.verbs.options import (
    NOTHING,
    Span,
    Tool,
    key_glob_option,
    oneline_option,
    takes_folder,
    takes_range,
)
from joblog.replay.verbs.show import SIGN_STYLES
from joblog.replay.views.comparing import change_facts, fate_of


@click.command()
@takes_folder
@takes_range(also_two=True)
@key_glob_option
@click.option("--stat", is_flag=True, help="Only how many keys came, went, changed.")
@oneline_option
def diff(
    tool: Tool,
    span: Span,
    key_glob: bytes | None,
    *,
    stat: bool,
    is_oneline: bool,
) -> int:
    r"""Show what is different in DIR at moment B from what was at A; A..B is the same.

    `+` is gained, `-` is lost, `~` is changed. Exit code 1 says: no difference.

    \b
    Examples:
      replay diff joblog-data '10m ago' now
      replay diff joblog-data @100..@200 --key 'queue:*' --stat
    """
    if not span.is_given:
        raise click.UsageError("write two moments, A B or A..B")
    from_seq, until_seq = (point.seq for point in tool.ends(span))
    count: Counter[str] = Counter()
    with tool.progress("folding", until_seq) as progress:
        past = tool.past(progress)
        wants = compile_glob(key_glob or b"*")
        for change in compare_moments(past, from_seq, until_seq, wants, tool.index):
            fate = fate_of(change)
            count[fate] += 1
            if not stat:
                _write(tool, fate, change, is_oneline=is_oneline)
        past.close()
    if stat and count:
        facts: dict[str, Any] = {
            name: count[name] for name in ("added", "removed", "changed")
        }
        tool.output.facts(facts, {name: str(n) for name, n in facts.items()})
    return 0 if count else NOTHING


def _write(tool: Tool, fate: str, change: KeyChange, *, is_oneline: bool) -> None:
    output = tool.output
    differences = list(find_differences(change.before, change.after))
    if output.is_json:
        output.json(change_facts(change, differences))
        return
    version = change.after or change.before
    assert version is not None
    sign = {"added": "+", "removed": "-", "changed": "~"}[fate]
    label = key_label((change.db, change.key))
    count = ""
    if output.is_terminal and len(differences) > 1:
        count = f": {count_text(differences)}"
    title = f"{sign} {label} ({version.kind}{count})"
    output.line((title,), (f"bold {SIGN_STYLES[sign]}",))
    if is_oneline:
        return
    for mark, text in difference_lines(version.kind, differences, output.word_limit):
        output.line((f"    {mark} {text}",), (SIGN_STYLES[mark],))
