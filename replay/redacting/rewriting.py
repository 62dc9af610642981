"""Records and values without what had to go.

Of keys, every effect is left out (see `flows`). Of a job, its keys go, and what carried
it (a list's element, a field's value, the call of a script) has tokens around its id;
what happened to it stays to be told. Of a text, every place has a token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgpack

from joblog.replay.redacting.flows import FlowError, keys_of, without_keys
from joblog.replay.redacting.payloads import encode_as_long
from joblog.replay.redacting.selection import has_word
from joblog.storage.errors import StorageError
from joblog.storage.redaction import Subject, name_digest

if TYPE_CHECKING:
    from joblog.replay.redacting.selection import Selection
    from joblog.replay.redacting.tokens import Tokens

_FIELD_COMMANDS = frozenset({b"HSET", b"HMSET", b"HSETNX"})
_ENTRY_ID = re.compile(rb"[0-9]+-[0-9]+")


class Rewriter:
    """Rewrites the records of one segment after the other."""

    def __init__(
        self, selection: Selection, tokens: Tokens, redaction_id: bytes
    ) -> None:
        """Begin with the first segment.

        Args:
            selection: what has to go.
            tokens: what takes its place.
            redaction_id: see `Redaction`.
        """
        self.selection = selection
        self._tokens = tokens
        self._id = redaction_id
        self._pieces = selection.pieces
        self._seen: dict[tuple[str, bytes], list[int]] = {}

    def subjects(self) -> tuple[Subject, ...]:
        """Return what the records since the last call were changed for."""
        found = tuple(
            Subject(kind, name_digest(self._id, kind, name), first, last)
            for (kind, name), (first, last) in sorted(self._seen.items())
        )
        self._seen.clear()
        return found

    # --- records ------------------------------------------------------------------

    def rewrite(self, payload: bytes) -> bytes | None:
        """Return the payload that takes the place of a record's; None for the same.

        Raises:
            StorageError: what a key held went into others, which are not named.
        """
        if not any(piece in payload for piece in self._pieces):
            return None
        parts = msgpack.unpackb(payload, unicode_errors="surrogateescape")
        seq, _, _, _, effects, wire = parts
        try:
            kept = self._without_keys(seq, effects)
        except FlowError as error:
            others = ", ".join(key.decode("utf-8", "replace") for key in error.keys)
            raise StorageError(
                f"seq {seq}: {error.name.decode()} made other keys of what is to be "
                f"redacted: {others}; name these too (--key), or nothing is redacted"
            ) from error
        if kept != effects or self._names_key(wire):
            wire = _bare(wire)
        other = [*parts[:4], *self._substitute(seq, [kept, wire])]
        if other == parts:
            return None
        return encode_as_long(other, len(payload))

    def _without_keys(self, seq: int, effects: list[list[bytes]]) -> list[list[bytes]]:
        if not self.selection.keys and not self.selection.jobs:
            return effects
        found = []
        for argv in effects:
            left = without_keys(argv, self.selection.has_key)
            if left is not argv:
                for key in filter(self.selection.has_key, keys_of(argv)):
                    self._see(seq, "key", key)
                    self._see_bytes(seq, key)
            if left is not None:
                found.append(left)
        return found

    def _names_key(self, wire: Any) -> bool:
        """Tell whether a call as it was given, or a transaction, names a key."""
        if isinstance(wire, int):
            return False
        _, command, note = wire
        note = note or {}
        lists = [command or [], *note.get("queued", []), *note.get("commands", [])]
        has_key = self.selection.has_key
        return any(
            isinstance(words, list) and any(map(has_key, words[1:])) for words in lists
        )

    def _see(self, seq: int, kind: str, name: bytes) -> None:
        span = self._seen.setdefault((kind, name), [seq, seq])
        span[1] = seq

    # --- bytes --------------------------------------------------------------------

    def _substitute(self, seq: int, parts: list[Any]) -> list[Any]:
        """Return effects and origin with tokens in them."""
        effects, wire = parts
        found = []
        for argv in effects:
            words = self._replace_words(argv)
            if words != argv:
                self._see_bytes(seq, *argv)
                for key in keys_of(argv):
                    if key not in words:
                        self._see(seq, "key", key)
            found.append(words)
        origin = self.replace_deep(wire)
        if origin != wire:
            packed: bytes = msgpack.packb(wire, unicode_errors="surrogateescape")
            self._see_bytes(seq, packed)
        return [found, origin]

    def _see_bytes(self, seq: int, *words: bytes) -> None:
        for text in self.selection.texts:
            if any(text in word for word in words):
                self._see(seq, "text", text)
        for job in self.selection.jobs:
            if any(job in word for word in words):
                self._see(seq, "job", job)

    def replace_deep(self, value: Any) -> Any:
        """Return a value of a note, or whatever is in it, with tokens in it."""
        if isinstance(value, bytes):
            return self.replace(value)
        if isinstance(value, str):
            data = value.encode("utf-8", "surrogateescape")
            other = self.replace(data)
            return value if other == data else other.decode("ascii", "replace")
        if isinstance(value, list):
            return list(map(self.replace_deep, value))
        if isinstance(value, dict):
            return {name: self.replace_deep(each) for name, each in value.items()}
        return value

    def _replace_words(self, argv: list[bytes]) -> list[bytes]:
        """Return an effect with tokens in its arguments."""
        name = argv[0].upper()
        found = [argv[0], *map(self.replace, argv[1:])]
        if name in _FIELD_COMMANDS:
            return found[:2] + self.replace_fields(argv[2:])
        if name == b"XADD":
            start = _entry_start(argv)
            return found[:start] + self.replace_entry(argv[start:])
        return found

    def replace_fields(self, pairs: list[bytes]) -> list[bytes]:
        """Return a hash's fields and values with tokens in them.

        What stands in a field that is named as a job carries the job.
        """
        found = list(map(self.replace, pairs))
        for at in range(0, len(pairs) - 1, 2):
            if pairs[at] in self.selection.jobs:
                found[at + 1] = self._tokens.of(pairs[at + 1])
        return found

    def replace_entry(self, pairs: list[bytes]) -> list[bytes]:
        """Return the fields and values of a stream's entry with tokens in them.

        Where one of the values is a job's id, the others carry the job.
        """
        found = list(map(self.replace, pairs))
        jobs = self.selection.jobs
        if any(value in jobs for value in pairs[1::2]):
            found[1::2] = [
                value if value in jobs else self._tokens.of(value)
                for value in pairs[1::2]
            ]
        return found

    def replace(self, data: bytes) -> bytes:
        """Return bytes with tokens in them; the same where nothing is to go."""
        for text in self.selection.texts:
            if text in data:
                data = data.replace(text, self._tokens.of(text))
        for job in self.selection.jobs:
            if data != job and has_word(data, job):
                data = self._tokens.of(data, (job,) * data.count(job))
        return data


def _bare(wire: Any) -> Any:
    """Return an origin that says who, and nothing of what."""
    if isinstance(wire, int):
        return wire
    client_id, _, note = wire
    clock_ms = (note or {}).get("clock_ms")
    return client_id if clock_ms is None else [client_id, None, {"clock_ms": clock_ms}]


def _entry_start(argv: list[bytes]) -> int:
    """Return where the fields of an XADD's entry begin."""
    for at, word in enumerate(argv[2:], 2):
        if _ENTRY_ID.fullmatch(word) and (len(argv) - at) % 2:
            return at + 1
    return len(argv)
