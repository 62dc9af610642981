"""The schemas that come with the tool, those that users add, and which a log is of."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app.history.touched import changed_keys
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.schema import Schema, SchemaError
from joblog.replay.jobs.schema_files import read_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

GENERIC = "generic"
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
            names = ", ".join([*shipped_schemas(), GENERIC])
            raise SchemaError(f"{word}: no file, and no schema; there are {names}")
    return found


def detect_schemas(
    index: LogIndex, schemas: Iterable[Schema] | None = None
) -> list[Schema]:
    """Return the schemas that a log is of, that of most keys first.

    Of a long log the ends are looked at, and three places between. Where no schema is
    found it is the generic one.

    Args:
        index: the log's index.
        schemas: which to choose from; by default those that come with the tool.
    """
    spans = _looked_at(index.first_seq, index.last_seq)
    found = chain.from_iterable(index.records(low, high) for low, high in spans)
    return detect_in_records(found, schemas)


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
