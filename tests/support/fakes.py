"""Fakes that tests share: a clock that stands still, a disk that fails, a slow log."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.actors.inbox import ActorReceiver, Inbox
from joblog.storage.errors import SequenceMismatchError
from joblog.storage.filesystem import FileSystem
from joblog.storage.room import Room

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from random import Random

    from joblog.actors.loop import Loop
    from joblog.storage.record import Draft


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, at_ms: int = 1_700_000_000_000) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def advance(self, ms: int) -> None:
        self.at_ms += ms


class KilledError(BaseException):
    """The process died here. Every call after it dies too, until `restart`."""


class Fault(NamedTuple):
    """What happens to one call of a `FaultyFileSystem`.

    Attributes:
        effect: an errno: the call fails. "short": a write takes half of its bytes.
            "torn": it takes half of its bytes, and then fails with EIO. "kill": the
            process dies before the call. "kill after": it dies after it. "kill half":
            after half of the bytes.
        call: the method that it happens to; "" for any.
        skip: how many such calls go well before.
        times: how many calls it happens to.
    """

    effect: int | str
    call: str = ""
    skip: int = 0
    times: int = 1


@dataclass
class _Inode:
    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    is_locked: bool = False

    def torn(self, random: Random) -> bytes:
        """Return what a power cut may leave: any mix of sectors, old and new."""
        sizes = sorted((len(self.data), len(self.durable)))
        size = random.randint(*sizes)
        sector = 64
        old, new = (bytes(it).ljust(size, b"\0") for it in (self.durable, self.data))
        return b"".join(
            random.choice((old, new))[start : min(start + sector, size)]
            for start in range(0, size, sector)
        )


@dataclass
class _Folder:
    entries: dict[str, _Inode | _Folder] = field(default_factory=dict)
    durable: dict[str, _Inode | _Folder] = field(default_factory=dict)
    history: list[dict[str, _Inode | _Folder]] = field(default_factory=list)

    def changed(self) -> None:
        self.history.append(dict(self.entries))


class _OpenFile(NamedTuple):
    inode: _Inode
    has_lock: bool = False


class FaultyFileSystem(FileSystem):
    """A disk in memory that fails as it is told, and forgets what was not synced.

    It is as mean as POSIX allows: fsync of a file does not make its name durable.

    Attributes:
        calls: the names of the methods called so far, in order.
        size_bytes: how much it holds; what is written is not held against it.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.size_bytes = 1 << 40
        self._faults: list[Fault] = []
        self._is_dead = False
        self._root = _Folder()
        self._open: dict[int, _OpenFile] = {}
        self._next_file = 100

    # --- What tests do to it ---------------------------------------------------------

    def fail(self, fault: Fault) -> None:
        """Let a later call fail."""
        self._faults.append(fault)

    def restart(self) -> None:
        """The process died, the machine stayed up: files and locks are closed."""
        self._is_dead = False
        self._faults.clear()
        for file in self._open.values():
            file.inode.is_locked = False
        self._open.clear()

    def cut_power(self, random: Random | None = None) -> None:
        """The machine died: what was not synced is gone, or at random a part of it."""
        self.restart()
        self._forget(self._root, random)

    def read_file(self, path: Path | str) -> bytes:
        """Return a file's bytes."""
        return bytes(self._inode(Path(path)).data)

    def write_file(self, path: Path | str, data: bytes) -> None:
        """Replace a file's bytes, or make the file, durably."""
        path = Path(path)
        folder = self._folder(path.parent)
        inode = _Inode(bytearray(data), data)
        folder.entries[path.name] = folder.durable[path.name] = inode

    @property
    def open_files(self) -> int:
        """How many files are open."""
        return len(self._open)

    def _forget(self, folder: _Folder, random: Random | None) -> None:
        kept = folder.durable
        if random is not None:
            kept = random.choice([kept, *folder.history])
        folder.entries, folder.durable = dict(kept), dict(kept)
        folder.history.clear()
        for node in kept.values():
            if isinstance(node, _Folder):
                self._forget(node, random)
            else:
                node.durable = node.torn(random) if random else node.durable
                node.data = bytearray(node.durable)

    # --- Faults ----------------------------------------------------------------------

    def _call(self, name: str) -> int | str:
        """Count a call; return the effect that it has to suffer, 0 for none."""
        if self._is_dead:
            raise KilledError
        self.calls.append(name)
        effect: int | str = 0
        for index, fault in enumerate(self._faults):
            if fault.call not in {"", name}:
                continue
            if fault.skip:
                self._faults[index] = fault._replace(skip=fault.skip - 1)
            elif fault.times:
                self._faults[index] = fault._replace(times=fault.times - 1)
                effect = fault.effect
        if effect == "kill":
            self._is_dead = True
            raise KilledError
        if isinstance(effect, int) and effect:
            raise OSError(effect, os.strerror(effect))
        return effect

    def _return(self, effect: int | str) -> None:
        if isinstance(effect, str) and effect.startswith("kill"):
            self._is_dead = True
            raise KilledError

    # --- Paths -----------------------------------------------------------------------

    def _folder(self, path: Path) -> _Folder:
        node: _Inode | _Folder = self._root
        for part in path.parts[1:]:
            if not isinstance(node, _Folder):
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(path))
            if part not in node.entries:
                raise FileNotFoundError(errno.ENOENT, "no such folder", str(path))
            node = node.entries[part]
        if not isinstance(node, _Folder):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(path))
        return node

    def _inode(self, path: Path) -> _Inode:
        node = self._folder(path.parent).entries.get(path.name)
        if not isinstance(node, _Inode):
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return node

    def _opened(self, inode: _Inode, *, has_lock: bool = False) -> int:
        self._next_file += 1
        self._open[self._next_file] = _OpenFile(inode, has_lock)
        return self._next_file

    def _at(self, file: int) -> _Inode:
        if file not in self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._open[file].inode

    # --- FileSystem ------------------------------------------------------------------

    def mkdir(self, folder: Path) -> None:
        effect = self._call("mkdir")
        parent = self._folder(folder.parent)
        if folder.name in parent.entries or folder == folder.parent:
            raise FileExistsError(errno.EEXIST, "folder exists", str(folder))
        parent.entries[folder.name] = _Folder()
        parent.changed()
        self._return(effect)

    def listdir(self, folder: Path) -> list[str]:
        self._call("listdir")
        return list(self._folder(folder).entries)

    def create(self, path: Path) -> int:
        effect = self._call("create")
        folder = self._folder(path.parent)
        if path.name in folder.entries:
            raise FileExistsError(errno.EEXIST, "file exists", str(path))
        inode = folder.entries[path.name] = _Inode()
        folder.changed()
        self._return(effect)
        return self._opened(inode)

    def open_to_append(self, path: Path) -> int:
        self._call("open_to_append")
        return self._opened(self._inode(path))

    def open_to_read(self, path: Path) -> int:
        self._call("open_to_read")
        return self._opened(self._inode(path))

    def close(self, file: int) -> None:
        inode = self._at(file) if not self._is_dead else _Inode()
        self._call("close")
        if self._open.pop(file).has_lock:
            inode.is_locked = False

    def write(self, file: int, data: bytes | memoryview) -> int:
        effect = self._call("write")
        taken = len(data) if effect in {0, "kill after"} else len(data) // 2
        self._at(file).data += data[:taken]
        self._return(effect)
        if effect == "torn":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return taken

    def read_at(self, file: int, length: int, offset: int) -> bytes:
        self._call("read_at")
        return bytes(self._at(file).data[offset : offset + length])

    def size(self, file: int) -> int:
        self._call("size")
        return len(self._at(file).data)

    def room(self, folder: Path) -> Room:
        self._call("room")
        return Room(self.size_bytes - self._used(self._root), self.size_bytes)

    def _used(self, folder: _Folder) -> int:
        return sum(
            self._used(node) if isinstance(node, _Folder) else len(node.data)
            for node in folder.entries.values()
        )

    def truncate(self, file: int, size: int) -> None:
        effect = self._call("truncate")
        del self._at(file).data[size:]
        self._return(effect)

    def fsync(self, file: int) -> None:
        effect = self._call("fsync")
        inode = self._at(file)
        inode.durable = bytes(inode.data)
        self._return(effect)

    def fdatasync(self, file: int) -> None:
        effect = self._call("fdatasync")
        inode = self._at(file)
        inode.durable = bytes(inode.data)
        self._return(effect)

    def rename(self, source: Path, target: Path) -> None:
        effect = self._call("rename")
        inode = self._inode(source)
        folder = self._folder(source.parent)
        del folder.entries[source.name]
        self._folder(target.parent).entries[target.name] = inode
        folder.changed()
        self._return(effect)

    def link(self, source: Path, target: Path) -> None:
        effect = self._call("link")
        folder = self._folder(target.parent)
        if target.name in folder.entries:
            raise FileExistsError(target)
        folder.entries[target.name] = self._inode(source)
        folder.changed()
        self._return(effect)

    def unlink(self, path: Path) -> None:
        effect = self._call("unlink")
        self._inode(path)
        folder = self._folder(path.parent)
        del folder.entries[path.name]
        folder.changed()
        self._return(effect)

    def sync_directory(self, folder: Path) -> None:
        effect = self._call("sync_directory")
        node = self._folder(folder)
        node.durable = dict(node.entries)
        node.history.clear()
        self._return(effect)

    def flock(self, path: Path) -> int | None:
        self._call("flock")
        folder = self._folder(path.parent)
        if path.name not in folder.entries:
            folder.entries[path.name] = _Inode()
            folder.changed()
        inode = self._inode(path)
        if inode.is_locked:
            return None
        inode.is_locked = True
        return self._opened(inode, has_lock=True)


