"""Facts: what a job's own key, a score, or a table of aliases says of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.jobs.elements import read_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from replay.jobs.moves import Move
    from replay.jobs.schema import Rule
    from replay.jobs.stories import Change, Story

_ALIASES_KEPT = 200_000
_SECOND_MS = 1000


class Aliases:
    """Other names of jobs, as hashes tell them; the oldest are forgotten first.

    Attributes:
        known: from another name to a job's id.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.known: dict[bytes, bytes] = {}

    def learn(self, rule: Rule, moves: Iterable[Move]) -> None:
        """Note down the aliases in what came to a hash, or leaves it."""
        if rule.kind != "alias" and not rule.has_aliases:
            return
        assert rule.read_id is not None
        for move in moves:
            if move.value is not None:
                job_id = rule.read_id(move.value, self.known)
                if job_id:
                    self.known[move.element] = job_id
        while len(self.known) > _ALIASES_KEPT:
            del self.known[next(iter(self.known))]


def take_score(story: Story, change: Change, rule: Rule, score: float) -> None:
    """Note down what a member's score says."""
    meaning, _, unit = rule.score.partition("_")
    at_ms = round(score * _SECOND_MS) if unit == "s" else round(score)
    if meaning == "deadline":
        change.has_lease = True
        story.lease_ms = at_ms
    elif meaning == "due":
        story.due_ms = at_ms


def read_fields(rule: Rule, value: object, moves: list[Move]) -> dict[str, bytes]:
    """Return what a job's own key says now, of the fields that the record wrote."""
    found: dict[str, bytes] = {}
    if rule.form == "hash":
        changed = {move.element: move.value for move in moves if move.delta >= 0}
        for name, field in rule.fields.items():
            content = changed.get(field.encode())
            if content is not None:
                found[name] = content
    elif rule.form == "json" and isinstance(value, bytes):
        for name, path in rule.fields.items():
            content = read_path(value, path.split("."))
            if content is not None:
                found[name] = content
    return found
