"""Beginning: the jobs that there are at a moment, of whose past nothing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.types.streams import Stream
from joblog.replay.jobs.facts import learn_of_job
from joblog.replay.jobs.groups import ENTRY, all_entries
from joblog.replay.jobs.moves import all_moves
from joblog.replay.jobs.settling import STRONGEST
from joblog.replay.jobs.stories import Standing, job_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.keyspace.database import Database
    from joblog.replay.jobs.schema import Meaning, Schema
    from joblog.replay.jobs.tracker import Tracker
    from joblog.replay.keys.past import Past

_OF_ONE_JOB = frozenset(("job", "result", "mark"))


def begin_tracking(tracker: Tracker, past: Past, at_ms: int) -> None:
    """Let a tracker learn of the jobs that there are at the moment of a past.

    Nothing is known of how they came there; only of where they are, what their own keys
    say, and that it was so at a time. Before a log's first record there are none.

    Args:
        tracker: it knows no jobs yet.
        past: the moment.
        at_ms: a time at which it was so.
    """
    if not past.seq:
        return
    named = [
        (database, key, found)
        for database in past.databases
        for key, found in _take_places(tracker, database, past.seq)
    ]
    for database, key, found in named:
        # What guesses may know a lease's key only now, by the jobs in the places.
        known = found or tracker.known.meaning(key, b"")
        job_id = None if known is None else known[1].names.id
        if known is None or job_id is None:
            continue
        schema, meaning = known
        story = tracker.stories.get(job_name(schema, meaning, job_id))
        if story is not None:
            learn_of_job(story, schema, meaning.rule, database, key)
    for name, change in tracker.changes.items():
        assert change.before == ""
        story = tracker.stories[name]
        states = set(story.counts())
        states |= {rule.state for rule, _ in story.marks.values() if rule.state}
        story.state = next((each for each in STRONGEST if each in states), "")
        if story.state == "done":
            # It was so by then; who takes it again runs it twice.
            story.done_seq, story.is_done_told = past.seq, story.status == "done"
        story.since_ms = story.last_ms = at_ms
        story.is_since_known = False
        if story.state:
            story.standing = Standing(story.queue, story.state, past.seq)
            tracker.started[story.queue, story.state] += 1
    tracker.changes.clear()


def _take_places(
    tracker: Tracker, database: Database, seq: int
) -> Iterator[tuple[bytes, tuple[Schema, Meaning] | None]]:
    """Take in what lies in the places of a database.

    Yields:
        The keys that are named after a job, of which the places tell first, and what
        they mean; None for those of which that may be known later.
    """
    for key in database.values:
        found = tracker.known.meaning(key, b"")
        if found is None:
            if not tracker.known.is_fixed:
                yield key, None
            continue
        schema, meaning = found
        rule = meaning.rule
        if rule.kind in _OF_ONE_JOB:
            yield key, found
        elif rule.kind in {"place", "alias"}:
            _take_place(tracker, (schema, meaning), database, key, seq)


def _take_place(
    tracker: Tracker,
    found: tuple[Schema, Meaning],
    database: Database,
    key: bytes,
    seq: int,
) -> None:
    schema, meaning = found
    value = database.values[key]
    if meaning.rule.form == ENTRY and isinstance(value, Stream):
        moves = all_entries(key, value)
    else:
        moves = all_moves(database, key)
    tracker.aliases.learn(meaning.rule, moves)
    for move in moves:
        if meaning.rule.kind == "place":
            tracker.move(schema, meaning, (database.index, key), move, seq, None)
