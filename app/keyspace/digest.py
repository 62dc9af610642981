"""The digest of a dataset: 20 bytes that are equal where the data is.

It is the digest of Redis's DEBUG DIGEST, so that ours can be compared with a real
server's. Keys, and the members of sets, hashes and sorted sets, count whatever their
order; the elements of a list and the entries of a stream count in theirs, and consumer
groups not at all. A deadline of a key or of a field counts as being there, not by its
time. Keys that have expired but are still held count too: they are part of the state
until their DEL is recorded.

    xor(d, x)   d ^ SHA1(x)
    mix(d, x)   SHA1(d ^ SHA1(x))

Digests are kept as integers while they are worked on, since `^` of two integers is one
bytecode.

Source: Valkey 9.1, asked with random data; see tests/parity/test_digests.py. Redis
7.0.15 gives the same but for sorted sets with a score such as 0.1, which it wrote with
17 digits before it went into the digest. Deadlines of fields count as in Redis 7.4;
Valkey's digest leaves them out.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double_shortest
from joblog.app.types.packed_values import opened
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace

DIGEST_BYTES: Final = 20

_SEQUENCE_BITS: Final = 64
_SEQUENCE_MASK: Final = (1 << _SEQUENCE_BITS) - 1
_EXPIRES: Final = int.from_bytes(sha1(b"!!expire!!", usedforsecurity=False).digest())
_FIELD_EXPIRES: Final = int.from_bytes(
    sha1(b"!!hexpire!!", usedforsecurity=False).digest()
)


def dataset_digest(keyspace: Keyspace) -> bytes:
    """Return the digest of all databases: 20 bytes, zeros where there are no keys.

    O(N) for N elements in all, some 3 us for each.
    """
    total = 0
    for database in keyspace.databases:
        if database.values:
            total = _mix(total, database.index.to_bytes(4, "big"))
            total = _xor_database(total, database)
    return total.to_bytes(DIGEST_BYTES, "big")


def value_digest(database: Database, key: bytes) -> bytes:
    """Return the digest of a key's value and of whether it has a deadline.

    Zeros where there is no such key.
    """
    value = database.peek(key)
    return bytes(DIGEST_BYTES) if value is None else held_digest(database, key, value)


def held_digest(database: Database, key: bytes, value: Any) -> bytes:
    """Return the digest of a value that a database holds, be it expired or not."""
    return _mix_value(0, database, key, value).to_bytes(DIGEST_BYTES, "big")


def _xor_database(total: int, database: Database) -> int:
    hashed = sha1
    for key, value in database.values.items():
        digest = _mix_value(_mix(0, key), database, key, value)
        of_key = hashed(digest.to_bytes(DIGEST_BYTES, "big")).digest()
        total ^= int.from_bytes(of_key, "big")
    return total


def _mix_value(digest: int, database: Database, key: bytes, value: Any) -> int:
    value = opened(value)
    number, mix = _KINDS[type(value)]
    digest = mix(_mix(digest, number), value)
    return digest ^ _EXPIRES if key in database.deadlines else digest


def _number(data: bytes) -> int:
    """Return the SHA-1 of some bytes as an integer."""
    return int.from_bytes(sha1(data).digest(), "big")  # noqa: S324 - Redis's digest


def _mix(digest: int, data: bytes) -> int:
    mixed = digest ^ _number(data)
    return _number(mixed.to_bytes(DIGEST_BYTES, "big"))


def _mix_list(digest: int, elements: List) -> int:
    for element in elements:
        digest = _mix(digest, element)
    return digest


def _xor_set(digest: int, members: Set) -> int:
    hashed, number = sha1, int.from_bytes
    for member in members:
        digest ^= number(hashed(member).digest(), "big")
    return digest


def _xor_hash(digest: int, table: Hash) -> int:
    deadlines = table.deadlines or ()
    for field, value in table.items():
        mark = _FIELD_EXPIRES if field in deadlines else 0
        digest ^= _of_pair(field, value, mark)
    return digest


def _xor_sorted_set(digest: int, members: SortedSet) -> int:
    for member, score in members.scores.items():
        digest ^= _of_pair(member, format_double_shortest(score))
    return digest


def _mix_stream(digest: int, stream: Stream) -> int:
    """Mix in the entries; Redis leaves consumer groups out."""
    for node in stream.nodes:
        for entry_id, fields in zip(node.ids, node.entries, strict=True):
            sequence = entry_id & _SEQUENCE_MASK
            digest = _mix(digest, b"%d.%d" % (entry_id >> _SEQUENCE_BITS, sequence))
            for word in fields:
                digest = _mix(digest, word)
    return digest


def _of_pair(first: bytes, second: bytes, mark: int = 0) -> int:
    pair = _mix(_mix(0, first), second) ^ mark
    return _number(pair.to_bytes(DIGEST_BYTES, "big"))


_KINDS: Final[dict[type, tuple[bytes, Callable[[int, Any], int]]]] = {
    bytes: (b"\0\0\0\0", _mix),
    List: (b"\0\0\0\1", _mix_list),
    Set: (b"\0\0\0\2", _xor_set),
    SortedSet: (b"\0\0\0\3", _xor_sorted_set),
    Hash: (b"\0\0\0\4", _xor_hash),
    Stream: (b"\0\0\0\6", _mix_stream),
}
"""For each type of value: Redis's number of it, and how it goes into a digest."""
