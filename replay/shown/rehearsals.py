"""What came of a rehearsal, as text and as JSON.

- what a record did then      + what it does now      ! the error it ends with
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.replay.keys.values import find_differences
from joblog.replay.output.texts import json_text, plain_text, show_argv
from joblog.replay.shown.records import record_text
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    key_label,
    version_facts,
)

if TYPE_CHECKING:
    from joblog.replay.keys.differences import KeyChange
    from joblog.replay.records.script_texts import ScriptNames
    from joblog.replay.whatif.rehearsal import Outcome, Report


def report_facts(report: Report) -> dict[str, Any]:
    """Return a report for JSON."""
    return {
        "records": report.records,
        "differing": report.differing,
        "failing": report.failing,
        "outcomes": [_outcome_facts(outcome) for outcome in report.outcomes],
        "at_end": [
            {
                "db": change.db,
                "key": json_text(change.key),
                "recorded": version_facts(change.before),
                "rehearsed": version_facts(change.after),
                "differences": difference_facts(
                    list(find_differences(change.before, change.after))
                ),
            }
            for change in report.at_end
        ],
    }


def _outcome_facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "seq": outcome.record.seq,
        "is_dropped": outcome.is_dropped,
        "error": None if outcome.error is None else json_text(outcome.error),
        "then": [[json_text(word) for word in argv] for _, argv in outcome.then],
        "now": [[json_text(word) for word in argv] for _, argv in outcome.now],
    }


def report_lines(
    report: Report, limit: int | None = None, names: ScriptNames | None = None
) -> list[str]:
    """Return a report as lines for people.

    Args:
        report: the report.
        limit: the most characters for each word of a command.
        names: what scripts are called; None to tell them by their SHA-1.
    """
    lines = []
    for outcome in report.outcomes:
        lines += _outcome_lines(outcome, limit, names)
    same = report.records - report.differing
    lines.append(f"{same} of {report.records} records went as they had")
    if report.failing:
        lines.append(f"{report.failing} of the others end with an error")
    for change in report.at_end:
        lines += _end_lines(change, limit)
    if not report.at_end:
        lines.append("at the end nothing is different")
    return lines


def _outcome_lines(
    outcome: Outcome, limit: int | None, names: ScriptNames | None
) -> list[str]:
    record = outcome.record
    lines = [f"seq {record.seq}  {record_text(record, limit, names)}"]
    then, now = [[argv for _, argv in part] for part in (outcome.then, outcome.now)]
    cut = {show_argv(argv, limit) for argv in then}
    if not cut.isdisjoint(show_argv(argv, limit) for argv in now if argv not in then):
        # What is different is in what would be cut off.
        limit = None
    lines += [f"  - {show_argv(argv, limit)}" for argv in then]
    if outcome.is_dropped:
        lines.append("  left out")
    lines += [f"  + {show_argv(argv, limit)}" for argv in now]
    if outcome.error is not None:
        lines.append(f"  ! {plain_text(outcome.error.decode(errors='replace'))}")
    return lines


def _end_lines(change: KeyChange, limit: int | None) -> list[str]:
    kind = (change.after or change.before).kind  # type: ignore[union-attr]  # one differs
    found = list(find_differences(change.before, change.after))
    lines = [f"at the end  {key_label((change.db, change.key))} ({kind})"]
    for sign, text in difference_lines(kind, found, limit):
        lines.append(f"  {sign} {text}")
    return lines
