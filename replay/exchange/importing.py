"""Imports: what another server has, as the beginning of a log.

Commands of an append-only file run through the engine that a server has, at their own
times where the file tells them, so that what goes into the log is what they did. Keys
of an RDB file, or of a live server, come in by the commands that build their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from app import clock
from app.config import Config
from app.engine.engine import Engine
from app.engine.functions import decode_dump
from app.types.dump_payload import decode_payload
from replay.exchange.aof import ExchangeError, Step, find_parts, read_aof
from replay.exchange.rdb import MAGICS, Item, Key, Library, Made, read_rdb_part
from replay.value_commands import build_commands
from storage.errors import StorageError
from storage.folder import LogFolder
from storage.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.commands.context import Session
    from replay.live import LiveServer
    from storage.filesystem import FileSystem

Argv = list[bytes]

_DATABASES = 1024
_ENTRIES_A_WRITE = 1000
_SCAN_COUNT = b"1000"
_MISSING_MS = -2


class Report(NamedTuple):
    """What an import has brought.

    Attributes:
        keys: how many there are in the end.
        commands: how many were run for them.
        last_seq: the number of the log's last record.
    """

    keys: int
    commands: int
    last_seq: int


class Importer:
    """Fills a log that is empty."""

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        source: str,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make the log.

        Args:
            folder: the data folder; it is made where it is missing.
            filesystem: the door to the disk.
            source: what is imported, for the log.
            progress: is told now and then how many commands have run.

        Raises:
            StorageError: there is a log with records, or a server has it open.
        """
        self._now_ms = clock.now_ms()
        self._folder = folder
        self._filesystem = filesystem
        self._log: Log | None = None
        self._require_empty()
        config = Config({"databases": str(_DATABASES)})
        self._engine = Engine(config, now_ms=lambda: self._now_ms)
        self._session: Session = self._engine.open_session(1, address=source)
        self._session.name = b"replay-import"
        self._progress = progress
        self._commands = 0

    def _require_empty(self) -> None:
        paths = LogFolder(self._folder, self._filesystem)
        if paths.log_path.is_dir() and paths.find_segments():
            raise StorageError(
                f"{self._folder}: has a log already; import into an empty folder"
            )

    def _open_log(self) -> Log:
        """Begin the log, at the time of what comes first: no record may be earlier."""
        if self._log is None:
            self._log = Log.open(
                self._folder, filesystem=self._filesystem, now_ms=lambda: self._now_ms
            )
        return self._log

    def close(self) -> Report:
        """Make all durable and close the log."""
        self._now_ms = max(clock.now_ms(), self._now_ms)
        self._engine.read_clock()
        while self._engine.keyspace.expire_due(_ENTRIES_A_WRITE):
            continue
        self._write()
        log = self._open_log()
        last_seq = log.last_seq
        log.close()
        keys = sum(len(one) for one in self._engine.keyspace.databases)
        return Report(keys, self._commands, last_seq)

    def take_file(self, path: Path) -> None:
        """Import an RDB file, an append-only file, or a folder or manifest of those.

        Raises:
            ExchangeError: a file is damaged, or a command of it is refused.
        """
        for part in find_parts(path):
            with part.open("rb") as file:
                start = file.read(max(map(len, MAGICS)))
                file.seek(0)
                if start.startswith(MAGICS):
                    for item in read_rdb_part(file, str(part)):
                        self._take_item(item)
                self._take_steps(read_aof(file, str(part)), str(part))

    def take_live(self, server: LiveServer) -> None:
        """Import all keys of a running server; each as it is when its turn comes.

        Raises:
            LiveError: the server refuses, or is gone.
            ExchangeError: a value cannot be read.
        """
        for source in decode_dump(server.ask(b"FUNCTION", b"DUMP")):
            self._take_item(Library(source))
        for db in _live_databases(server):
            server.ask(b"SELECT", b"%d" % db)
            for key in _live_keys(server):
                payload, ttl_ms = server.ask(b"DUMP", key), server.ask(b"PTTL", key)
                if payload is None or ttl_ms == _MISSING_MS:
                    continue  # it has gone since
                deadline_ms = clock.now_ms() + ttl_ms if ttl_ms >= 0 else None
                try:
                    value = decode_payload(payload)
                except ValueError as error:
                    raise ExchangeError(f"key {key!r}: {error}") from error
                self._take_item(Key(db, key, value, deadline_ms))

    def _take_item(self, item: Item) -> None:
        if isinstance(item, Made):
            self._now_ms = item.at_ms
            return
        if isinstance(item, Library):
            self._run([[b"FUNCTION", b"LOAD", item.source]], "a library of functions")
            return
        commands = list(build_commands(item.key, item.value, item.deadline_ms))
        if len(commands) > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        self._select(item.db, "a key")
        self._run(commands, f"key {item.key!r}")

    def _take_steps(self, steps: Iterator[Step], name: str) -> None:
        for step in steps:
            if step.at_ms is not None:
                self._now_ms = step.at_ms
            self._run([step.argv], f"{name}: the command before byte {step.end}")

    def _select(self, db: int, where: str) -> None:
        if db != self._session.db.index:
            self._run([[b"SELECT", b"%d" % db]], where)

    def _run(self, commands: list[Argv], where: str) -> None:
        engine = self._engine
        engine.read_clock()
        self._open_log()
        for argv in commands:
            reply = engine.run(self._session, [argv])
            if reply.startswith(b"-"):
                raise ExchangeError(
                    f"{where}: {b' '.join(argv)[:80].decode(errors='replace')} is "
                    f"refused: {reply[1:].rstrip().decode(errors='replace')}"
                )
        self._commands += len(commands)
        if len(engine.entries) >= _ENTRIES_A_WRITE:
            self._write()

    def _write(self) -> None:
        entries = self._engine.entries
        if entries:
            log = self._open_log()
            log.append(entries, log.last_seq)
            entries.clear()
        self._progress(self._commands)


def _live_databases(server: LiveServer) -> Iterator[int]:
    """Yield the numbers of the databases that have keys."""
    for line in server.ask(b"INFO", b"keyspace").splitlines():
        name = line.partition(b":")[0]
        if name.startswith(b"db") and name[2:].isdigit():
            yield int(name[2:])


def _live_keys(server: LiveServer) -> Iterator[bytes]:
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
