"""The schemas that come with the tool, those that users add, and which a log is of."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app.moments import first_seq
from app.touched import changed_keys
from replay.jobs.generic import GenericSchema
from replay.jobs.schema import Schema, SchemaError, read_schema
from replay.scanning import read_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.filesystem import FileSystem
    from storage.record import Record

GENERIC = "generic"
_FOLDER = Path(__file__).resolve().parent.parent / "schemas"
_LOOKED_AT = 50_000


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
    folder: Path, filesystem: FileSystem, schemas: Iterable[Schema] | None = None
) -> list[Schema]:
    """Return the schemas that a log is of, that of most records first.

    The first and the last 50,000 records are looked at. Where none is found it is the
    generic one.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        schemas: which to choose from; by default those that come with the tool.
    """
    from storage.places import last_seq_hint  # noqa: PLC0415 - only where it is asked

    choice = list(shipped_schemas().values() if schemas is None else schemas)
    floor = first_seq(folder, filesystem)
    last = last_seq_hint(folder, filesystem=filesystem)
    spans = [(floor, floor + _LOOKED_AT - 1)]
    if last > floor + 2 * _LOOKED_AT:
        spans.append((last - _LOOKED_AT, last))
    count: Counter[str] = Counter()
    seen: set[bytes] = set()
    for low, high in spans:
        records = read_window(folder, filesystem, low, high)
        count += _count_keys(islice(records, _LOOKED_AT), choice, seen)
    found = [schema for schema in choice if count[schema.name]]
    found = [schema for schema in found if not count[schema.unless]]
    found.sort(key=lambda schema: -count[schema.name])
    return found or [GenericSchema()]


def _count_keys(
    records: Iterable[Record], schemas: list[Schema], seen: set[bytes]
) -> Counter[str]:
    count: Counter[str] = Counter()
    for record in records:
        for argv in record.effects:
            for key in changed_keys(argv):
                if key not in seen:
                    seen.add(key)
                    count.update(
                        schema.name for schema in schemas if schema.detects(key)
                    )
    return count
