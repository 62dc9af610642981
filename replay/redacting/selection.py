"""What is to be redacted: keys, jobs and texts."""

from __future__ import annotations

import re
from typing import NamedTuple

TEXT_BYTES_MIN = 6
"""Shorter texts are in too much that has nothing to do with them."""


class Selection(NamedTuple):
    """What a redaction is about.

    Attributes:
        keys: keys, in every database, of which all that they ever held goes.
        jobs: ids; of each the keys with it in their names, and what it carried.
        texts: bytes that are replaced wherever they are in an argument.
    """

    keys: tuple[bytes, ...] = ()
    jobs: tuple[bytes, ...] = ()
    texts: tuple[bytes, ...] = ()

    @property
    def pieces(self) -> list[bytes]:
        """Bytes of which a record has at least one, where it is concerned."""
        return [*self.keys, *self.jobs, *self.texts]

    def has_key(self, key: bytes) -> bool:
        """Tell whether all that a key held is to go."""
        return key in self.keys or any(has_word(key, job) for job in self.jobs)

    def counts(self) -> dict[str, int]:
        """Return how much of what kind there is."""
        counts = {"keys": len(self.keys), "jobs": len(self.jobs)}
        counts["texts"] = len(self.texts)
        return {name: number for name, number in counts.items() if number}


def has_word(data: bytes, word: bytes) -> bool:
    """Tell whether a job's id stands in some bytes, and not within a longer one."""
    return word in data and _pattern(word).search(data) is not None


_PATTERNS: dict[bytes, re.Pattern[bytes]] = {}


def _pattern(word: bytes) -> re.Pattern[bytes]:
    found = _PATTERNS.get(word)
    if found is None:
        pattern = rb"(?<![A-Za-z0-9_-])" + re.escape(word) + rb"(?![A-Za-z0-9_-])"
        found = _PATTERNS[word] = re.compile(pattern)
    return found


def split_at(data: bytes, word: bytes) -> list[bytes]:
    """Return what is around a job's id in some bytes, in order."""
    return _pattern(word).split(data)
