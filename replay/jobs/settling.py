"""Settling: what a record means for a job, once all that it did to the job is known.

A record is one atomic unit, so a job that a script moves through three keys made one
step: from where it was before the record to where it is after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.jobs.groups import CLAIMED
from joblog.replay.jobs.hands import (
    is_by_hand,
    is_given_back,
    is_own,
    note_hands,
    note_taken,
)
from joblog.replay.jobs.repeats import is_untold
from joblog.replay.jobs.schema import ENDS
from joblog.replay.jobs.stories import Step

if TYPE_CHECKING:
    from joblog.replay.jobs.stories import Change, Story
    from joblog.storage.record import Record

STRONGEST = (
    *("running", "waiting", "scheduled", "blocked"),
    *("failed", "cancelled", "done"),
)
"""Of the states that a job's places tell, the first of these counts."""

_KINDS = {
    ("", "waiting"): "enqueued",
    ("", "scheduled"): "scheduled",
    ("", "blocked"): "held back",
    ("scheduled", "waiting"): "due",
    ("blocked", "waiting"): "released",
    ("running", "scheduled"): "put off",
    ("waiting", "scheduled"): "put off",
    ("waiting", "blocked"): "held back",
    ("running", "blocked"): "held back",
}


_OPEN = frozenset(("waiting", "scheduled", "blocked"))

_RUN_AGAIN = "taken again, having been enqueued anew after it was done"

_NO_NOTES: dict[str, bytes] = {}
"""One for all steps; nobody changes it."""

_MARKED = frozenset(("taken", "dropped", "put back"))
"""Steps that count as the last one though the state may stay."""


def settle(story: Story, change: Change, record: Record) -> Step | None:
    """Bring a story to what it is after a record.

    Returns:
        The step that the record was for the job; None where it was none.
    """
    new = _find_state(story, change, record)
    kind = _name_kind(story, change, record, new)
    problem = _find_double(story, change, record, kind)
    if kind is None and not problem:
        note_hands(story, change, record)
        return None
    step = Step(
        kind or "noted",
        new,
        record,
        _find_key(change, new),
        change.notes or _NO_NOTES,
        story.lease_ms if new == "running" else None,
        story.due_ms if new in {"scheduled", "waiting"} else None,
        problem,
        before=story.standing,
    )
    _advance(story, change, step)
    return step


def _find_state(story: Story, change: Change, record: Record) -> str:
    _note_hand(story, change)
    if _is_thrown_away(story, change, record):
        story.is_in_hand, story.is_hollow = False, True
        return "deleted"
    states = _told_states(story, change)
    if change.is_gone and not states & ENDS and change.before not in ENDS:
        story.is_hollow = not change.left and change.told not in ENDS
        if story.is_hollow and "running" not in states:
            return "deleted"
    if _has_only_marks_left(story, change):
        story.marks.clear()
        return change.told if change.told in ENDS else _end_untold(change)
    if change.is_result and change.told in ENDS:
        return change.told
    if change.before in ENDS and not change.entered and not story.is_in_hand:
        return change.told or change.before
    if states:
        found = next(state for state in STRONGEST if state in states)
        if found == "waiting" and (story.due_ms or 0) > record.clock_ms:
            return "scheduled"
        return _unless_hollow(story, found)
    for told in (change.told, story.status):
        if told in ENDS:
            return told
    if change.left:
        return _find_state_outside(story, change, record)
    if change.told:
        story.is_in_hand = change.told == "running"
    is_deleted = change.is_gone and change.before not in ENDS
    return "deleted" if is_deleted else change.told or change.before


def _note_hand(story: Story, change: Change) -> None:
    """Note down whether a client has the only copy of what it took."""
    if change.entered or change.told in ENDS:
        story.is_in_hand = story.is_dropped = False
    elif change.left_state("waiting", "popped") and not story.is_hollow:
        story.is_in_hand = True


def _is_thrown_away(story: Story, change: Change, record: Record) -> bool:
    """Tell whether one record took a job out of its queue and removed what it was.

    Nobody could run it any more, whoever popped it: so does what empties a queue.
    """
    has_left = any(rule.state in _OPEN for rule, *_ in change.left)
    if change.before not in _OPEN or not has_left:
        return False
    if change.entered or change.told in ENDS:
        return False
    return change.is_gone or story.schema.unlinks(story.id, record.effects)


