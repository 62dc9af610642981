"""HGETDEL: take fields out of a hash.

Source: Valkey 9.1; see tests/parity/test_hash_takes.py. Redis has it since 8.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.commands.hashes.arguments import (
    require_fields_keyword,
    require_number_of,
)
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash

if TYPE_CHECKING:
    from joblog.app.state.context import Context


@command(
    "HGETDEL",
    arity=-5,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW ACCESS DELETE"),
    effects=("HDEL",),
    group="hash",
    since="8.0.0",
    summary="Return the values of fields and remove the fields.",
    complexity="O(N) for N fields",
)
def hgetdel(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[bytes | None]:
    """Return the value of each field; None for one that is not there any more."""
    names = (field, *fields)
    require_fields_keyword(keyword)
    require_number_of(names, numfields)
    table = ctx.db.get(key, Hash)
    if table is None:
        return [None] * len(names)
    values, removed = [], []
    for name in names:
        values.append(table.get(name))
        if table.discard(name):
            removed.append(name)
    if removed:
        ctx.db.touch(key, b"hdel", len(removed))
        ctx.db.remove_if_empty(key, table)
        ctx.record(b"HDEL", key, *removed)
    return values
