"""Hands: who has a job that runs, and whether it was he who did what a record did.

A hand is a connection: its client's id. A worker may have several; of those that wrote
of the job while it ran, each is one of its.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.history.notes import (
    EvictedNote,
    ExecNote,
    ExpiredNote,
    ScriptNote,
    read_note,
)

if TYPE_CHECKING:
    from joblog.replay.jobs.stories import Change, Story
    from joblog.storage.record import Record


def is_own(story: Story, record: Record) -> bool:
    """Tell whether a record is of those that have the job, or of their library."""
    return record.origin.client_id in story.hands or not is_by_hand(record)


def is_by_hand(record: Record) -> bool:
    """Tell whether a record is a plain command: no script, no transaction."""
    made = ScriptNote | ExecNote | ExpiredNote | EvictedNote
    return not isinstance(read_note(record.origin), made)


def is_given_back(story: Story, change: Change, record: Record) -> bool:
    """Tell whether a running job was put back by whoever had it.

    A worker may have several connections; who ends the lease before its time has it,
    and who says of what the job died. Where a retry is a message of its own, nobody
    gives back the one that he has: Celery's workers restore what they find to have
    been with one of them for too long, be it with themselves.
    """
    if story.schema.has_rounds:
        return change.is_next_round
    is_his = record.origin.client_id in story.hands or change.is_next_round
    if story.schema.keeps_leases and story.lease_ms is not None:
        is_his = is_his or story.lease_ms > record.clock_ms
    if story.schema.swept and story.facts.get("error"):
        is_his = is_his or not story.facts["error"].startswith(story.schema.swept)
    return is_his or change.lost_lease == "ended"


def note_hands(story: Story, change: Change, record: Record) -> None:
    """Note down that a client wrote of a job that runs."""
    if story.state == "running" and not change.is_gone and record.origin.client_id:
        story.hands |= {record.origin.client_id}


def note_taken(story: Story, change: Change, record: Record) -> None:
    """Note down who has the job now, and from whom it was taken back."""
    client, at_ms = record.origin.client_id, record.at_ms
    story.deliveries += 1
    is_other = client != story.taker or not change.is_of_life
    if change.before == "running" and story.taker and is_other:
        story.former |= story.hands
        # One that its key lost in the same record was taken back for the next.
        story.times_taken_back += change.left_state("running")
    has_waited = change.before in {"waiting", "scheduled"}
    has_waited = has_waited and story.is_since_known
    story.waited_ms = at_ms - story.since_ms if has_waited else None
    story.taker, story.taken_seq, story.taken_ms = client, record.seq, at_ms
    story.is_acked = False
    hand = frozenset((client,))
    if client in story.former:
        # Who takes again what he had has all the connections that he had it by.
        is_same = client in story.hands and change.before != "running"
        story.former -= story.hands if is_same else hand
    story.hands = hand
    story.ended_ms = None
