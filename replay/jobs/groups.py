"""Groups: streams whose entries are jobs, and what consumer groups do with them.

An entry waits until a group is given it; then it is pending with a consumer, and the
job runs; another consumer may claim it; once it is acknowledged, whatever it still
does in the stream, no group has it any more. What was passed over (a group that begins
behind it, `XGROUP SETID`) or trimmed before anybody had it is gone.

An effect on a stream names entries by their ids, but for what trims or removes more:
these are looked at just before it is applied, and just after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack

from joblog.app.types.stream_ids import format_id, parse_id
from joblog.app.types.streams import Stream
from joblog.replay.jobs.moves import Move, watch_effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from joblog.app.keyspace.database import Database
    from joblog.app.types.stream_groups import Pending
    from joblog.replay.jobs.known import Known
    from joblog.replay.jobs.moves import Finish
    from joblog.replay.jobs.schema import Rule
    from joblog.replay.jobs.stories import Home

ENTRY = "entry"
"""What a rule's form is whose elements are entries of a stream."""

CLAIMED = "claimed"
"""How an entry leaves a consumer for another."""

_FLAGS = frozenset((b"NOMKSTREAM", b"KEEPREF", b"DELREF", b"ACKED"))
_BOUNDS = frozenset((b"MAXLEN", b"MINID", b"LIMIT"))
_XCLAIM_IDS, _XACK_IDS, _XDEL_IDS = 5, 3, 2


class _Stand(NamedTuple):
    """How an entry stands: with whom, and how often it was given out; nobody: None."""

    consumer: bytes | None = None
    deliveries: int = 0


def watch(database: Database, argv: Sequence[bytes], known: Known) -> Finish:
    """Look at an effect, on a stream of jobs or any other key, as `watch_effect`."""
    of_stream = _watch_stream(database, argv, known)
    return of_stream or watch_effect(database, argv, known)


def _watch_stream(
    database: Database, argv: Sequence[bytes], known: Known
) -> Finish | None:
    """Look at an effect on streams of jobs that is about to be applied.

    Returns:
        A call that gives the moves, once it was applied; None for any other effect.
    """
    name = argv[0].upper()
    keys = [
        key
        for key, (_, meaning) in known.items()
        if meaning.rule.form == ENTRY
        and (name == b"XADD" or isinstance(database.values.get(key), Stream))
    ]
    if not keys:
        return None
    find = _IDS.get(name, _all_ids)
    concerned = {key: list(find(_stream(database, key), argv)) for key in keys}
    before = {key: _look(database, key, ids) for key, ids in concerned.items()}

    def finish() -> list[Move]:
        moves: list[Move] = []
        for key, ids in concerned.items():
            after = _look(database, key, ids)
            how = "removed" if key in database.values else "dropped"
            for each in ids:
                moves += _compare(key, each, before[key][each], after[each], how)
        return moves

    return finish


def all_entries(key: bytes, stream: Stream) -> list[Move]:
    """Return the moves that would make a stream of none what it is."""
    moves: list[Move] = []
    for entry_id in _all_ids(stream, ()):
        stand, value = _look_at(stream, entry_id)
        if stand is not None:
            element, is_pending = format_id(entry_id), stand.consumer is not None
            moves.append(Move(key, element, 1, "added", None, value, is_pending))
    return moves


def standing_of(rule: Rule, move: Move, home: Home) -> tuple[Rule, Home]:
    """Return the rule that counts for an element, and where it lies by that.

    What is pending lies in a place of its own, beside what waits in the same key.
    """
    if move.is_pending and rule.pending is not None:
        return rule.pending, (~home[0], home[1])
    return rule, home


def database_of(home: Home) -> int:
    """Return the number of the database in which a place is."""
    return home[0] if home[0] >= 0 else ~home[0]


_Looked = tuple[_Stand | None, bytes | None]


def _stream(database: Database, key: bytes) -> Stream:
    value = database.values.get(key)
    return value if isinstance(value, Stream) else Stream()


def _look(database: Database, key: bytes, ids: Iterable[int]) -> dict[int, _Looked]:
    stream = _stream(database, key)
    return {each: _look_at(stream, each) for each in ids}


