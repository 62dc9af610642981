"""GEORADIUS and GEORADIUSBYMEMBER, older words for a search in a circle.

Source: Redis 7.2; see tests/parity/test_geo_search.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from joblog.app.commands.geo.options import Family, Search, parse_options
from joblog.app.commands.geo.search import run_search
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")


def _find_stored(argv: list[bytes], wanted: bytes) -> list[int]:
    """Return where the key is that is stored to, if a certain option names it."""
    stored, option = 0, b""
    at = 5
    while at + 1 < len(argv):
        if argv[at].upper() in (b"STORE", b"STOREDIST"):
            option = argv[at].upper()
            at += 1
            stored = at
        at += 1
    return [stored] if option == wanted else []


def _keys(options_at: int) -> tuple[KeySpec, ...]:
    """Return the key specs of a command whose options are from a place on."""
    options = (b"STORE", b"STOREDIST")
    stored = [
        KeySpec(
            "OW UPDATE",
            options_at,
            keyword=word,
            find=partial(_find_stored, wanted=word),
        )
        for word in options
    ]
    return (_READ, *stored)


_RADIUS_FLAGS: Final = Flag.WRITE | Flag.DENYOOM | Flag.MOVABLEKEYS


def _search_position(
    ctx: Context,
    family: Family,
    key: bytes,
    center: tuple[bytes, bytes],
    size: tuple[bytes, bytes],
    options: Sequence[bytes],
) -> list[Any] | int:
    search = Search(ctx.db.get(key, SortedSet), family)
    search.take_position(*center)
    search.take_radius(*size)
    parse_options(search, options)
    return run_search(ctx, search)


def _search_member(
    ctx: Context,
    family: Family,
    key: bytes,
    member: bytes,
    size: tuple[bytes, bytes],
    options: Sequence[bytes],
) -> list[Any] | int:
    search = Search(ctx.db.get(key, SortedSet), family)
    if search.value is not None:  # else Redis looks at the options alone
        search.take_member(member)
        search.take_radius(*size)
    parse_options(search, options)
    return run_search(ctx, search)


@command(
    "GEORADIUS",
    arity=-6,
    flags=_RADIUS_FLAGS,
    keys=_keys(6),
    effects=("DEL", "ZADD"),
    group="geo",
    since="3.2.0",
    summary="Find the members in a circle around a position; perhaps store them.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def georadius(
    ctx: Context,
    key: bytes,
    longitude: bytes,
    latitude: bytes,
    radius: bytes,
    unit: bytes,
    *options: bytes,
) -> list[Any] | int:
    """Return members, each with the details asked for, or how many were stored."""
    center, size = (longitude, latitude), (radius, unit)
    return _search_position(ctx, Family.RADIUS, key, center, size, options)


@command(
    "GEORADIUS_RO",
    arity=-6,
    flags=Flag.READONLY,
    keys=_READ,
    group="geo",
    since="3.2.10",
    summary="Find the members in a circle around a position, and never store them.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def georadius_ro(
    ctx: Context,
    key: bytes,
    longitude: bytes,
    latitude: bytes,
    radius: bytes,
    unit: bytes,
    *options: bytes,
) -> list[Any] | int:
    """Return members, each with the details that were asked for."""
    center, size = (longitude, latitude), (radius, unit)
    return _search_position(ctx, Family.RADIUS_RO, key, center, size, options)


@command(
    "GEORADIUSBYMEMBER",
    arity=-5,
    flags=_RADIUS_FLAGS,
    keys=_keys(5),
    effects=("DEL", "ZADD"),
    group="geo",
    since="3.2.0",
    summary="Find the members in a circle around one of them; perhaps store them.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def georadiusbymember(
    ctx: Context, key: bytes, member: bytes, radius: bytes, unit: bytes, *options: bytes
) -> list[Any] | int:
    """Return members, each with the details asked for, or how many were stored."""
    return _search_member(ctx, Family.RADIUS, key, member, (radius, unit), options)


@command(
    "GEORADIUSBYMEMBER_RO",
    arity=-5,
    flags=Flag.READONLY,
    keys=_READ,
    group="geo",
    since="3.2.10",
    summary="Find the members in a circle around one of them, and never store them.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def georadiusbymember_ro(
    ctx: Context, key: bytes, member: bytes, radius: bytes, unit: bytes, *options: bytes
) -> list[Any] | int:
    """Return members, each with the details that were asked for."""
    return _search_member(ctx, Family.RADIUS_RO, key, member, (radius, unit), options)
