"""OBJECT: how a value is kept.

What it answers follows from the value as Redis would keep it: clients and test suites
look at encodings. Nothing here is kept that way.

Source: Redis 7.2; see tests/parity/test_generic.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.table.usage import add_help
from joblog.app.types import streams, strings
from joblog.app.types.hashes import Hash
from joblog.app.types.list_encodings import list_encoding
from joblog.app.types.lists import List
from joblog.app.types.numbers import parse_int64
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.state.context import Context

_LOOK: Final = KeySpec("RO", first=2, is_read=False)
# Redis keeps one object for each of the small numbers, for all keys together.
_SHARED_BELOW: Final = 10000
_SHARED_REFERENCES: Final = 2**31 - 1


@command(
    "OBJECT ENCODING",
    arity=3,
    flags=Flag.READONLY,
    keys=_LOOK,
    group="generic",
    since="2.2.3",
    summary="Tell in which form Redis would keep a value.",
    complexity="O(N) for N elements of a small collection, else O(1)",
    acl=("keyspace",),
    tips=(RANDOM,),
)
def object_encoding(ctx: Context, key: bytes) -> bytes | None:
    """Return the name of the encoding, or None where the key is missing."""
    value = ctx.db.lookup(key)
    return None if value is None else encoding_of(value, ctx.server.config)


def encoding_of(value: Any, config: Config) -> bytes:
    """Return the encoding that Redis 7.2 would choose for a value.

    Args:
        value: of any type.
        config: gives the limits of the small encodings.
    """
    if type(value) is bytes:
        return strings.encoding(value)
    if type(value) is List:
        return list_encoding(value, config.list_max_listpack_size)
    if type(value) is Hash:
        return value.encoding(
            listpack_entries=config.hash_max_listpack_entries,
            listpack_value=config.hash_max_listpack_value,
        )
    if type(value) is Set:
        return value.encoding(
            intset_entries=config.set_max_intset_entries,
            listpack_entries=config.set_max_listpack_entries,
            listpack_value=config.set_max_listpack_value,
        )
    if type(value) is Stream:
        return b"stream"
    if type(value) is streams.Stream:
        return streams.ENCODING
    assert type(value) is SortedSet
    return value.encoding(
        listpack_entries=config.zset_max_listpack_entries,
        listpack_value=config.zset_max_listpack_value,
    )


@command(
    "OBJECT REFCOUNT",
    arity=3,
    flags=Flag.READONLY,
    keys=_LOOK,
    group="generic",
    since="2.2.3",
    summary="Tell how many keys would share a value in Redis.",
    complexity="O(1)",
    acl=("keyspace",),
    tips=(RANDOM,),
)
def object_refcount(ctx: Context, key: bytes) -> int | None:
    """Return 1; 2**31 - 1 for a small number; None where the key is missing."""
    value = ctx.db.lookup(key)
    if value is None:
        return None
    number = parse_int64(value) if type(value) is bytes else None
    is_shared = number is not None and 0 <= number < _SHARED_BELOW
    return _SHARED_REFERENCES if is_shared else 1


@command(
    "OBJECT IDLETIME",
    arity=3,
    flags=Flag.READONLY,
    keys=_LOOK,
    group="generic",
    since="2.2.3",
    summary="Tell for how many seconds a key was not used.",
    complexity="O(1)",
    acl=("keyspace",),
    tips=(RANDOM,),
)
def object_idletime(ctx: Context, key: bytes) -> int | None:
    """Return seconds, perhaps too few (see `Uses`); None where the key is missing.

    Raises:
        CommandError: the policy of eviction is one that goes by frequency.
    """
    if ctx.db.lookup(key) is None:
        return None
    if _is_lfu(ctx):
        raise CommandError(errors.LFU_POLICY)
    return ctx.engine.uses.idle_seconds(ctx.db, key)


@command(
    "OBJECT FREQ",
    arity=3,
    flags=Flag.READONLY,
    keys=_LOOK,
    group="generic",
    since="4.0.0",
    summary="Tell how often a key was used, on a logarithmic scale.",
    complexity="O(1)",
    acl=("keyspace",),
    tips=(RANDOM,),
)
def object_freq(ctx: Context, key: bytes) -> int | None:
    """Return a number from 0 to 255; None where the key is missing.

    Raises:
        CommandError: the policy of eviction is not one that goes by frequency.
    """
    if ctx.db.lookup(key) is None:
        return None
    if not _is_lfu(ctx):
        raise CommandError(errors.NO_LFU_POLICY)
    return ctx.engine.uses.frequency(ctx.db, key)


def _is_lfu(ctx: Context) -> bool:
    return ctx.server.config.maxmemory_policy.endswith("lfu")


add_help("OBJECT", group="generic", since="6.2.0", acl=("keyspace",))
