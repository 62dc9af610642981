"""Verdicts: what became of a job, at a moment, in a word and a sentence.

| verdict | means |
| --- | --- |
| waiting, scheduled, blocked, running | as it should be |
| in hand | it was popped and is in no key: whoever took it has the only copy |
| done, failed, cancelled | it ended so |
| deleted | a command removed it before it ended |
| stuck | it runs without a lease, or longer than it may; or it is long due |
| lost | it was taken or dropped, is in no key, and nothing was heard of it since |
| delivered twice | two had it at a time, or it was taken again after it was done |
| taken | it was taken, and nothing is kept that would tell whether it was done |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.schema import ENDS

if TYPE_CHECKING:
    from collections.abc import Container

    from joblog.replay.jobs.stories import Story

VERDICTS = (
    *("waiting", "scheduled", "blocked", "running", "done", "failed", "cancelled"),
    *("in hand", "deleted", "stuck", "lost", "delivered twice", "taken"),
)
PROBLEMS = frozenset(("stuck", "lost", "delivered twice", "deleted", "failed"))
_NOT_DELIVERED = "enqueued"
_TRACEBACK = re.compile(
    rb"[ |+]*(?P<kind>(Exception Group )?Traceback \(most recent call last\):$)"
).match


class Limits(NamedTuple):
    """From when on a job counts as stuck or lost.

    Attributes:
        stuck_ms: how long a job may run that has no lease, or be due.
        lost_ms: how long a job that is in no key may be silent.
    """

    stuck_ms: int = 600_000
    lost_ms: int = 60_000


class Verdict(NamedTuple):
    """What became of a job.

    Attributes:
        word: one of VERDICTS.
        since_ms: since when it is so, in ms since the epoch; None where the log that
            was followed does not tell.
        reason: why, for people; "" where the word says it all.
    """

    word: str
    since_ms: int | None
    reason: str = ""


def judge(
    story: Story,
    at_ms: int,
    limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
    has_results: Container[str] = (),
) -> Verdict:
    """Return what became of a job, as seen at a moment.

    Args:
        story: the job, at that moment.
        at_ms: the time of the moment.
        limits: from when on it is stuck or lost.
        has_results: names of the schemas that keep a result of each job in this log.
    """
    verdict = _judge(story, at_ms, limits, has_results)
    if not story.is_since_known and verdict.since_ms == story.since_ms:
        return verdict._replace(since_ms=None)
    return verdict


def _judge(
    story: Story, at_ms: int, limits: Limits, has_results: Container[str]
) -> Verdict:
    doubles = [text for text in story.doubles if not text.startswith(_NOT_DELIVERED)]
    if doubles:
        reason = "; ".join(dict.fromkeys(doubles))
        return Verdict("delivered twice", story.since_ms, reason)
    if story.state in ENDS:
        return Verdict(story.state, story.since_ms, _how_it_ended(story))
    if story.state == "running":
        return _judge_running(story, at_ms, limits, has_results)
    due_ms = story.due_ms or 0
    if story.state == "scheduled" and due_ms and due_ms + limits.stuck_ms < at_ms:
        return Verdict("stuck", due_ms, "it is due, and nobody moved it to its queue")
    reason = "; ".join(dict.fromkeys(story.doubles))
    return Verdict(story.state or "waiting", story.since_ms, reason)


def _how_it_ended(story: Story) -> str:
    if story.state == "cancelled":
        is_late = story.done_seq > story.taken_seq > 0
        return "it was done before" if is_late else _error_of(story)
    if story.state == "failed":
        return _error_of(story)
    if story.is_hollow:
        return "its own key was removed"
    if story.times_taken_back:
        return f"after {story.deliveries} deliveries; it was taken back"
    if story.deliveries > 1:
        return f"after {story.deliveries} deliveries"
    return ""


def _error_of(story: Story) -> str:
    return headline(story.facts.get("error", b"")).decode("utf-8", "replace")


def headline(error: bytes) -> bytes:
    """Return the line of an error that says most.

    Of Python's tracebacks that is the one behind the frames of the last, or of a
    group's own, with which the message begins; of anything else the first.
    """
    lines = [line.rstrip() for line in error.splitlines() if line.strip()]
    heads = [
        (found.start("kind"), place)
        for place, line in enumerate(lines)
        if (found := _TRACEBACK(line)) is not None
    ]
    if heads:
        # What is in a group is set in deeper than the group.
        edge = min(edge for edge, _ in heads)
        place = max(place for each, place in heads if each == edge)
        for line in lines[place + 1 :]:
            if line[edge : edge + 1].strip():
                return line[edge:]
        return lines[-1].strip()
    return lines[0].strip() if lines else b""


def _judge_running(
    story: Story, at_ms: int, limits: Limits, has_results: Container[str]
) -> Verdict:
    eta_ms = story.eta_ms or 0
    since_ms = max(story.since_ms, eta_ms)
    if at_ms < eta_ms:
        reason = "whoever took it holds it until it is due"
        return Verdict("scheduled", story.since_ms, reason)
    if story.is_in_hand:
        return _judge_in_hand(story, at_ms, limits, has_results)
    if story.lease_ms is not None:
        if story.lease_ms < at_ms:
            return Verdict("stuck", story.lease_ms, "its lease ran out")
        return Verdict("running", since_ms)
    if since_ms + limits.stuck_ms < at_ms:
        return Verdict("stuck", since_ms, "it runs for long, and has no lease")
    return Verdict("running", since_ms)


def _judge_in_hand(
    story: Story, at_ms: int, limits: Limits, has_results: Container[str]
) -> Verdict:
    """Return what became of a job that is in no key."""
    since_ms = story.since_ms
    is_fresh = max(story.last_ms, story.eta_ms or 0) + limits.lost_ms >= at_ms
    if story.is_dropped:
        reason = "it was taken out of its last key before it ended"
        return Verdict("in hand" if is_fresh else "lost", since_ms, reason)
    if story.is_acked and story.is_unkept:
        # Nothing more will be heard of it, however long one waits.
        reason = "it was acknowledged, and its result is not kept: done, or begun"
        return Verdict("taken", since_ms, reason)
    if is_fresh:
        return Verdict("in hand", since_ms, "whoever took it has the only copy")
    is_kept = not story.is_acked or story.schema.name in has_results
    if is_kept and story.schema.has_acks:
        reason = "it was taken, and is in no key; nothing followed"
        return Verdict("lost", since_ms, reason)
    return Verdict("taken", since_ms, "its library keeps nothing of a running job")
