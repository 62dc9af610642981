"""What each job of a tour lived, as `replay` has to tell it (tests/clients/tours.py).

For each story: the verdict an hour after the tour, what its reason has, some of its
steps, and how often it was delivered (None where that may differ from run to run).
Where it depends on the moment at which a library looks, several are right; the tour
that was recorded has the first of them.
"""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """What is told of one story."""

    word: str
    reason: str = ""
    kinds: tuple[str, ...] = ()
    deliveries: int | None = None


DONE = Told("done", "", ("enqueued", "taken", "done"), 1)
ACKED = ("enqueued", "taken", "acknowledged")
UNKEPT = Told("taken", "its result is not kept", ACKED, 1)
TWICE = ("taken", "retried", "taken", "retried", "taken")
ANEW = "enqueued anew after it was done"

ARQ = Told("done", "", ("taken", "done"), 1)
MEMBER = Told("done", "", ("held back", "taken", "done"), 1)
POPPED = Told("taken", "keeps nothing", ("enqueued", "taken"), 1)
LATER = ("scheduled", "enqueued again", "taken")
HUEY = {
    "plain": DONE,
    "retried": Told("done", "after 3", ("taken", "enqueued again", "done"), 3),
    "failed": Told("failed", "this job always fails", ("failed",), 2),
    "silent": Told("taken", "keeps nothing", ("enqueued", "taken"), 1),
    "limited": Told("done", "after 2", ("put off", "due", "taken", "done"), 2),
    "later": Told("done", "", ("enqueued", "taken", "done"), None),
    "revoked": Told("taken", "keeps nothing", ("enqueued", "taken"), 1),
    "killed": Told("taken", "keeps nothing", ("enqueued", "taken"), 1),
}


def seen(told: Told, *words: str) -> tuple[Told, ...]:
    """Return what is told of a job of Sidekiq's, and where its process told of it, too.

    It does so every few seconds, as long as it lives.
    """
    others = [told._replace(word=word, reason="") for word in ("done", *words)]
    return told, *others


