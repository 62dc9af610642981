"""MEMORY: what keys and the server hold.

Sizes are those of Python's objects, as the interpreter reports them.

Source: Redis 7.0.15; see tests/parity/test_server.py.
"""

from __future__ import annotations

import gc
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app import collector, errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString, Verbatim
from joblog.app.state import process
from joblog.app.state.session import client_bytes
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, RANDOM, SHARDS, SPECIAL
from joblog.app.table.usage import add_help
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import parse_int64
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

_SAMPLES: Final = 5
_REFERENCE_BYTES: Final = 8
_ENTRY_BYTES: Final = 2 * 8 + 8 + 8
"""A dictionary's entry: hash, key and value, and its share of the index."""
_SMALL_BYTES: Final = 64 * 1024 * 1024
_BIG_CLIENT_BYTES: Final = 200 * 1024


@command(
    "MEMORY USAGE",
    arity=-3,
    flags=Flag.READONLY,
    keys=KeySpec("RO", first=2),
    group="server",
    since="4.0.0",
    summary="Estimate the memory of a key, from a sample of what is in it.",
    complexity="O(N) for N samples",
)
def memory_usage(ctx: Context, key: bytes, *option: bytes) -> int | None:
    """Return bytes; None where the key is missing."""
    samples = _SAMPLES
    for at in range(0, len(option), 2):
        if option[at].upper() != b"SAMPLES" or at + 1 == len(option):
            raise CommandError(errors.SYNTAX)
        number = parse_int64(option[at + 1])
        if number is None:
            raise CommandError(errors.NOT_AN_INTEGER)
        if number < 0:
            raise CommandError(errors.SYNTAX)
        samples = number or sys.maxsize
    value = ctx.db.lookup(key)
    if value is None:
        return None
    return _ENTRY_BYTES + sys.getsizeof(key) + value_bytes(value, samples)


def key_bytes(key: bytes, value: Any) -> int:
    """Estimate the memory of a key, its value and their place in the database."""
    return _ENTRY_BYTES + sys.getsizeof(key) + value_bytes(value)


def value_bytes(value: Any, samples: int = _SAMPLES) -> int:
    """Estimate the memory of a value.

    Args:
        value: of any type.
        samples: how many elements to look at; the others count as their mean.
    """
    own = sys.getsizeof(value)
    if isinstance(value, List):
        for part in value.parts():
            pieces = _sampled(map(_piece_bytes, part), len(part), samples)
            own += sys.getsizeof(part) + pieces
        return own
    if isinstance(value, Hash):
        if value.deadlines is not None:
            # Each is in a dictionary, and in the heap of what is due.
            pair = sys.getsizeof((0, b"")) + sys.getsizeof(1 << 40)
            own += sys.getsizeof(value.deadlines) + len(value.deadlines) * pair
        sizes = (
            sys.getsizeof(field) + sys.getsizeof(it) for field, it in value.items()
        )
        return own + _sampled(sizes, len(value), samples)
    if isinstance(value, Set):
        own += sum(map(sys.getsizeof, value.parts()))
        return own + _sampled(map(sys.getsizeof, value), len(value), samples)
    if isinstance(value, SortedSet):
        own += sys.getsizeof(value.scores)
        # The order refers to both, in two lists.
        pair = sys.getsizeof(0.0) + 2 * _REFERENCE_BYTES
        sizes = (sys.getsizeof(member) + pair for member in value.scores)
        return own + _sampled(sizes, len(value), samples)
    if isinstance(value, Stream):
        sizes = (
            sys.getsizeof(entry) + sum(map(sys.getsizeof, entry))
            for node in value.nodes
            for entry in node.entries
        )
        return own + _sampled(sizes, value.length, samples)
    return own


def _piece_bytes(piece: bytes | tuple[bytes, ...]) -> int:
    """Return the memory of an element of a list, or of many that lie together."""
    if isinstance(piece, bytes):
        return sys.getsizeof(piece)
    return sys.getsizeof(piece) + sum(map(sys.getsizeof, piece))


def _sampled(sizes: Iterable[int], count: int, samples: int) -> int:
    looked_at = list(islice(sizes, samples))
    return sum(looked_at) * count // len(looked_at) if looked_at else 0