def _has_only_marks_left(story: Story, change: Change) -> bool:
    """Tell whether a running job left its place for none, and its own key is gone.

    A mark may stay for a while, so that nobody runs the job again: arq's, of what runs
    by a schedule.
    """
    is_over = change.before == "running" and change.is_gone and bool(change.left)
    return is_over and bool(story.marks) and not story.counts() and not story.is_in_hand


def _told_states(story: Story, change: Change) -> set[str]:
    """Return the states that a job's places and marks tell."""
    states = {rule.state for rule, _ in story.places.values() if rule.state}
    if story.marks:
        states |= {rule.state for rule, _ in story.marks.values() if rule.state}
    if story.is_in_hand:
        states.add("running")
    if change.before == "running" and "running" not in states:
        fresh = {rule.state for rule, _ in change.entered}
        if change.told in ENDS or not ENDS.isdisjoint(fresh):
            # A copy that was enqueued before is no reason why it should not have ended.
            states -= _OPEN - fresh
    return states


def _unless_hollow(story: Story, found: str) -> str:
    """Return "deleted" for a job without its own key: there is nothing to run."""
    return "deleted" if story.is_hollow else found


def _find_state_outside(story: Story, change: Change, record: Record) -> str:
    """Return the state of a job that left its last place."""
    rule, _, how = change.left[-1]
    before = change.before
    if story.is_hollow:
        return "deleted"
    if before in ENDS:
        return before
    if how == "flushed" or (how == "dropped" and (not rule.left or is_by_hand(record))):
        return "deleted"
    if rule.left and rule.left != "running":
        story.is_in_hand = is_untold(story, rule, record)
        return "running" if story.is_in_hand else rule.left
    is_popped = how == "popped" and rule.state != "running"
    is_due = rule.state == before == "scheduled"
    is_due = is_due and (change.due_ms or 0) <= record.clock_ms
    if rule.left == "running" or is_popped:
        story.is_in_hand, story.is_acked = True, not is_popped
    elif is_due and not change.is_gone:
        # A scheduler takes what is due in one step, and enqueues it in the next.
        story.is_in_hand = story.is_moving = not is_by_hand(record)
    elif before == "running" and _is_dropped(story, change, record):
        story.is_in_hand = story.is_dropped = True
    elif before == "running" and is_own(story, record):
        if not _has_own_word(story, change):
            return _end_untold(change)
        story.is_in_hand = True
    return "running" if story.is_in_hand else "deleted"


def _end_untold(change: Change) -> str:
    """Return how a job ended that is only removed: Bull notes the error before."""
    return "failed" if change.notes.get("error") else "done"


def _is_dropped(story: Story, change: Change, record: Record) -> bool:
    """Tell whether another's script took a running job out of its last key.

    Its library would have told its end in the job's own key, which is still there.
    """
    is_strange = record.origin.client_id not in story.hands
    is_told = _has_own_word(story, change)
    return is_strange and is_told and not is_by_hand(record)


def _has_own_word(story: Story, change: Change) -> bool:
    """Tell whether a job's own key is there, and would have told its end."""
    tells_ends = "done" in story.schema.statuses.values()
    return tells_ends and bool(story.status) and not change.is_gone


def _name_kind(story: Story, change: Change, record: Record, new: str) -> str | None:
    before = change.before
    if story.is_dropped and change.left:
        return "dropped"
    if change.was_dropped and new == before == "running" and change.entered:
        return "put back"
    if new == "running" and (
        before != "running"
        or change.left_state("waiting", "popped")
        or change.left_state("running", CLAIMED)
    ):
        return "taken"
    if new != before:
        return _name_change(story, change, new, record)
    if new in ENDS:
        if change.told == new and story.done_seq and not change.left:
            return f"{new} again"
        is_forgotten = not story.places and (change.left or change.is_gone)
        if change.left_state("running"):
            return "acknowledged"
        return "forgotten" if is_forgotten else None
    return _name_detail(story, change)


