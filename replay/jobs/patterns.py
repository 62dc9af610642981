"""Patterns: key names with holes.

    rq:queue:{queue}           a hole takes one byte or more, as few as it can
    asynq:{{{queue}}}:pending  doubled braces stand for one
    bull:{queue}:{*}:logs      {*} is a hole that nobody asks for

A pattern matches a key as a whole. Of several the first that matches counts, so the
narrower ones stand first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z_]+|\*)\}|[{}]|[^{}]+")


class PatternError(ValueError):
    """What was written is no pattern; the text says why."""


class Names(NamedTuple):
    """What a key's name tells.

    Attributes:
        queue: the queue's name, or None.
        id: the job's id, or None.
    """

    queue: bytes | None = None
    id: bytes | None = None


class Pattern:
    """One pattern, compiled.

    Attributes:
        text: as it was written.
        prefix: what every key that it matches starts with.
        holes: the names of its holes.
    """

    __slots__ = ("_match", "holes", "prefix", "text")

    def __init__(self, text: str) -> None:
        """Compile a pattern.

        Raises:
            PatternError: a brace has no partner, or a hole comes twice.
        """
        self.text = text
        self.holes: list[str] = []
        parts: list[bytes] = []
        self.prefix = b""
        is_literal = True
        for piece in _PIECE.finditer(text):
            word, hole = piece[0], piece[1]
            if hole is None:
                if word in {"{", "}"}:
                    raise PatternError(f"{text!r}: write {word * 2} for a brace")
                literal = word[:1] if word in {"{{", "}}"} else word
                parts.append(re.escape(literal.encode()))
                self.prefix += literal.encode() if is_literal else b""
                continue
            is_literal = False
            if hole == "*":
                parts.append(rb".+?")
                continue
            if hole in self.holes:
                raise PatternError(f"{text!r}: {{{hole}}} comes twice")
            self.holes.append(hole)
            parts.append(b"(?P<%s>.+?)" % hole.encode())
        self._match = re.compile(b"".join(parts), re.DOTALL).fullmatch

    @property
    def is_prefix(self) -> bool:
        """Whether it matches whatever begins with fixed letters."""
        return (
            not self.holes and self.text.endswith("{*}") and self.text.count("{*}") == 1
        )

    def match(self, key: bytes) -> Names | None:
        """Return what a key's name tells, None where it does not match."""
        if not key.startswith(self.prefix):
            return None
        found = self._match(key)
        if found is None:
            return None
        groups = found.groupdict()
        return Names(groups.get("queue"), groups.get("id"))
