"""Effects of fields that are set and have deadlines: HSET, and HPEXPIREAT behind it.

HSETEX would say it in one, but of the servers that know HPEXPIREAT some, such as Redis
7.4, do not know that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context
    from joblog.app.types.hashes import Hash


def record_fields(
    ctx: Context, key: bytes, table: Hash, fields: Sequence[bytes]
) -> None:
    """Record the values that fields of a hash have, and when they expire.

    Args:
        ctx: the context of the command.
        key: where the hash is.
        table: the hash.
        fields: fields that are there; one may come twice.
    """
    by_deadline: dict[int, list[bytes]] = {}
    words: list[bytes] = []
    for field in dict.fromkeys(fields):
        words += field, table[field]
        deadline_ms = table.deadline_ms(field)
        if deadline_ms is not None:
            by_deadline.setdefault(deadline_ms, []).append(field)
    ctx.record(b"HSET", key, *words)
    for deadline_ms, due in by_deadline.items():
        number = b"%d" % len(due)
        ctx.record(b"HPEXPIREAT", key, b"%d" % deadline_ms, b"FIELDS", number, *due)
