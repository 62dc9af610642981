"""Belonging: which keys, and which elements of shared keys, are of a queue or a job.

A queue's keys are those whose names tell it, by a schema, and the keys of the jobs that
lie there or say that they are of it. Of a key that queues share (a register of all
queues, a hash of messages in work) only the elements that are of it are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from joblog.replay.jobs.schema import Meaning, Schema
    from joblog.replay.keys.values import Version

_NAMES: dict[bytes, bytes] = {}


class Belonging:
    """What is of the queues whose names match."""

    def __init__(
        self, schemas: Sequence[Schema], is_queue: Callable[[bytes], object]
    ) -> None:
        """Begin with no jobs known; `learn` finds them."""
        self._schemas = schemas
        self._is_queue = is_queue
        self._ids: set[bytes] = set()

    def learn(self, values: Iterable[tuple[bytes, Version]]) -> None:
        """Find the queues' jobs in values of keys."""
        for key, version in values:
            for schema in self._schemas:
                meaning = schema.meaning(key, _writer(version))
                if meaning is not None:
                    self._learn_one(meaning, version)
                    break

    def _learn_one(self, meaning: Meaning, version: Version) -> None:
        rule, names = meaning
        if names.id is not None and version.kind == "hash":
            field = rule.fields.get("queue", "").encode()
            queue = names.queue or version.data.get(field)
            if queue is not None and self._is_queue(queue):
                self._ids.add(names.id)
        elif names.queue is not None and self._is_queue(names.queue):
            self._ids.update(job_ids(meaning, version))
            if names.id is not None:
                self._ids.add(names.id)

    def has_key(self, key: bytes) -> bool:
        """Tell whether a key is of one of the queues, as a whole."""
        for schema in self._schemas:
            meaning = schema.meaning(key)
            if meaning is None:
                continue
            queue, job_id = meaning.names
            if queue is not None:
                return bool(self._is_queue(queue))
            if job_id is not None:
                return job_id in self._ids
        return False

    def mentions(self, key: bytes) -> Callable[[bytes], bool]:
        """Return what tells whether an element of a shared key is of the queues."""
        readers = [
            meaning.rule.read_id
            for schema in self._schemas
            if (meaning := schema.meaning(key)) and meaning.rule.read_id
        ]

        def is_of_it(word: bytes) -> bool:
            if word in self._ids or self.has_key(word) or self._is_queue(word):
                return True
            return any(read(word, _NAMES) in self._ids for read in readers)

        return is_of_it


def job_ids(meaning: Meaning, version: Version) -> Iterator[bytes]:
    """Yield the ids of the jobs that lie in a key, and of the one that it is about."""
    rule, names = meaning
    if rule.kind == "job" and names.id is not None:
        yield names.id
    elif rule.kind == "place" and rule.read_id is not None:
        for element in _elements(version, rule.part):
            job_id = rule.read_id(element, _NAMES)
            if job_id:
                yield job_id


def find_jobs(
    schemas: Sequence[Schema], values: Iterable[tuple[bytes, Version]]
) -> set[bytes]:
    """Return the ids of the jobs that values of keys hold or are about."""
    found: set[bytes] = set()
    for key, version in values:
        for schema in schemas:
            meaning = schema.meaning(key, _writer(version))
            if meaning is not None:
                found.update(job_ids(meaning, version))
                break
    return found


def _writer(version: Version) -> bytes:
    """Return a command that writes such values, for a schema that guesses."""
    return b"RPUSH" if version.kind == "list" else b""


def _elements(version: Version, part: str) -> Iterable[bytes]:
    match version.kind:
        case "list" | "set" | "zset":
            return version.data  # type: ignore[no-any-return]  # by the kind
        case "hash":
            pairs = version.data
            return pairs.values() if part == "value" else pairs  # type: ignore[no-any-return]  # by the kind
    return ()