def _look_at(stream: Stream, entry_id: int) -> _Looked:
    """Return how an entry stands, None where no group will have it; and its fields."""
    fields = stream.get(entry_id)
    value = None
    if fields is not None:
        names = [name.decode("utf-8", "replace") for name in fields[::2]]
        value = msgpack.packb(dict(zip(names, fields[1::2], strict=True)))
    for group in stream.groups.values():
        pending: Pending | None = group.pending.entries.get(entry_id)
        if pending is not None:
            return _Stand(pending.consumer.name, pending.deliveries), value
    is_new = not stream.groups or any(
        group.last_id < entry_id for group in stream.groups.values()
    )
    return (_Stand() if is_new and fields is not None else None), value


def _compare(
    key: bytes, entry_id: int, old: _Looked, new: _Looked, how: str
) -> list[Move]:
    (before, was), (after, value) = old, new
    if before == after:
        return []
    if before is not None and after is not None:
        # A consumer that has it may say so again, to keep it.
        if before.consumer == after.consumer and after.deliveries <= before.deliveries:
            return []
        how = "popped" if before.consumer is None else CLAIMED
    element, moves = format_id(entry_id), []
    if before is not None:
        is_pending = before.consumer is not None
        moves.append(Move(key, element, -1, how, None, was, is_pending))
    if after is not None:
        is_pending = after.consumer is not None
        moves.append(Move(key, element, 1, "added", None, value or was, is_pending))
    return moves


# --- which entries an effect is about -------------------------------------------------


def _parsed(words: Iterable[bytes]) -> list[int]:
    ids: list[int] = []
    for word in words:
        found = parse_id(word)
        if found is None:
            break
        ids.append(found)
    return ids


def _all_ids(stream: Stream, _: Sequence[bytes]) -> list[int]:
    ids = {entry_id for entry_id, _ in stream.between()}
    for group in stream.groups.values():
        ids |= group.pending.entries.keys()
    return sorted(ids)


def _added(stream: Stream, argv: Sequence[bytes]) -> list[int]:
    start = 2
    while (word := argv[start].upper()) in _FLAGS or word in _BOUNDS:
        start += 1
        if word in _BOUNDS:
            start += 2 if argv[start] in {b"=", b"~"} else 1
    # What is trimmed counts with the new entry, which is the last that stays.
    return [*_trimmed(stream, argv[:start], 1), *_parsed(argv[start : start + 1])]


def _trimmed(stream: Stream, argv: Sequence[bytes], more: int = 0) -> list[int]:
    words = [word.upper() for word in argv]
    for kind in (b"MAXLEN", b"MINID"):
        if kind not in words:
            continue
        bound = next(
            word for word in argv[words.index(kind) + 1 :] if word[:1].isdigit()
        )
        if kind == b"MINID":
            least = parse_id(bound) or 0
            return [each for each, _ in stream.between(0, least - 1)]
        count = stream.length + more - int(bound)
        return [each for each, _ in stream.between(count=count)] if count > 0 else []
    return []


def _of_group(stream: Stream, argv: Sequence[bytes]) -> list[int]:
    """Return the entries that an XGROUP is about: those that a group passes or had."""
    group = stream.groups.get(argv[3]) if len(argv) > _XACK_IDS else None
    match argv[1].upper():
        case b"CREATE" if not stream.groups:
            return [each for each, _ in stream.between()]
        case b"SETID" if group is not None:
            to = stream.last_id if argv[4] == b"$" else parse_id(argv[4]) or 0
            ends = sorted((group.last_id, to))
            return [each for each, _ in stream.between(*ends)]
        case b"DESTROY" | b"DELCONSUMER":
            return _all_ids(stream, ())
    return []


_IDS: dict[bytes, Callable[[Stream, Sequence[bytes]], Iterable[int]]] = {
    b"XADD": _added,
    b"XCLAIM": lambda _, argv: _parsed(argv[_XCLAIM_IDS:]),
    b"XACK": lambda _, argv: _parsed(argv[_XACK_IDS:]),
    b"XDEL": lambda _, argv: _parsed(argv[_XDEL_IDS:]),
    b"XTRIM": _trimmed,
    b"XGROUP": _of_group,
    b"XSETID": lambda *_: (),
}