class MailTrap:
    """Stands in for an actor and keeps what is mailed to it.

    Attributes:
        inbox: where mail is left.
        mail: all messages that the loop has brought, in order.
    """

    def __init__(self, loop: Loop) -> None:
        self.mail: list[object] = []
        self.inbox = Inbox()
        self.inbox.bind(ActorReceiver(self), loop)

    def receive_all(self, inbox: Inbox) -> None:
        """Keep all mail."""
        while not inbox.empty():
            self.mail.append(inbox.take())


class MemoryLog:
    """A `CommandLog` in memory whose records are durable when somebody says so.

    As where several machines keep a log: `sync` returns before all is durable.

    Attributes:
        records: what was appended.
        syncs: the number of the last record at each call of `sync`.
    """

    log_id = "0" * 32
    first_seq = open_first_seq = 1
    needs_sync = has_news = False
    news_at_bytes = 0

    def __init__(self) -> None:
        self.keyspace_digest = None
        self.records: list[Draft] = []
        self.synced_seq = 0
        self.syncs: list[int] = []

    @property
    def last_seq(self) -> int:
        return len(self.records)

    @property
    def size_bytes(self) -> int:
        return len(self.records)

    written_bytes = size_bytes

    @property
    def segments(self) -> list[object]:
        return [self]

    def append(self, drafts: Sequence[Draft], expected_last_seq: int) -> int:
        if expected_last_seq != self.last_seq:
            raise SequenceMismatchError(f"it ends with {self.last_seq}")
        self.records += drafts
        return self.last_seq

    def sync(self) -> int:
        self.syncs.append(self.last_seq)
        return self.synced_seq

    def close(self) -> None:
        self.synced_seq = self.last_seq

    def defer_seals(self) -> None:
        """Do nothing: it is never sealed."""

    def hash_aside(self, ask: object, turn: object) -> None:
        """Hash nothing."""

    def limit_segments(self, segment_bytes_max: int) -> None:
        """Do nothing: it has one."""

    def seal_if_due(self) -> None:
        """Do nothing: it never is."""

    def note_segments(self, first_seq: int, sizes: dict[int, int]) -> None:
        """Do nothing: there is nothing to prune."""


class MemorySource:
    """A `LogSource` of a log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def steps(self) -> Generator[tuple[int, int], None, MemoryLog]:
        yield 0, 0
        return self._log

    def release(self) -> None:
        """Do nothing: nothing is locked."""
