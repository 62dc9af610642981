"""The schemas that come with the tool, those that users add, and which a log is of."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app.history.touched import changed_keys
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.schema import Schema, SchemaError
from joblog.replay.jobs.schema_files import find_schemas, read_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

GENERIC = "generic"
VARIABLE = "REPLAY_SCHEMA"
"""Schemas as --schema takes them, with colons between, as in PATH."""

_FOLDER = Path(__file__).resolve().parent.parent / "schemas"
_LOOKED_AT = 500
_PLACES = 5


@cache
def shipped_schemas() -> dict[str, Schema]:
    """Return the schemas that come with the tool, by name."""
    found = [read_schema(path) for path in sorted(_FOLDER.glob("*.toml"))]
    return {schema.name: schema for schema in found}


def load_schemas(wanted: Sequence[str]) -> list[Schema]:
    """Return schemas by what a user wrote: a name, a file, or a folder of files.

    Raises:
        SchemaError: there is none of that name, or one of the files is no schema.
    """
    found: list[Schema] = []
    for word in wanted:
        path = Path(word)
        if word == GENERIC:
            found.append(GenericSchema())
        elif word in shipped_schemas():
            found.append(shipped_schemas()[word])
        elif path.is_dir():
            files = sorted(path.glob("*.toml"))
            if not files:
                raise SchemaError(f"{path}: no *.toml file is in it")
            found += map(read_schema, files)
        elif path.is_file():
            found.append(read_schema(path))
        else:
            names = [*shipped_schemas(), GENERIC]
            near = difflib.get_close_matches(word, names, 1)
            meant = f": did you mean {near[0]}? There" if near else "; there"
            raise SchemaError(
                f"{word}: no file, and no schema{meant} are {', '.join(names)}"
            )
    return found


def detect_schemas(
    index: LogIndex, schemas: Iterable[Schema] | None = None
) -> list[Schema]:
    """Return the schemas that a log is of, that of most keys first.

    Where REPLAY_SCHEMA names some it is of those. Those that lie in the data folder
    count beside those that come with the tool, and in place of one of the same name;
    one that says nothing of `detect` always counts.

    Of a long log the ends are looked at, and three places between. Where no schema is
    found it is the generic one.

    Args:
        index: the log's index.
        schemas: which to choose from; by default all of these.

    Raises:
        SchemaError: one of the files is no schema.
    """
    own: list[Schema] = []
    if schemas is None:
        named = os.environ.get(VARIABLE, "")
        if named:
            return load_schemas(list(filter(None, named.split(os.pathsep))))
        local = find_schemas(index.folder)
        own = [schema for schema in local if not schema.detect]
        known = shipped_schemas() | {schema.name: schema for schema in local}
        schemas = [schema for schema in known.values() if schema not in own]
    detected = detect_in_records(look_at(index), schemas)
    if own and isinstance(detected[0], GenericSchema):
        return own
    return own + detected


def look_at(index: LogIndex) -> Iterator[Record]:
    """Yield the records of a log by which its schemas are detected."""
    for low, high in _looked_at(index.first_seq, index.last_seq):
        yield from index.records(low, high)


def detect_in_records(
    records: Iterable[Record], schemas: Iterable[Schema] | None = None
) -> list[Schema]:
    """Return the schemas that some records are of, that of most keys first."""
    choice = list(shipped_schemas().values() if schemas is None else schemas)
    count: Counter[str] = Counter()
    seen: set[bytes] = set()
    for record in records:
        for argv in record.effects:
            for key in changed_keys(argv):
                if key not in seen:
                    seen.add(key)
                    count.update(
                        schema.name for schema in choice if schema.detects(key)
                    )
    found = [schema for schema in choice if count[schema.name]]
    found = [schema for schema in found if not count[schema.unless]]
    found.sort(key=lambda schema: -count[schema.name])
    return found or [GenericSchema()]


def _looked_at(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of records that are looked at."""
    if last - first < _PLACES * _LOOKED_AT:
        yield first, last
        return
    step = (last - first - _LOOKED_AT) // (_PLACES - 1)
    for place in range(_PLACES):
        yield first + place * step, first + place * step + _LOOKED_AT
