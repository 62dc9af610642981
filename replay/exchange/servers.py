"""Running servers, read key by key: SCAN, DUMP and PTTL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app import clock
from joblog.app.engine.functions import decode_dump
from joblog.app.history.rdb_items import Foreign, Item, Key, Library, module_of
from joblog.app.types.dump_payload import decode_payload
from joblog.replay.exchange.aof import ExchangeError
from joblog.replay.undoing.live import LiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.undoing.live import LiveServer

_SCAN_COUNT = b"1000"
_MISSING_MS = -2


def read_live(
    server: LiveServer, only_db: int | None, notice: Callable[[str], None]
) -> Iterator[Item]:
    """Yield what a server has; each key as it is when its turn comes.

    Args:
        server: the server.
        only_db: the database to read; None for all.
        notice: is told what the server does not know.

    Raises:
        LiveError: the server refuses, or is gone.
        ExchangeError: a value cannot be read.
    """
    for source in _libraries(server, notice):
        yield Library(source)
    for db in _databases(server):
        if only_db is not None and db != only_db:
            continue
        server.ask(b"SELECT", b"%d" % db)
        for key in _keys(server):
            payload, ttl_ms = server.ask(b"DUMP", key), server.ask(b"PTTL", key)
            if payload is not None and ttl_ms != _MISSING_MS:  # else it has gone since
                yield _item(db, key, payload, ttl_ms)


def _item(db: int, key: bytes, payload: bytes, ttl_ms: int) -> Item:
    try:
        module = module_of(payload)
        if module:
            return Foreign(module, db, key)
        value = decode_payload(payload)
    except ValueError as error:
        raise ExchangeError(f"key {key!r}: {error}") from error
    return Key(db, key, value, clock.now_ms() + ttl_ms if ttl_ms >= 0 else None)


def _libraries(server: LiveServer, notice: Callable[[str], None]) -> list[bytes]:
    """Return the sources of a server's functions; none where it knows none."""
    try:
        return decode_dump(server.ask(b"FUNCTION", b"DUMP"))
    except LiveError as error:
        if "unknown command" not in str(error).lower():
            raise
        notice(f"the server has no functions: it says {error}")
        return []


def _databases(server: LiveServer) -> Iterator[int]:
    """Yield the numbers of the databases that have keys."""
    for line in server.ask(b"INFO", b"keyspace").splitlines():
        name = line.partition(b":")[0]
        if name.startswith(b"db") and name[2:].isdigit():
            yield int(name[2:])


def _keys(server: LiveServer) -> Iterator[bytes]:
    """Yield the keys of the selected database, each at least once."""
    seen: set[bytes] = set()
    cursor: Any = b"0"
    while True:
        cursor, keys = server.ask(b"SCAN", cursor, b"COUNT", _SCAN_COUNT)
        for key in keys:
            if key not in seen:
                seen.add(key)
                yield key
        if cursor == b"0":
            return
