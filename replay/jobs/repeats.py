"""Repeats: keys that tell now and then which jobs run, and late.

So does each process of Sidekiq: every few seconds it writes down what its threads do,
as they did it a moment before. A job that has left meanwhile is told once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.history.notes import ExpiredNote, read_note

if TYPE_CHECKING:
    from joblog.replay.jobs.moves import Move
    from joblog.replay.jobs.schema import Rule
    from joblog.replay.jobs.stories import Home, Story
    from joblog.storage.record import Record


def is_late(story: Story, rule: Rule, home: Home, move: Move) -> bool:
    """Tell whether an element repeats what is so no more, and says nothing.

    What comes to another key takes a job out of those that only repeat: they will be
    told so later.
    """
    if rule.repeats:
        if move.delta <= 0:
            return home not in story.places
        if rule.untold is not None:
            story.is_unkept = bool(rule.untold(move.value or move.element))
        return story.state not in {"", "running"}
    if move.delta > 0 and rule.state:
        for other, (each, _) in list(story.places.items()):
            if each.repeats:
                del story.places[other]
    return False


def is_untold(story: Story, rule: Rule, record: Record) -> bool:
    """Tell whether a job's leaving such a key does not say how it ended.

    It may be the key that ended, with the process; and of some jobs nothing is kept
    when they fail.
    """
    if not rule.repeats:
        return False
    is_expired = isinstance(read_note(record.origin), ExpiredNote)
    return is_expired or story.is_unkept