TOURS: dict[str, dict[str, Told | tuple[Told, ...]]] = {
    "celery": {
        "plain": DONE,
        "unkept": UNKEPT,
        "unkept late": UNKEPT,
        "unkept by call": UNKEPT,
        "late": Told("done", "", ("taken", "done", "acknowledged"), 1),
        "retried": Told("done", "after 3 deliveries", (*TWICE, "done"), 3),
        "retried late": Told("done", "after 3 deliveries", (*TWICE, "done"), 3),
        "retried at once": Told("done", "after 3 deliveries", (*TWICE, "done"), 3),
        "retried in vain": Told("failed", "failure 3 of 9", (*TWICE, "failed"), 3),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "ignored": DONE,
        "rejected": Told("failed", "Reject: no more", ("taken", "failed"), 1),
        "slow": Told("failed", "TimeLimitExceeded: 1", ("taken", "failed"), 1),
        "unknown": Told("failed", "NotRegistered: celery", ("taken", "failed"), 1),
        "expired": Told("cancelled", "Revoked", ("taken", "cancelled"), 1),
        "urgent": DONE,
        "countdown": DONE,
        "revoked": DONE,
        "revoked later": Told("cancelled", "TaskRevokedError: revoked"),
        "chain": DONE,
        "chain's end": DONE,
        "chord": DONE,
        "group 1": DONE,
        "group 2": DONE,
        "killed": Told("stuck", "runs for long", ("enqueued", "taken"), 1),
        "far": Told("stuck", "runs for long", ("enqueued", "taken"), 1),
    },
    "rq": {
        "plain": DONE,
        "retried": Told("done", "after 3", (*TWICE, "done"), 3),
        "retried later": Told("done", "after 2", ("put off", "due", "taken"), 2),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "unkept": DONE,
        "expired": Told("done", "", ("enqueued", "taken", "done", "forgotten"), 1),
        "failure unkept": Told("failed", "always fails", ("taken", "failed"), 1),
        "repeated": Told("done", "", ("repeated", "taken", "repeated", "done"), 3),
        "repeated later": Told("done", "", ("repeated", "due", "taken", "done"), 2),
        "scheduled": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "cancelled": Told("cancelled", "", ("enqueued", "cancelled"), 0),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "limited 1": Told("done", "", ("held back", "released", "taken", "done"), 1),
        "limited 2": Told("done", "", ("held back", "released", "taken", "done"), 1),
        "limited 3": Told("failed", "", ("held back", "released", "failed"), 1),
        "dependent": Told("done", "", ("held back", "released", "taken", "done"), 1),
        "never": Told("blocked", "", ("held back",), 0),
        "emptied": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "emptied too": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "queue deleted": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "popped by hand": Told("lost", "in no key", ("enqueued", "taken"), 1),
        "let through": Told("waiting", "", ("held back", "released"), 0),
        "held back": Told("blocked", "", ("held back",), 0),
        "waiting": Told("waiting", "", ("enqueued",), 0),
        "enqueued anew": Told("delivered twice", ANEW, ("done", "enqueued again"), 2),
        "pushed by hand": Told("delivered twice", ANEW, ("done", "enqueued again"), 2),
        "parent": Told("delivered twice", ANEW, ("done", "enqueued again"), 2),
        "child": Told("done", "", ("taken", "done"), None),
        "requeued": Told("done", "after 2", ("failed", "enqueued again", "done"), 2),
        "stopped": Told("failed", "stopped by user", ("taken", "failed"), 1),
        "killed": Told("stuck", "lease ran out", ("taken", "lease"), 1),
    },
    "huey": {
        f"{name}: {story}": told
        for name in ("plain", "expiring", "urgent", "both")
        for story, told in HUEY.items()
    }
    | {"result expired": DONE},
    "arq": {
        "plain": ARQ,
        "named": ARQ,
        "retried": Told("done", "after 3", ("put off", "taken", "done"), 3),
        "retried in vain": Told("failed", "max 3 retries exceeded", ("failed",), None),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "unkept": ARQ,
        "unknown": Told("failed", "function 'nobody' not found", (), None),
        "deferred": Told("done", "", ("scheduled", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "expired": Told("failed", "job expired", (), None),
        "other": ARQ,
        "held": ARQ,
        "killed": Told("stuck", "lease ran out", ("taken",), 1),
        "tick": Told("done", "", ("scheduled", "taken", "done"), 1),
    },
    "saq": {
        "plain": DONE,
        "named": Told("done", "", ("done", "enqueued again", "taken", "done"), 1),
        "retried": Told("done", "after 3 deliveries", (*TWICE, "done"), 3),
        "retried later": Told("done", "after 3", ("put off", "due", "done"), 3),
        "retried in vain": Told("failed", "failure 3 of 9", (*TWICE, "failed"), 3),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "unkept": DONE,
        "expired": DONE,
        "scheduled": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "aborted": Told("cancelled", "", ("enqueued", "cancelled"), 0),
        "too slow": Told("failed", "TimeoutError", ("taken", "failed"), 1),
        "unknown": Told("failed", "TypeError", ("taken", "failed"), 1),
        "other": DONE,
        "aborted in work": Told("cancelled", "", ("taken", "cancelled"), 1),
        "swept": Told("cancelled", "", ("taken", "cancelled"), 1),
        "swept and retried": Told("done", "after 2", ("cancelled", "taken", "done"), 2),
        "killed": Told("stuck", "runs for long", ("enqueued", "taken"), 1),
        "tick": Told("stuck", "it is due", ("scheduled", "due", "taken", "done"), None),
    },
    "dramatiq": {
        "plain": DONE,
        "unkept": DONE,
        "expired": DONE,
        "failed": Told("failed", "", ("taken", "failed"), 1),
        "retried": Told("done", "after 3", ("put off", "due", "taken", "done"), 3),
        "retried in vain": Told("failed", "failure", ("put off", "due", "failed"), 3),
        "rejected": Told("failed", "", ("taken", "failed"), 1),
        "too slow": Told("failed", "", ("taken", "failed"), 1),
        "delayed": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "aged": Told("failed", "", ("taken", "failed"), 1),
        "limited 1": Told("done", "", ("taken", "done"), None),
        "limited 2": Told("done", "", ("taken", "done"), None),
        "pipeline": DONE,
        "pipeline's end": DONE,
        "group 1": DONE,
        "group 2": DONE,
        "callback": DONE,
        "killed": Told("stuck", "runs for long", ("enqueued", "taken"), 1),
    },
    "taskiq": {
        "plain": DONE,
        "retried": Told("done", "after 3 deliveries", (*TWICE, "done"), 3),
        "retried in vain": Told("failed", "failure 3 of 9", (*TWICE, "failed"), 3),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "deleted": Told("deleted", "", ("enqueued", "deleted"), 0),
        "waiting": Told("waiting", "", ("enqueued",), 0),
        "passed over": Told("deleted", "", ("enqueued", "deleted"), 0),
        "taken back": Told("done", "taken back", ("taken", "taken", "done"), None),
        "killed": Told("stuck", "runs for long", ("enqueued", "taken"), 1),
    },
    "sidekiq": {
        "plain": seen(POPPED),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "dropped": POPPED,
        "not retried": POPPED,
        "retried": seen(Told("taken", "", ("put off", "due", "taken"), 2)),
        "retried in vain": Told("failed", "this job always fails", ("failed",), 2),
        "delayed": seen(Told("taken", "", ("scheduled", "due", "taken"), 1)),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "deleted": Told("deleted", "", ("enqueued", "deleted"), 0),
        "cleared": Told("deleted", "", ("enqueued", "deleted"), 0),
        "waiting": Told("waiting", "", ("enqueued",), 0),
        "unscheduled": Told("deleted", "", ("scheduled", "deleted"), 0),
        "bulk 1": seen(POPPED),
        "bulk 2": seen(POPPED),
        "put to work by hand": seen(Told("taken", "", ("failed", "enqueued again"), 2)),
        "due by hand": seen(Told("taken", "", LATER, 1)),
        "given back": seen(Told("taken", "", ("taken", "taken"), 2), "stuck"),
        "killed": seen(POPPED, "stuck"),
    },
    "bullmq": {
        "plain": DONE,
        # One script moves a job that is due and takes it, if a worker looks just then.
        "retried": Told("done", "after 3", ("put off", "taken", "done"), 3),
        "retried at once": Told("done", "after 2", ("retried", "taken", "done"), 2),
        "retried in vain": Told("failed", "always fails", ("put off", "failed"), 3),
        "unrecoverable": Told("failed", "no use to try again", ("failed",), 1),
        "delayed": Told("done", "", ("scheduled", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "urgent": DONE,
        "unkept": DONE,
        "failure unkept": Told("failed", "this job always fails", ("failed",), 1),
        "named": Told("done", "", ("done", "enqueued again", "taken", "done"), 1),
        "stepped": Told("done", "after 2", ("put off", "taken", "done"), 2),
        "slow": Told("done", "", ("taken", "lease", "done"), 1),
        "removed": Told("deleted", "", ("scheduled", "deleted"), 0),
        "promoted": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "held together": Told("done", "", ("scheduled", "taken", "done"), 1),
        "parent": Told("done", "", ("held back", "taken", "done"), 1),
        "child": DONE,
        "parent of a failure": Told("failed", "child bull:jobs:", ("held back",), 1),
        "failed child": Told("failed", "this job always fails", ("failed",), 1),
        "parent in spite of a failure": Told("done", "", ("held back", "done"), 1),
        "parent that waits": Told("blocked", "", ("held back",), 0),
        "run again": Told("delivered twice", ANEW, ("done", "enqueued again"), 2),
        "tick": Told("done", "", ("taken", "done"), 1),
        "slow tick": Told("done", "", ("taken", "lease", "done"), 1),
        "failed tick": Told("failed", "this job always fails", ("failed",), 1),
        "limited 1": DONE,
        "limited 2": DONE,
        "limited 3": DONE,
        "drained": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "obliterated": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "cleaned": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "paused": Told("waiting", "", ("enqueued",), 0),
    },
    "bull": {
        "plain": DONE,
        "retried": Told("done", "after 3", ("put off", "due", "taken", "done"), 3),
        "retried at once": Told("done", "after 2", ("retried", "taken", "done"), 2),
        "retried in vain": Told("failed", "always fails", ("put off", "failed"), 3),
        "discarded": Told("failed", "no use to try again", ("taken", "failed"), 1),
        "delayed": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "urgent": DONE,
        "last in": DONE,
        "unkept": DONE,
        "failure unkept": Told("failed", "always fails", ("taken", "failed"), 1),
        "named": Told("done", "", ("done", "enqueued again", "taken", "done"), 1),
        "noted": DONE,
        "slow": Told("done", "", ("taken", "lease", "done"), 1),
        "too slow": Told("failed", "timed out after 200", ("taken", "failed"), 1),
        "removed": Told("deleted", "", ("scheduled", "deleted"), 0),
        "promoted": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "mended": Told("done", "after 2", ("failed", "enqueued again", "done"), 2),
        "tick": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "limited 1": DONE,
        # A worker that took it in vain puts it off.
        "limited 2": Told("done", "", ("enqueued", "taken", "done")),
        "limited 3": Told("done", "", ("enqueued", "taken", "done")),
        "emptied": Told("deleted", "", ("enqueued", "deleted"), 0),
        "obliterated": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "cleaned": Told("deleted", "its own key", ("enqueued", "deleted"), 0),
        "paused": Told("waiting", "", ("enqueued",), 0),
    },
    "delancie": {
        "plain": DONE,
        "retried": Told("done", "after 2", ("put off", "due", "taken", "done"), 2),
        "failed": Told("failed", "this job always fails", ("taken", "failed"), 1),
        "redriven": Told("done", "after 2", ("failed", "enqueued again", "done"), 2),
        "scheduled": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "earlier": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "deleted": Told("deleted", "", ("enqueued", "deleted"), 0),
        "unique": DONE,
        "taken back": Told("done", "it was taken back", ("taken back", "taken"), 2),
        "taken back in vain": Told("failed", "", ("enqueued", "taken", "failed"), 1),
        "kept": Told("done", "", ("taken", "lease", "done"), 1),
        "limited 1": DONE,
        "limited 2": Told("done", "", ("held back", "released", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "killed": Told("stuck", "lease ran out", ("enqueued", "taken"), 1),
        "waiting": Told("waiting", "", ("enqueued",), 0),
    },
    "asynq": {
        "plain": DONE,
        "unkept": DONE,
        "expired": DONE,
        "retried": Told("done", "after 3 deliveries", ("put off", "due", "done"), 3),
        "limited": Told("done", "after 3 deliveries", ("put off", "due", "done"), 3),
        "failed": Told("failed", "", ("put off", "taken", "failed"), 2),
        "skipped": Told("failed", "", ("taken", "failed"), 1),
        "revoked": DONE,
        "too slow": Told("failed", "", ("taken", "failed"), 1),
        "late": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "far": Told("scheduled", "", ("scheduled",), 0),
        "named": Told("done", "", ("done", "enqueued again", "taken", "done"), 1),
        "unique": DONE,
        "other": DONE,
        "member 1": MEMBER,
        "member 2": MEMBER,
        "member 3": MEMBER,
        "member alone": MEMBER,
        "deleted": Told("deleted", "", ("scheduled", "deleted"), 0),
        "archived": Told("failed", "", ("scheduled", "failed"), 0),
        "run now": Told("done", "", ("scheduled", "due", "taken", "done"), 1),
        "purged": Told("deleted", "", ("enqueued", "deleted"), 0),
        "queue deleted": Told("deleted", "", ("enqueued", "deleted"), 0),
        "waiting": Told("waiting", "", ("enqueued",), 0),
        "waiting member": Told("blocked", "", ("held back",), 0),
        "tick": DONE,
    },
}

# What the libraries' own words for a job's state are as verdicts.
BULLMQ_STATES = {
    "completed": "done",
    "failed": "failed",
    "waiting-children": "blocked",
    "waiting": "waiting",
}
BULL_STATES = {
    "completed": "done",
    "failed": "failed",
    "delayed": "scheduled",
    "paused": "waiting",
}
ASYNQ_STATES = {
    "completed": "done",
    "archived": "failed",
    "scheduled": "scheduled",
    "pending": "waiting",
    "aggregating": "blocked",
}
DELANCIE_STATES = {
    "done": "done",
    "dead": "failed",
    "scheduled": "scheduled",
    "pending": "waiting",
    "gone": "deleted",
}
SAQ_STATES = {"complete": "done", "failed": "failed", "aborted": "cancelled"}
CELERY_STATES = {"SUCCESS": "done", "FAILURE": "failed", "REVOKED": "cancelled"}
RQ_REGISTRIES = {
    "finished": "done",
    "failed": "failed",
    "canceled": "cancelled",
    "scheduled": "scheduled",
    "deferred": "blocked",
}
