"""Rounds: a job's tries, where each is a message of its own with the job's id.

So it is in Celery: a task that retries itself sends its next try, and only then is the
message acknowledged that it ran by. Taken for one message, it would be two deliveries.
One that replaces itself sends another task, which begins with its first try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.jobs.stories import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joblog.replay.jobs.moves import Move
    from joblog.replay.jobs.stories import Change, Story

_REPLACED = 1_000_000
"""Tries of what a job was replaced by count from as many times this on."""


def is_of_now(
    story: Story, change: Change, move: Move, facts: Mapping[str, bytes]
) -> bool:
    """Tell whether an element counts: it is of no try before the newest one.

    The first element of a try ends the one before, which sent it. Messages of that one
    are still to be acknowledged, which says nothing any more; where one is put back,
    it counts again, beside the newest.
    """
    number = _read_round(facts)
    if number is None or number == story.round or number in story.rounds:
        return True
    if move.delta <= 0:
        return False
    if number < story.round:
        story.rounds |= {number}
        return True
    change.is_next_round = change.before == "running"
    change.is_replaced = number // _REPLACED > story.round // _REPLACED
    story.round, story.rounds = number, NOBODY
    story.is_in_hand = False
    for home, (rule, _) in list(story.places.items()):
        if "round" in rule.fields:
            del story.places[home]
    return True


def _read_round(facts: Mapping[str, bytes]) -> int | None:
    """Return which of a job's tries an element is for, None where it does not say."""
    text, replaced = facts.get("round", b""), facts.get("replaced", b"")
    if not text.isdigit():
        return None
    return int(text) + (_REPLACED * int(replaced) if replaced.isdigit() else 0)
