"""Proofs: what the live server says of its memory, for a fold of the log to compare.

A digest of all keys would stop the server for some seconds a million keys. So a large
keyspace is proven a slice at a time: a *round* begins at each seal, and while it lasts
a slice of keys is looked at some ten times a second. What was found goes into the log
as a note in a record of its own, at the very place where it is true:

    {"kind": "proof", "round": r}                           a round begins
    {"kind": "proof", "db": d, "from": a, "to": b, "digest": 20 bytes}

The first fixes the order of all keys as it is then, in the live server and in a fold.
The others are the xor of the digests of those from place a to before b of database d
that are still there. A value of many elements is proven by a window of them, another
one in each round: no value is so large that it stops the server.

A keyspace that is small goes whole into the seal itself, by Redis's own digest.
"""

from __future__ import annotations

from hashlib import sha1
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app.engine.outbox import SERVER_ID
from joblog.app.keyspace.digest import DIGEST_BYTES, dataset_digest, held_digest
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double_shortest
from joblog.app.types.packed_values import Packed, opened
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.engine.outbox import Outbox
    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.context import Context
    from joblog.app.types.stream_nodes import Fields

SLICE_COST: Final = 200
"""A slice is over when so many keys, or elements of collections, were looked at."""

WINDOW: Final = 500
"""A value of more elements, or of as many KiB, is proven a window at a time."""

WHOLE_COST: Final = 1000
"""A keyspace of no more keys and elements is proven whole at a seal."""

_STRING_BYTES: Final = 1024
PROOF_KIND: Final = "proof"


def cost_of(value: Any) -> int:
    """Return how many elements a value counts as."""
    if type(value) is bytes:
        return 1 + len(value) // _STRING_BYTES
    if type(value) is Packed:
        return 1 + value.count()
    size: int = value.length if type(value) is Stream else len(value)
    return 1 + size


def whole_digest(keyspace: Keyspace) -> bytes:
    """Return the digest of all databases where they are small, else b""."""
    cost = 0
    for database in keyspace.databases:
        if len(database) > WHOLE_COST:
            return b""
        cost += sum(map(cost_of, database.values.values()))
    return dataset_digest(keyspace) if cost <= WHOLE_COST else b""


class Order:
    """The order of all keys as it was when a round began.

    Attributes:
        number: which round it is; it chooses the windows of large values.
    """

    def __init__(self, keyspace: Keyspace, number: int) -> None:
        """Note the order: some 5 ns a key."""
        self.number = number
        self.keys = [list(database.values) for database in keyspace.databases]

    def names(self, index: int, first: int, end: int) -> list[bytes]:
        """Return the keys from one place in a database's order to before another."""
        return self.keys[index][first:end]

    def digest_of(self, database: Database, keys: list[bytes]) -> bytes:
        """Return the digest of some keys as they are now."""
        total = 0
        for key in keys:
            total ^= self._key_digest(database, key)
        return total.to_bytes(DIGEST_BYTES, "big")

    def _key_digest(self, database: Database, key: bytes) -> int:
        value = database.values.get(key)
        if value is None:
            return 0
        if cost_of(value) > WINDOW + 1:
            proof = self._window(opened(value))
        else:
            proof = held_digest(database, key, value)
        return int.from_bytes(sha1(key + b"\0" + proof, usedforsecurity=False).digest())

    def _window(self, value: Any) -> bytes:
        """Return the digest of a window of a large value, and of its size."""
        if type(value) is bytes:
            size = len(value)
            width = WINDOW * _STRING_BYTES
            first = self.number * width % size
            pieces = [value[first : first + width]]
        else:
            size = cost_of(value) - 1
            first = self.number * WINDOW % size
            pieces = _elements(value, first)
        head = b"%s %d %d" % (type(value).__name__.encode(), size, first)
        digest = sha1(head, usedforsecurity=False)
        for piece in pieces:
            digest.update(b"%d:" % len(piece))
            digest.update(piece)
        return digest.digest()


