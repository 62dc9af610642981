r"""What replicas are sent for a record: its effects, as Redis propagates them.

    one command in database 0     the command
    several                       MULTI, the commands, EXEC
    in another database           SELECT n, ..., SELECT 0
    a note `stream`               its commands: they change nothing
    no effects                    nothing

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

STREAM_FORMAT: Final = 1
"""Stands in the notes of a history; one of another number cannot be gone on with."""

_MULTI: Final = encode_bulks([b"MULTI"])
_EXEC: Final = encode_bulks([b"EXEC"])
_SELECT: Final = b"SELECT"


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
    is_many = len(effects) > 1
    if is_many:
        pieces.append(_MULTI)
    for argv in effects:
        pieces.append(encode_bulks(argv))
        if len(argv) == 2 and argv[0].upper() == _SELECT:  # noqa: PLR2004 - a database
            db = int(argv[1])
    if is_many:
        pieces.append(_EXEC)
    if db:
        pieces.append(_select(0))
    return b"".join(pieces)


def _select(db: int) -> bytes:
    return encode_bulks([_SELECT, b"%d" % db])
