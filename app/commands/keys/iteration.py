"""Commands that go through the keys of a database: KEYS, SCAN, RANDOMKEY.

Source: Redis 7.2; see tests/parity/test_generic.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from joblog.app.commands.keys.scan_options import scan_cursor, scan_options, scan_reply
from joblog.app.keyspace.glob import filter_glob
from joblog.app.keyspace.scan import scan_table
from joblog.app.reply import BulkList
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ITERATED, RANDOM, SHARDS, UNORDERED
from joblog.app.types.kinds import kind_name

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

# RANDOMKEY tries so often to meet a living key while expired ones may not be removed.
_PICKS_MAX: Final = 100


@command(
    "KEYS",
    arity=2,
    flags=Flag.READONLY,
    group="generic",
    since="1.0.0",
    summary="List the keys that match a glob pattern.",
    complexity="O(N) for N keys in the database",
    acl=("keyspace", "dangerous"),
    tips=(SHARDS, UNORDERED),
)
def keys(ctx: Context, pattern: bytes) -> BulkList:
    """Return the keys, oldest first."""
    db = ctx.db
    return BulkList(_living(db, filter_glob(pattern, db.values)))


@command(
    "SCAN",
    arity=-2,
    flags=Flag.READONLY,
    group="generic",
    since="2.8.0",
    summary="Go through the keys of the database, some at each call.",
    complexity="O(1) for each key of a call; now and then a call is O(N)",
    tips=(RANDOM, ITERATED),
)
def scan(ctx: Context, cursor: bytes, *options: bytes) -> list[object]:
    """Return the next cursor, 0 at the end, and some keys, perhaps none.

    Raises:
        CommandError: the cursor is none, or an option is unknown or bad.
    """
    place = scan_cursor(cursor)
    wanted = scan_options(options, takes_type=True)
    db = ctx.db
    following, found = scan_table(db, db.values, place, wanted.limit)
    if wanted.matches is not None:
        found = list(filter(wanted.matches, found))
    found = _living(db, found)
    if wanted.kind is not None:
        values, kind = db.values, wanted.kind
        found = [key for key in found if kind_name(values[key]) == kind]
    return scan_reply(following, found)


@command(
    "RANDOMKEY",
    arity=1,
    flags=Flag.READONLY,
    group="generic",
    since="1.0.0",
    summary="Pick a key of the database at random.",
    complexity="O(N) for N keys, of which a quarter are walked over on average",
    tips=(SHARDS, RANDOM),
)
def randomkey(ctx: Context) -> bytes | None:
    """Return a key, each with the same probability, or None where there is none.

    A dictionary has no random access, and a list beside it would cost every write and
    8 bytes a key. So the dictionary is walked from the nearer end, with no copy.
    """
    db = ctx.db
    picked = None
    for _ in range(_PICKS_MAX):
        size = len(db.values)
        if not size:
            return None
        picked = _key_at(db, int(ctx.random.random() * size))
        if db.peek(picked) is not None:
            break
    return picked


def _key_at(db: Database, place: int) -> bytes:
    """Return a key by its place in the order in which keys came."""
    values = db.values
    behind = len(values) - 1 - place
    if behind < place:
        return next(islice(reversed(values), behind, None))
    return next(islice(values, place, None))


def _living(db: Database, found: list[bytes]) -> list[bytes]:
    """Return the keys whose deadline has not passed; the others go.

    In Redis KEYS only hides them. But who was told that a key is gone must never find
    it again, also where the clock is set back.
    """
    deadlines = db.deadlines
    if not deadlines:
        return found
    now_ms = db.keyspace.now_ms
    living: list[bytes] = []
    for key in found:
        if deadlines.get(key, now_ms + 1) > now_ms:
            living.append(key)
        else:
            db.keyspace.expire(db, key)
    return living
