"""Packing: stories, and all that a tracker knows, as values for msgpack.

What comes back is what went in, but that of the record of a story's last step only the
number, the time and the client are kept. Schemas and rules are kept by their numbers.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import chain
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, TypeAlias

import msgpack

from joblog.replay.jobs.stories import NOBODY, Standing, Step, Story
from joblog.storage.record import Origin, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import JobName
    from joblog.replay.jobs.tracker import Tracker

_PLAIN = (
    *("id", "queue", "state", "since_ms", "is_since_known", "is_in_hand", "is_moving"),
    *("is_dropped", "is_acked", "is_hollow", "was_gone", "facts", "status"),
    *("lease_ms", "due_ms", "eta_ms", "round", "is_unkept", "deliveries", "taker"),
    *("taken_seq", "times_taken_back", "enqueued_seq", "done_seq", "is_done_told"),
    *("enqueued_ms", "taken_ms", "ended_ms", "waited_ms", "first_seq", "last_seq"),
    *("last_ms", "number"),
)
_SETS = ("rounds", "former", "hands")
_plain_of, _sets_of = attrgetter(*_PLAIN), attrgetter(*_SETS)


_NO_NOTES: dict[str, bytes] = {}
"""One for all steps; nobody changes it."""

Ended: TypeAlias = "list[tuple[JobName, tuple[bytes, str, int] | None]]"
"""Jobs that were let go, in order, and where they stood."""


class Packer:
    """Packs stories, and unpacks them, by some schemas."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        """Take schemas that are the same whenever something is unpacked."""
        self._schemas = schemas
        self._numbers = {schema.name: n for n, schema in enumerate(schemas)}
        self._shared: dict[bytes, bytes] = {}

    def _share(self, text: bytes) -> bytes:
        """Return the same text, and for all that are equal one object."""
        return self._shared.setdefault(text, text)

    def pack_name(self, name: JobName) -> list[Any]:
        """Return which job it is."""
        return [self._numbers[name[0]], name[1], name[2]]

    def unpack_name(self, packed: Sequence[Any]) -> JobName:
        """Return which job was packed."""
        number, scope, job_id = packed
        return self._schemas[number].name, scope, job_id

    def unpack_ended(self, packed: Sequence[Any]) -> Ended:
        """Return the jobs of which a page says that they were let go."""
        schemas, share = [schema.name for schema in self._schemas], self._share
        names = (
            (schemas[number], share(scope), each) for number, scope, each in packed[0]
        )
        standings = (
            None if each is None else (share(each[0]), intern(each[1]), each[2])
            for each in packed[1]
        )
        return list(zip(names, standings, strict=True))

    def pack(self, name: JobName, story: Story) -> list[Any]:
        """Return a story."""
        code_of = story.schema.code_of
        last = story.last
        return [
            self.pack_name(name),
            _plain_of(story),
            [sorted(each) if each else () for each in _sets_of(story)],
            [(*home, code_of(rule), n) for home, (rule, n) in story.places.items()],
            [(*home, code_of(rule), ms) for home, (rule, ms) in story.marks.items()],
            list(story.doubles),
            None if last is None else _pack_step(last),
            story.standing,
        ]

    def unpack(self, packed: Sequence[Any]) -> tuple[JobName, Story]:
        """Return a story that was packed, and which job it is of."""
        wire_name, plain, sets, places, marks, doubles, last, standing = packed
        name = self.unpack_name(wire_name)
        schema = self._schemas[wire_name[0]]
        rule_of = schema.rule_of
        story = Story.__new__(Story)
        story.schema = schema
        for each, value in zip(_PLAIN, plain, strict=True):
            setattr(story, each, value)
        share = self._share
        story.queue, story.state = share(story.queue), intern(story.state)
        for each, value in zip(_SETS, sets, strict=True):
            setattr(story, each, frozenset(value) if value else NOBODY)
        story.places = {
            (db, share(key)): (rule_of(code), n) for db, key, code, n in places
        }
        story.marks = {(db, key): (rule_of(code), ms) for db, key, code, ms in marks}
        story.doubles = tuple(doubles)
        story.last = None if last is None else self._unpack_step(last)
        if standing is None:
            story.standing = None
        else:
            queue, state, seq = standing
            story.standing = Standing(share(queue), intern(state), seq)
        return name, story

    def _unpack_step(self, packed: Sequence[Any]) -> Step:
        kind, state, key, notes, lease_ms, due_ms, *more = packed
        problem, is_inferred, seq, at_ms, db, client_id = more
        record = Record(seq, 0, at_ms, db, [], Origin(client_id))
        key = self._share(key)
        words = intern(kind), intern(state), record, key, notes or _NO_NOTES
        return Step(*words, lease_ms, due_ms, intern(problem), is_inferred)

    def pack_tracker(self, tracker: Tracker) -> Iterator[bytes]:
        """Yield all that a tracker knows between two records, for msgpack, in pieces.

        Of the jobs that were let go only how many are known: pages have their names.
        """
        assert not tracker.changes
        packer = msgpack.Packer(unicode_errors="surrogateescape")
        rest = [
            len(tracker.ended.names),
            list(map(self.pack_name, tracker.ended.leaving)),
            list(tracker.aliases.known.items()),
            [sorted(tracker.has_results), tracker.count],
            [(*each, count) for each, count in tracker.started.items()],
            [schema.memory() for schema in self._schemas],
            [tracker.lives.since, list(tracker.lives.known.items())],
        ]
        yield packer.pack_array_header(1 + len(rest))
        yield packer.pack_array_header(len(tracker.stories))
        for each in tracker.stories.items():
            yield packer.pack(self.pack(*each))
        yield from map(packer.pack, rest)

    def unpack_tracker(
        self,
        tracker: Tracker,
        packed: Callable[[], msgpack.Unpacker],
        find_ended: Callable[[int], Iterator[Ended]],
    ) -> None:
        """Let a tracker know what was packed, and nothing else.

        It is unpacked a story at a time: all at once it takes as much as the stories.

        Args:
            tracker: it.
            packed: begins to unpack what `pack_tracker` gave.
            find_ended: gives the last so many jobs that were let go, in order.
        """
        rest = packed()
        rest.read_array_header()
        for _ in range(rest.read_array_header()):
            rest.skip()
        ended, leaving, aliases, counts, started, memories, lives = rest
        for schema, memory in zip(self._schemas, memories, strict=True):
            schema.remember(memory)
        stories = packed()
        stories.read_array_header()
        tracker.stories.clear()
        for _ in range(stories.read_array_header()):
            name, story = self.unpack(stories.unpack())
            tracker.stories[name] = story
        tracker.ended.remember(
            chain.from_iterable(find_ended(ended)), map(self.unpack_name, leaving)
        )
        tracker.aliases.known = OrderedDict(aliases)
        tracker.lives.since = lives[0]
        tracker.lives.known = OrderedDict((n, tuple(known)) for n, known in lives[1])
        tracker.has_results = set(counts[0])
        tracker.count = counts[1]
        tracker.started = Counter({(queue, state): n for queue, state, n in started})


def _pack_step(step: Step) -> list[Any]:
    record = step.record
    return [
        *(step.kind, step.state, step.key, step.notes),
        *(step.lease_ms, step.due_ms, step.problem, step.is_inferred),
        *(record.seq, record.at_ms, record.db, record.origin.client_id),
    ]
