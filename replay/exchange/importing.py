"""Imports: what another server has, as the beginning of a log.

Commands of an append-only file run through the engine that a server has, so that what
goes into the log is what they did. Their times are those that the file tells; where it
tells none, the clock stands at the latest time that is known to have passed: when the
base was made, or when a stream's entry was delivered. So nothing expires too early.
Keys of an RDB file, or of a live server, come in by the commands that build their
values.

The log is made aside, in a folder within the data folder, and takes its place when it
is whole: an import that fails leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from joblog.app import clock
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.rdb_items import (
    MAGICS,
    Foreign,
    Item,
    Library,
    Made,
    RdbError,
    read_rdb_part,
)
from joblog.app.history.value_commands import build_commands
from joblog.app.types.numbers import parse_int64
from joblog.replay.exchange.aof import AofReader, ExchangeError, Loss, Step
from joblog.replay.exchange.manifests import find_parts
from joblog.replay.exchange.servers import read_live
from joblog.replay.keys.past import DATABASES
from joblog.replay.undoing.live import LiveError, read_reply
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder, read_chain
from joblog.storage.lock import FolderLock, require_same_log
from joblog.storage.log import Log
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.app.state.session import Session
    from joblog.app.words import Argv
    from joblog.replay.undoing.live import LiveServer
    from joblog.storage.filesystem import FileSystem


_ASIDE = "import.partial"
_KEYS_SHOWN = 5
_CLAIM_OPTIONS_AT = 6
_ENTRIES_A_WRITE = 1000


class Report(NamedTuple):
    """What an import has brought.

    Attributes:
        keys: how many there are in the end.
        commands: how many were run for them.
        last_seq: the number of the log's last record.
        losses: what was left out of what the source has, a line each.
        notices: what the source has not, or need not have, a line each.
    """

    keys: int
    commands: int
    last_seq: int
    losses: list[str]
    notices: list[str]


class Importer:
    """Fills a log that is empty."""

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        source: str,
        progress: Callable[[int], None] = lambda _: None,
        *,
        skips_modules: bool = False,
    ) -> None:
        """Begin; nothing is written before there is something to import.

        Args:
            folder: the data folder; it is made where it is missing.
            filesystem: the door to the disk.
            source: what is imported, for the log.
            progress: is told now and then how many commands have run.
            skips_modules: whether to leave out what only a module can read.

        Raises:
            StorageError: there is a log with records.
        """
        self._started_ms = self._now_ms = clock.now_ms()
        self._folder = folder
        self._paths = LogFolder(folder, filesystem)
        self._aside = folder / _ASIDE
        self._made_folder = not folder.exists()
        self._filesystem = filesystem
        self._log: Log | None = None
        self._lock: FolderLock | None = None
        self._made_lock = False
        self._require_empty()
        config = Config({"databases": str(DATABASES)})
        self._engine = Engine(config, now_ms=lambda: self._now_ms)
        self._sessions = {
            is_timed: self._engine.clients.open(int(is_timed) + 1, address=source)
            for is_timed in (True, False)
        }
        self._session: Session = self._sessions[True]
        self._session.name = b"replay-import"
        self._sessions[False].name = b"replay-import:times-unknown"
        self._progress = progress
        self._skips_modules = skips_modules
        self._commands = 0
        self._foreign: dict[str, list[str]] = {}
        self._losses: list[str] = []
        self._notices: list[str] = []

    def _require_empty(self) -> bytes | None:
        """Check that there are no records; return the id of a log that has none yet."""
        paths, filesystem = self._paths, self._filesystem
        segments = paths.find_segments() if paths.log_path.is_dir() else []
        if not segments:
            return None
        if segments != [1] or any(read_records(self._folder, filesystem=filesystem)):
            raise StorageError(
                f"{self._folder}: has a log already; import into an empty folder"
            )
        return read_chain(paths, filesystem)[0].header.log_id

    def _open_log(self) -> Log:
        """Begin the log, at the time of what comes first: no record may be earlier."""
        if self._log is None:
            self._take_folder()
            shutil.rmtree(self._aside, ignore_errors=True)  # of one that was killed
            self._log = Log.open(
                self._aside, filesystem=self._filesystem, now_ms=lambda: self._now_ms
            )
        return self._log

    def _take_folder(self) -> None:
        """Make the data folder where it is missing, and lock it."""
        paths = self._paths
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._made_lock = not paths.lock_path.exists()
        self._lock = FolderLock(paths, self._filesystem)
        require_same_log(self._lock.log_id, paths, self._require_empty())

    def finish(self) -> Report:
        """Make all durable, and let the log take its place.

        Raises:
            ExchangeError: something is left that only a module can read.
            StorageError: it cannot be written, or another log is there now.
        """
        self._judge_foreign()
        self._turn_to(self._started_ms)
        self._engine.context.read_clock()
        while self._engine.keyspace.expire_due(_ENTRIES_A_WRITE):
            continue
        self._write()
        log = self._open_log()
        last_seq = log.last_seq
        log.close()
        self._take_place(log.log_id)
        keys = sum(len(one) for one in self._engine.keyspace.databases)
        return Report(keys, self._commands, last_seq, self._losses, self._notices)

    def _take_place(self, log_id: str) -> None:
        """Let the log that was made aside be the folder's; an empty one goes.

        Wherever a crash comes between, a server begins with the one or the other, or
        with an empty log.
        """
        lock, filesystem = self._lock, self._filesystem
        assert lock is not None
        made = LogFolder(self._aside, filesystem).log_path
        if self._require_empty() is not None:
            lock.clear_owner()
            filesystem.rename(self._paths.log_path, self._aside / "empty")
        filesystem.rename(made, self._paths.log_path)
        filesystem.sync_directory(self._folder)
        lock.write_owner(log_id)
        lock.release()
        shutil.rmtree(self._aside, ignore_errors=True)

    def give_up(self) -> None:
        """Leave nothing behind."""
        if self._log is not None:
            with contextlib.suppress(StorageError):
                self._log.close()
        shutil.rmtree(self._aside, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()
            if self._made_lock:
                self._paths.lock_path.unlink(missing_ok=True)
        if self._made_folder:
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def take_file(self, path: Path) -> None:
        """Import an RDB file, an append-only file, or a folder or manifest of those.

        Raises:
            ExchangeError: a file is damaged, or a command of it is refused.
        """
        parts = find_parts(path)
        for part in parts:
            with part.open("rb") as file:
                start = file.read(max(map(len, MAGICS)))
                file.seek(0)
                if start.startswith(MAGICS):
                    self._take_items(file, str(part))
                is_last = part == parts[-1]
                reader = AofReader(file, str(part), self._lose, is_last=is_last)
                self._take_steps(reader.steps(), str(part))

    def _take_items(self, file: BinaryIO, name: str) -> None:
        try:
            for item in read_rdb_part(file, name):
                if item is not None:
                    self._take_item(item)
        except RdbError as error:
            raise ExchangeError(str(error)) from error

    def take_live(self, server: LiveServer, only_db: int | None = None) -> None:
        """Import the keys of a running server; each as it is when its turn comes.

        Args:
            server: the server.
            only_db: the database to import; None for all.

        Raises:
            LiveError: the server refuses, or is gone.
            ExchangeError: a value cannot be read.
        """
        for item in read_live(server, only_db, self._notices.append):
            self._take_item(item)

    def _lose(self, loss: Loss) -> None:
        self._losses.append(str(loss))

    def _turn_to(self, at_ms: int) -> None:
        """Move the clock on to a time that has passed, but to none that is to come."""
        self._now_ms = max(self._now_ms, min(at_ms, self._started_ms))

    def _take_item(self, item: Item) -> None:
        if isinstance(item, Made):
            if self._log is None:  # what comes first says when the history begins
                self._now_ms = min(item.at_ms, self._started_ms)
            self._turn_to(item.at_ms)
            return
        if isinstance(item, Library):
            self._run([[b"FUNCTION", b"LOAD", item.source]], "a library of functions")
            return
        if isinstance(item, Foreign):
            keys = self._foreign.setdefault(item.module, [])
            if item.key is not None:
                keys.append(f"{item.key!r} in database {item.db}")
            return
        commands = list(build_commands(item.key, item.value, item.deadline_ms))
        if len(commands) > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        self._select(item.db, "a key")
        self._run(commands, f"key {item.key!r}")

    def _judge_foreign(self) -> None:
        """Refuse, or tell, what only a module can read."""
        for module, keys in self._foreign.items():
            if not keys:
                text = f"passed over what module type {module} keeps besides its keys"
                self._notices.append(text)
                continue
            shown = ", ".join(keys[:_KEYS_SHOWN])
            more = f" and {len(keys) - _KEYS_SHOWN} more" * (len(keys) > _KEYS_SHOWN)
            text = f"{len(keys)} keys are of module type {module}: {shown}{more}"
            if not self._skips_modules:
                raise ExchangeError(f"{text}; --skip-modules leaves them out")
            self._notices.append(f"left out: {text}")

    def _take_steps(self, steps: Iterator[Step], name: str) -> None:
        for step in steps:
            is_timed = step.at_ms is not None
            if step.at_ms is not None:
                if self._log is None:
                    self._now_ms = min(step.at_ms, self._started_ms)
                self._turn_to(step.at_ms)
            self._turn_to(_delivery_ms(step.argv))
            self._change_session(is_timed=is_timed)
            where = f"{name}: the command before byte {step.end}"
            for refusal in self._run([step.argv], where, is_lenient=True):
                text = f"{where} is refused, as by a server that loads it: {refusal}"
                self._losses.append(text)

    def _change_session(self, *, is_timed: bool) -> None:
        """Say in the log whether the times of what follows are known."""
        session = self._sessions[is_timed]
        if session is not self._session and self._session.queued is None:
            session.db = self._session.db
            self._session = session

    def _select(self, db: int, where: str) -> None:
        if db != self._session.db.index:
            self._run([[b"SELECT", b"%d" % db]], where)

    def _run(
        self, commands: list[Argv], where: str, *, is_lenient: bool = False
    ) -> list[str]:
        """Run commands.

        Args:
            commands: the commands.
            where: what to call them in errors.
            is_lenient: whether refusals are returned, of commands that are known.

        Returns:
            What was refused, and why.

        Raises:
            ExchangeError: a command is refused.
        """
        engine = self._engine
        engine.context.read_clock()
        self._open_log()
        refused: list[str] = []
        for argv in commands:
            for text in _refusals(engine.run(self._session, [argv])):
                words = b" ".join(argv)[:80].decode(errors="replace")
                if not is_lenient or "unknown " in text:
                    raise ExchangeError(f"{where}: {words} is refused: {text}")
                refused.append(f"{words}: {text}")
        self._commands += len(commands)
        if len(engine.outbox.entries) >= _ENTRIES_A_WRITE:
            self._write()
        return refused

    def _write(self) -> None:
        entries = self._engine.outbox.entries
        if entries:
            log = self._open_log()
            log.append(entries, log.last_seq)
            entries.clear()
        self._progress(self._commands)


def _refusals(reply: bytes) -> list[str]:
    """Return the errors of a reply, or within the replies of an EXEC."""
    if reply.startswith(b"-"):
        return [reply[1:].rstrip().decode(errors="replace")]
    if not reply.startswith(b"*") or b"\r\n-" not in reply:
        return []
    replies = read_reply(io.BytesIO(reply))
    return [str(one) for one in replies if isinstance(one, LiveError)]


def _delivery_ms(argv: Argv) -> int:
    """Return when the entry of an XCLAIM was delivered, which has passed; else 0.

    Servers write so what XREADGROUP and XCLAIM did.
    """
    if argv[0].upper() != b"XCLAIM":
        return 0
    for word, value in pairwise(argv[_CLAIM_OPTIONS_AT:]):
        if word.upper() == b"TIME":
            return parse_int64(value) or 0
    return 0
