"""Known keys: which of the keys that a record changes have to do with jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.history.touched import WHOLE_DATABASE_NAMES, changed_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.jobs.schema import Meaning, Schema
    from joblog.storage.record import Record

Known = dict[bytes, "tuple[Schema, Meaning]"]
"""Of the keys that one effect changes, those that a schema knows."""

_MEANINGS_KEPT = 20_000


class KnownKeys:
    """What keys mean by some schemas, for each command that writes them.

    Attributes:
        is_fixed: whether what a key means never depends on what came before.
    """

    def __init__(self, schemas: Sequence[Schema]) -> None:
        """Know nothing yet; of several schemas the first that knows a key counts."""
        self._schemas = schemas
        self.is_fixed = not any(schema.guesses for schema in schemas)
        self._meanings: dict[bytes, dict[bytes, tuple[Schema, Meaning] | None]] = {}

    def find(self, record: Record) -> list[Known] | None:
        """Return for each effect which of its keys a schema knows; None for no effect.

        Most keys come by several times, with the same few commands.
        """
        is_about_jobs = False
        of_effects: list[Known] = []
        for argv in record.effects:
            command = argv[0]
            meanings = self._meanings.get(command)
            if meanings is None:
                meanings = self._meanings[command] = {}
            known: Known = {}
            for key in changed_keys(argv):
                if key in meanings:
                    found = meanings[key]
                else:
                    if len(meanings) >= _MEANINGS_KEPT:
                        meanings.clear()
                    found = self.meaning(key, command)
                    if self.is_fixed:
                        meanings[key] = found
                if found is not None:
                    known[key] = found
                    is_about_jobs = True
            of_effects.append(known)
            if command in WHOLE_DATABASE_NAMES:
                is_about_jobs = True
        return of_effects if is_about_jobs else None

    def meaning(self, key: bytes, command: bytes) -> tuple[Schema, Meaning] | None:
        """Return what a key means, by the first schema that knows it; None for none.

        Args:
            key: the key.
            command: what writes it, b"" where that is not known.
        """
        for schema in self._schemas:
            meaning = schema.meaning(key, command)
            if meaning is not None:
                return schema, meaning
        return None