def _name_change(story: Story, change: Change, new: str, record: Record) -> str:
    """Return what a step from one state to another is called."""
    before = change.before
    if change.is_next_round:
        return "replaced" if change.is_replaced else "retried"
    if before == "running" and new in _OPEN and change.was_done:
        return "repeated"
    if (before, new) == ("running", "waiting"):
        if story.is_moving and is_own(story, record):
            return "due"
        return "retried" if is_given_back(story, change, record) else "taken back"
    if before in ENDS and new == "waiting":
        return "enqueued again"
    return _KINDS.get((before, new), new)


def _name_detail(story: Story, change: Change) -> str | None:
    """Return what a step is called that left the state as it was; None for none."""
    if change.entered_state("waiting") is not None:
        return "moved" if change.left_state("waiting") else "enqueued again"
    if change.is_gone:
        return "its own key was removed"
    if story.is_acked and change.left_state("running"):
        return "acknowledged"
    if change.lost_lease:
        return f"lease {change.lost_lease}"
    if change.has_lease:
        return "lease"
    return "noted" if change.notes else None


def _find_double(story: Story, change: Change, record: Record, kind: str | None) -> str:
    """Return what makes a step a double delivery, "" where it is none."""
    if kind == "taken":
        if (
            change.before == "running"
            and story.taker
            and not change.left_state("running")
        ):
            return "taken while another had it"
        if story.done_seq and change.before not in ENDS - {"done"}:
            is_anew = story.enqueued_seq > story.done_seq
            return _RUN_AGAIN if is_anew else "taken again after it was done"
    is_done = kind in {"done", "done again"}
    if is_done and change.tells("done") and story.done_seq > story.taken_seq:
        return "done twice" if story.is_done_told else ""
    client = record.origin.client_id
    if client in story.former and client != story.taker and is_done:
        return "done by one that it was taken back from"
    is_elder = story.former and client < story.taker and client not in story.hands
    if is_elder and change.before == "running" and "result" in change.notes:
        return "its result is from one that it was taken back from"
    if kind == "enqueued again" and change.before == "waiting":
        return "enqueued while it was waiting"
    return ""


def _find_key(change: Change, new: str) -> bytes:
    key = change.entered_state(new)
    if key is not None:
        return key
    if change.entered:
        return change.entered[-1][1]
    if change.key:
        return change.key
    places = [key for rule, key, _ in change.left if rule.state]
    return (places or [key for _, key, _ in change.left] or [b""])[-1]


def _is_another(story: Story, change: Change) -> bool:
    """Tell whether what comes after a job's end is another job of the same id.

    It is where the job's own key had gone, or the library gives an id away again, to
    one that was not tried yet.
    """
    is_given_away = story.schema.reuses_ids and story.is_done_told
    is_given_away = is_given_away and not change.was_tried
    return story.was_gone or (is_given_away and change.told in _OPEN)


def _advance(story: Story, change: Change, step: Step) -> None:
    """Note down in the story that a step was made."""
    record, at_ms = step.record, step.record.at_ms
    # What a scheduler took to enqueue it was with no worker.
    story.deliveries -= story.is_moving and step.kind == "due"
    if step.kind == "taken":
        note_taken(story, change, record)
        for home, (rule, _) in list(story.places.items()):
            if rule.is_held:
                del story.places[home]
    elif change.before == "running" and step.state in {"waiting", "scheduled"}:
        if not is_given_back(story, change, record):
            story.former |= story.hands
            story.times_taken_back += 1
        story.lease_ms = None
    elif step.state == "running":
        note_hands(story, change, record)
    if change.before in ENDS and step.state in _OPEN and _is_another(story, change):
        story.begin_anew()
    if step.kind in {"enqueued", "enqueued again", "scheduled", "held back"}:
        story.enqueued_seq = record.seq
        if story.enqueued_ms is None:
            story.enqueued_ms = at_ms
    if step.kind in {"done", "done again"}:
        story.done_seq, story.is_done_told = record.seq, change.tells("done")
    if step.problem:
        story.doubles += (step.problem,)
    if step.state != change.before or step.kind in _MARKED:
        story.is_moving &= step.kind == "taken"
        story.state, story.since_ms, story.last = step.state, at_ms, step
        story.is_since_known = True
        if step.state in ENDS:
            story.ended_ms, story.lease_ms, story.is_in_hand = at_ms, None, False
