r"""What replicas are sent for a record: its effects, as Redis propagates them.

    one command in database 0     the command
    several                       MULTI, the commands, EXEC
    in another database           SELECT n, ..., SELECT 0
    a note `stream`               its commands: they change nothing
    no effects                    nothing

What not every server of today knows is never within a MULTI (`YOUNG`): a replica that
lacks a command passes over that alone, and over the whole of a transaction with it.

Between two records database 0 is selected. So the bytes of a record depend on nothing
but that record, and an offset of the stream is a place in the log: where a replica goes
on can be found in it at any time. Whoever changes what is sent for a record has to
begin a new history (`STREAM_FORMAT`).

Source: Redis 7.0.15, whose stream needs no other database to be selected at its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.protocol.encoder import encode_bulks
from joblog.app.state.replicas import STREAM_KIND

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAM_FORMAT: Final = 2
"""Stands in the notes of a history; one of another number cannot be gone on with."""

_MULTI: Final = encode_bulks([b"MULTI"])
_EXEC: Final = encode_bulks([b"EXEC"])
_SELECT: Final = b"SELECT"

YOUNG: Final = {
    b"FUNCTION": "Redis 7.0",
    b"HPERSIST": "Redis 7.4 and Valkey 9.0",
    b"HPEXPIREAT": "Redis 7.4 and Valkey 9.0",
    b"XCFGSET": "Redis 8.6",
    b"XIDMPRECORD": "Redis 8.6",
}
"""Effects that replicas may not know, and since when servers do."""

_EVERYWHERE: Final = frozenset((_SELECT, b"FLUSHALL", b"FLUSHDB", b"SWAPDB"))
"""What comes behind these is of other databases, or of others' keys."""


def stream_of(db: int, effects: Sequence[Sequence[bytes]], origin: Any) -> bytes:
    """Return what replicas are sent for a record.

    Args:
        db: the database that the effects start in.
        effects: those of the record.
        origin: the record's, as it stands in the log.
    """
    if not effects:
        is_plain = isinstance(origin, int) or origin[2] is None
        return b"" if is_plain else _besides(origin[2])
    if not db and len(effects) == 1:
        return encode_bulks(effects[0])
    return _unit(db, effects)


def _besides(note: dict[str, Any]) -> bytes:
    if note.get("kind") != STREAM_KIND:
        return b""
    return b"".join(encode_bulks(argv) for argv in note["commands"])


def _unit(db: int, effects: Sequence[Sequence[bytes]]) -> bytes:
    pieces = [] if not db else [_select(db)]
    for part in _parts(effects):
        is_many = len(part) > 1
        if is_many:
            pieces.append(_MULTI)
        for argv in part:
            pieces.append(encode_bulks(argv))
            if len(argv) == 2 and argv[0].upper() == _SELECT:  # noqa: PLR2004 - a database
                db = int(argv[1])
        if is_many:
            pieces.append(_EXEC)
    if db:
        pieces.append(_select(0))
    return b"".join(pieces)


def _parts(effects: Sequence[Sequence[bytes]]) -> list[Sequence[Sequence[bytes]]]:
    """Return effects in parts, each of which replicas are to apply as a whole.

    What is young goes behind the others, each by itself; what comes later, and is of
    the same key, goes behind that.
    """
    names = [argv[0].upper() for argv in effects]
    if YOUNG.keys().isdisjoint(names):
        return [effects]
    parts: list[Sequence[Sequence[bytes]]] = []
    known: list[Sequence[bytes]] = []
    young: list[Sequence[bytes]] = []
    keys: set[bytes] = set()
    for name, argv in zip(names, effects, strict=True):
        if name in YOUNG:
            young.append(argv)
            keys.update(argv[1:2])
            continue
        if young and (name in _EVERYWHERE or not keys.isdisjoint(argv)):
            parts += [known, *([one] for one in young)]
            known, young = [], []
            keys.clear()
        known.append(argv)
    return [*parts, known, *([one] for one in young)]


def young_of(effects: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the names of a record's effects that not every replica knows."""
    return [name for argv in effects if (name := argv[0].upper()) in YOUNG]


def _select(db: int) -> bytes:
    return encode_bulks([_SELECT, b"%d" % db])