@command(
    "MEMORY STATS",
    arity=2,
    flags=Flag(0),
    group="server",
    since="4.0.0",
    summary="Return where the memory goes, as a map.",
    complexity="O(N) for N clients",
    tips=(RANDOM, SHARDS, SPECIAL),
)
def memory_stats(ctx: Context) -> dict[bytes, Any]:
    """Return Redis's fields; what is in use, and what the process holds in all."""
    used, resident = ctx.server.memory.look(), process.resident_bytes()
    ratio, unused = resident / max(used, 1), resident - used
    peak = max(process.peak_resident_bytes(), used)
    startup = min(process.STARTUP_BYTES, used)
    databases = [each for each in ctx.keyspace.databases if len(each)]
    keys = sum(len(database) for database in databases)
    tables = {b"db.%d" % each.index: _tables_of(each) for each in databases}
    clients = client_bytes(ctx.server.sessions.values())
    overhead = startup + clients + sum(sum(each.values()) for each in tables.values())
    dataset = max(used - overhead, 0)
    return {
        b"peak.allocated": peak,
        b"total.allocated": used,
        b"startup.allocated": startup,
        b"replication.backlog": 0,
        b"clients.slaves": 0,
        b"clients.normal": clients,
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": 0,
        b"functions.caches": 0,
        **tables,
        b"overhead.total": overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": (used - startup) // keys if keys else 0,
        b"dataset.bytes": dataset,
        b"dataset.percentage": 100.0 * dataset / max(used - startup, 1),
        b"peak.percentage": 100.0 * used / peak,
        b"allocator.allocated": used,
        b"allocator.active": resident,
        b"allocator.resident": resident,
        b"allocator-fragmentation.ratio": ratio,
        b"allocator-fragmentation.bytes": unused,
        b"allocator-rss.ratio": 1.0,
        b"allocator-rss.bytes": 0,
        b"rss-overhead.ratio": 1.0,
        b"rss-overhead.bytes": 0,
        b"fragmentation": ratio,
        b"fragmentation.bytes": unused,
    }


def _tables_of(database: Database) -> dict[bytes, int]:
    """Return the size of a database's own tables, without what is in them."""
    return {
        b"overhead.hashtable.main": sys.getsizeof(database.values),
        b"overhead.hashtable.expires": sys.getsizeof(database.deadlines),
        b"overhead.hashtable.slot-to-keys": 0,
    }


@command(
    "MEMORY DOCTOR",
    arity=2,
    flags=Flag(0),
    group="server",
    since="4.0.0",
    summary="Report what is odd about the memory, in words.",
    complexity="O(1)",
    tips=(RANDOM, SHARDS, SPECIAL),
)
def memory_doctor(ctx: Context) -> Verbatim:
    """Return a sentence for each finding."""
    used, held = ctx.server.memory.look(), process.resident_bytes()
    peak = process.peak_resident_bytes()
    limit = ctx.server.config.maxmemory
    found = []
    if peak > held * 3 // 2 and peak > _SMALL_BYTES:
        found.append(
            f"The process held {process.human_bytes(peak)} at its peak and holds "
            f"{process.human_bytes(held)} now."
        )
    if held > used * 3 // 2 and held > _SMALL_BYTES:
        found.append(
            f"Of {process.human_bytes(held)} that the process holds "
            f"{process.human_bytes(used)} are in use; what comes next takes the rest."
        )
    if limit and used > limit * 9 // 10:
        found.append("More than nine tenths of maxmemory are in use.")
    if process.system_bytes() < held * 5 // 4:
        found.append("More than four fifths of the machine's memory are in use.")
    backlog = sum(each.backlog_bytes for each in ctx.server.sessions.values())
    if backlog > _BIG_CLIENT_BYTES * max(len(ctx.server.sessions), 1):
        found.append(
            f"{process.human_bytes(backlog)} of replies wait for clients that do not "
            "read them; CLIENT LIST (omem) shows which."
        )
    text = "\n".join(found) or "Nothing is odd about the memory."
    return Verbatim(b"txt", f"{text}\n".encode())


@command(
    "MEMORY MALLOC-STATS",
    arity=2,
    flags=Flag(0),
    group="server",
    since="4.0.0",
    summary="Return what Python's allocator and garbage collector report.",
    complexity="O(1)",
    tips=(RANDOM, SHARDS, SPECIAL),
)
def memory_malloc_stats(_: Context) -> Verbatim:
    """Return one line for each figure."""
    collected = gc.get_stats()
    lines = [
        f"allocated_blocks:{sys.getallocatedblocks()}",
        f"resident_bytes:{process.resident_bytes()}",
        *(
            f"gc_generation_{number}:collections={each['collections']},"
            f"collected={each['collected']}"
            for number, each in enumerate(collected)
        ),
    ]
    return Verbatim(b"txt", ("\n".join(lines) + "\n").encode())


@command(
    "MEMORY PURGE",
    arity=2,
    flags=Flag(0),
    group="server",
    since="4.0.0",
    summary="Let the garbage collector run, and give freed memory to the system.",
    complexity="O(N) for N objects",
    tips=(SHARDS, ALL),
)
def memory_purge(ctx: Context) -> SimpleString:
    """Return OK."""
    if ctx.keyspace.freeing is not None:
        ctx.keyspace.freeing.free_all()
    collector.collect_all()
    process.give_back()
    return OK


add_help("MEMORY", group="server", since="4.0.0")
