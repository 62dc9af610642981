"""Records: one atomic change of the keyspace, and who made it.

A record is a msgpack array of six:

    [seq, synced_seq, at_ms, db, effects, origin]

    seq         its number; the next record's is one higher, for ever
    synced_seq  the highest number known to be durable when this was written
    at_ms       milliseconds since the epoch; never less than the record before
    db          the database that the effects start in
    effects     [[command, argument, ...], ...]: all that is replayed, in order
    origin      for people: a client id where the command as given is effects[0]
                (or nothing is to be said), else [client id, command, note], the
                last two nil where they are missing. In a draft the note may be a
                number, which is written as a map: {"us": number}

Byte strings are msgpack bin, text in notes is msgpack str. What notes say is for those
who write and read them, but that a number in a list `queued` stands for an effect. A
record without effects only describes (a client, a script's source).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Note: TypeAlias = dict[str, Any]
"""What a record tells people besides its effects: a map with a "kind"."""

BEHIND = "behind"
"""The kind of a note that says nothing but what the wall clock said."""

MICROSECONDS = "us"
"""The field of a note that tells how long the server worked on what it is of."""

OriginWire: TypeAlias = "int | list[Any]"
"""An origin as `encode_origin` makes it and a draft carries it."""

Draft: TypeAlias = "tuple[int, int, Sequence[Sequence[bytes]], OriginWire]"
"""A record that has no number yet: (at_ms, db, effects, origin)."""

_ORIGIN_CACHE_MAX = 65_536
_PACKED: tuple[type[Any], ...] = (bytes, str, int, float, list, dict)


class Origin(NamedTuple):
    """Who caused a record, and by which command.

    Attributes:
        client_id: the connection's id; 0 for the server itself.
        command: the command as it was given, where the effects don't show it.
        note: more for people, a free-form map.
    """

    client_id: int
    command: list[bytes] | None = None
    note: Note | None = None


class Record(NamedTuple):
    """One record, as the module's head describes it."""

    seq: int
    synced_seq: int
    at_ms: int
    db: int
    effects: list[list[bytes]]
    origin: Origin

    @property
    def clock_ms(self) -> int:
        """What the wall clock said: less than `at_ms` where it had been set back.

        Deadlines are to be compared with this.
        """
        note = self.origin.note
        return self.at_ms if note is None else note.get("clock_ms", self.at_ms)


def encode_origin(
    client_id: int,
    command: Sequence[bytes] | None = None,
    note: Note | None = None,
) -> OriginWire:
    """Return an origin in the form that goes into a record."""
    if command is None and note is None:
        return client_id
    return [client_id, command, note]


def with_clock(wire: OriginWire, clock_ms: int) -> OriginWire:
    """Return an origin that tells what the wall clock said; see `Record.clock_ms`."""
    client_id, command, note = (wire, None, None) if isinstance(wire, int) else wire
    if note is None:
        note = {"kind": BEHIND}
    elif isinstance(note, int):
        note = {MICROSECONDS: note}
    return [client_id, command, {**note, "clock_ms": clock_ms}]


def decode_origin(wire: OriginWire, effects: Sequence[Sequence[bytes]] = ()) -> Origin:
    """Return the origin that `encode_origin` encoded.

    Args:
        wire: the origin.
        effects: those of the record, which a note may refer to.
    """
    if isinstance(wire, int):
        return Origin(wire)
    client_id, command, note = wire
    if note is not None and "queued" in note:
        note = dict(note)
        note["commands"] = [
            effects[item] if isinstance(item, int) else item
            for item in note.pop("queued")
        ]
    return Origin(client_id, command, note)


def record_packer() -> Callable[[object], bytes]:
    """Return a function that packs one list of a record's six parts.

    It keeps its buffer from call to call, which is why it is made once and why two
    threads must not share it.
    """
    return msgpack.Packer(
        use_bin_type=True,
        # Text that is not UTF-8 (a client's address on an odd file system, say) must
        # neither stop the log nor come back as something else.
        unicode_errors="surrogateescape",
        # A fifth of the time: a list is asked at once whether it is one, rather than
        # first whether it is of a class derived from msgpack's own.
        strict_types=True,
        default=_plain,
    ).pack


def _plain(value: object) -> object:
    """Return what is packed in place of a tuple, or of a value of a derived class.

    Raises:
        TypeError: msgpack has no form for it.
    """
    if isinstance(value, tuple):
        return list(value)
    for kind in _PACKED:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"a record cannot hold {value!r}")


def _unpack(payloads: Sequence[bytes]) -> list[Any]:
    """Return what lies packed in each payload.

    Raises:
        ValueError, msgpack.UnpackException: one is not packed, or holds more than one.
    """
    if len(payloads) == 1:
        return [msgpack.unpackb(payloads[0], unicode_errors="surrogateescape")]
    # One unpacker for all takes half the time of a call for each.
    unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", max_buffer_size=0)
    unpacker.feed(b"".join(payloads))
    unpacked = list(unpacker)
    if len(unpacked) != len(payloads):
        raise ValueError(f"{len(unpacked)} values in {len(payloads)} frames")
    return unpacked


class RecordDecoder:
    """Decodes payloads; keeps what many records share.

    Most records come from few clients, so an `Origin` is made once for each.
    """

    def __init__(self) -> None:
        self._origins: dict[int, Origin] = {}

    def decode(self, payload: bytes) -> Record:
        """Return the record in one payload.

        Raises:
            ValueError: the payload is not a record.
        """
        return self.decode_all((payload,))[0]

    def decode_all(self, payloads: Iterable[bytes]) -> list[Record]:
        """Return the records in payloads, in their order.

        Raises:
            ValueError: a payload is not a record.
        """
        origins = self._origins
        records: list[Record] = []
        add = records.append
        # tests/bench/bench_log.py: Record(...) costs twice what tuple.__new__ does.
        new = tuple.__new__
        try:
            for seq, synced_seq, at_ms, db, effects, wire in _unpack(list(payloads)):
                origin = origins.get(wire) if type(wire) is int else None
                if origin is None:
                    origin = self._make_origin(wire, effects)
                add(new(Record, (seq, synced_seq, at_ms, db, effects, origin)))
        except (
            TypeError,
            ValueError,
            IndexError,
            msgpack.UnpackException,
        ) as error:
            raise ValueError(f"not a record: {error}") from error
        return records

    def _make_origin(self, wire: OriginWire, effects: list[list[bytes]]) -> Origin:
        origin = decode_origin(wire, effects)
        if isinstance(wire, int) and len(self._origins) < _ORIGIN_CACHE_MAX:
            self._origins[wire] = origin
        return origin