def _elements(value: Any, first: int) -> list[bytes]:
    """Return a window of elements, from a place on."""
    end = first + WINDOW
    if type(value) is List:
        return list(value.between(first, end - 1))
    if type(value) is Hash:
        pairs = islice(value.items(), first, end)
        return [word for pair in pairs for word in pair]
    if type(value) is SortedSet:
        scores = islice(value.scores.items(), first, end)
        return [
            word
            for member, score in scores
            for word in (member, format_double_shortest(score))
        ]
    if type(value) is Stream:
        entries: list[bytes] = []
        for entry_id, fields in islice(_entries(value, first), WINDOW):
            entries += (b"%d" % entry_id, *fields)
        return entries
    return list(islice(value, first, end))


def _entries(stream: Stream, first: int) -> Iterator[tuple[int, Fields]]:
    """Go through a stream's entries from a place on, whatever its nodes are."""
    for node in stream.nodes:
        size = node.count
        if first < size:
            yield from zip(node.ids[first:], node.entries[first:], strict=True)
        first = max(first - size, 0)


class Prover:
    """Proves the memory of a live engine, a slice at each step."""

    def __init__(self, context: Context, outbox: Outbox) -> None:
        """Make a prover that has nothing to do until `begin`.

        Args:
            context: the engine's, whose keyspace is proven.
            outbox: takes what is recorded.
        """
        self._context = context
        self._outbox = outbox
        self._order: Order | None = None
        self._rounds = 0
        self._is_wanted = False
        self._db = self._place = 0

    def begin(self) -> None:
        """Have a round begin, once the one under way is over."""
        self._is_wanted = True

    def step(self) -> None:
        """Record the next slice, if a round is under way.

        Only between commands, when all that changed is among the engine's entries.
        """
        context = self._context
        if context.unit is not None or not context.server.is_recording:
            return
        if self._order is None:
            if self._is_wanted:
                self._begin()
            return
        while self._db < len(self._order.keys):
            if self._place < len(self._order.keys[self._db]):
                self._prove_slice(self._order)
                return
            self._db += 1
            self._place = 0
        self._order = None

    def _begin(self) -> None:
        self._is_wanted = False
        self._rounds += 1
        # The time makes the windows of one process go on where another's ended.
        number = self._context.now_ms // 1000 + self._rounds
        self._order = Order(self._context.keyspace, number)
        self._db = self._place = 0
        self._record({"kind": PROOF_KIND, "round": number})

    def _prove_slice(self, order: Order) -> None:
        database = self._context.keyspace.databases[self._db]
        first = end = self._place
        keys, values = order.keys[self._db], database.values
        cost = 0
        while end < len(keys) and cost < SLICE_COST:
            value = values.get(keys[end])
            cost += 1 if value is None else min(cost_of(value), WINDOW)
            end += 1
        self._place = end
        digest = order.digest_of(database, keys[first:end])
        self._record(
            {
                "kind": PROOF_KIND,
                "db": self._db,
                "from": first,
                "to": end,
                "digest": digest,
            }
        )

    def _record(self, note: dict[str, Any]) -> None:
        origin = [SERVER_ID, None, note]
        self._outbox.entries.append((self._context.now_ms, 0, [], origin))


class ProofChecker:
    """Compares proofs with a fold, at the place where each stands in the log.

    Attributes:
        checked: how many slices were compared.
        differences: a line for each that is not as the server recorded it.
        order: that of the round under way; None before the first.
    """

    def __init__(self) -> None:
        """Make a checker that waits for a round to begin."""
        self.checked = 0
        self.differences: list[str] = []
        self.order: Order | None = None

    def look(self, seq: int, note: dict[str, Any] | None, keyspace: Keyspace) -> None:
        """Look at the note of a record without effects, in the state after it."""
        if note is None or note.get("kind") != PROOF_KIND:
            return
        if "round" in note:
            self.begin_round(keyspace, note["round"])
        elif self.order is not None:
            database = keyspace.databases[note["db"]]
            keys = self.order.names(note["db"], note["from"], note["to"])
            found = self.order.digest_of(database, keys)
            self.checked += 1
            if found != note["digest"]:
                self.differences.append(
                    f"seq {seq}: the keys from {keys[:1]!r} to {keys[-1:]!r} of "
                    f"database {note['db']} fold to {found.hex()}, but the server had "
                    f"{note['digest'].hex()} in memory"
                )

    def begin_round(self, keyspace: Keyspace, number: int) -> None:
        """Note the order of all keys, which the slices of a round go by."""
        self.order = Order(keyspace, number)
