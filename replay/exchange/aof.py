r"""Append-only files, as Redis writes and loads them.

    #TS:1700000000\r\n                     the time of what follows, in seconds
    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n          a command in RESP
    *1\r\n$5\r\nMULTI\r\n ... EXEC           a record of several effects: all or none

Since Redis 7 such a file may be one of several, which a manifest names: a base (an RDB
file, or one like this) and increments.

Source: Redis 7.0.15; tests/replay/test_exchange.py has it load what is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from app.protocol.encoder import encode_bulks
from replay.value_commands import build_commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.keyspace.keyspace import Keyspace
    from storage.record import Record

Argv = list[bytes]

_MANIFEST_WORDS_LEAST = 6
_NOTE = b"#"
_TIME_NOTE = b"#TS:"


class ExchangeError(Exception):
    """A file of another server cannot be read or written; the text says where, why."""


class Step(NamedTuple):
    """One command of a file.

    Attributes:
        argv: the command.
        at_ms: its time, in ms since the epoch; None where the file does not tell.
        end: the place behind it, in bytes.
    """

    argv: Argv
    at_ms: int | None
    end: int


# --- writing ---------------------------------------------------------------------


class AofWriter:
    """Writes commands to a file."""

    def __init__(self, file: BinaryIO) -> None:
        """Begin a file; whoever opened it closes it.

        Args:
            file: open for writing, in binary.
        """
        self._file = file
        self._db = -1
        self._seconds = 0
        self.commands = 0

    def write_keyspace(self, keyspace: Keyspace) -> None:
        """Write what builds a keyspace from nothing."""
        for source in keyspace.libraries.values():
            self._write([b"FUNCTION", b"LOAD", source])
        for database in keyspace.databases:
            for key, value in database.values.items():
                self._select(database.index)
                for argv in build_commands(key, value, database.deadlines.get(key)):
                    self._write(argv)

    def write_record(self, record: Record) -> None:
        """Write what a record did, with its time; nothing for one without effects."""
        effects = record.effects
        if not effects:
            return
        seconds = record.at_ms // 1000
        if seconds != self._seconds:
            self._seconds = seconds
            self._file.write(b"%b%d\r\n" % (_TIME_NOTE, seconds))
        self._select(record.db)
        if len(effects) > 1:
            self._write([b"MULTI"])
        for argv in effects:
            if argv[0].upper() == b"SELECT":
                self._db = int(argv[1])
            self._write(argv)
        if len(effects) > 1:
            self._write([b"EXEC"])

    def _select(self, db: int) -> None:
        if db != self._db:
            self._db = db
            self._write([b"SELECT", b"%d" % db])

    def _write(self, argv: Argv) -> None:
        self._file.write(encode_bulks(argv))
        self.commands += 1


# --- reading ---------------------------------------------------------------------


def read_aof(file: BinaryIO, name: str) -> Iterator[Step]:
    """Yield the commands of a file from where it stands.

    A transaction that the end of the file cuts off is left out, as is a command: that
    is how a server would load it.

    Args:
        file: open for reading, in binary.
        name: what to call it in errors.

    Raises:
        ExchangeError: it is damaged anywhere but at its very end.
    """
    at_ms: int | None = None
    pending: list[Step] | None = None
    while line := file.readline():
        if line.startswith(_NOTE):
            if line.startswith(_TIME_NOTE):
                at_ms = _number(line[len(_TIME_NOTE) :], file, name) * 1000
            continue
        argv = _read_command(line, file, name)
        if argv is None:
            return
        step = Step(argv, at_ms, file.tell())
        verb = argv[0].upper()
        if verb == b"MULTI":
            pending = [step]
        elif pending is None:
            yield step
        else:
            pending.append(step)
            if verb == b"EXEC":
                yield from pending
                pending = None


def _read_command(line: bytes, file: BinaryIO, name: str) -> Argv | None:
    """Read a command whose first line was read; None where the file ends within it."""
    if not line.endswith(b"\n"):
        return None
    if not line.startswith(b"*"):
        raise _damage(file, name, f"{line[:20]!r}", "'*' and a number")
    argv = []
    for _ in range(_number(line[1:], file, name)):
        head = file.readline()
        if not head.endswith(b"\n"):
            return None
        if not head.startswith(b"$"):
            raise _damage(file, name, f"{head[:20]!r}", "'$' and a length")
        size = _number(head[1:], file, name)
        data = file.read(size + 2)
        if len(data) < size + 2:
            return None
        argv.append(data[:-2])
    if not argv:
        raise _damage(file, name, "a command of no words", "one with words")
    return argv


def _number(text: bytes, file: BinaryIO, name: str) -> int:
    digits = text.rstrip(b"\r\n")
    if not digits.isdigit():
        raise _damage(file, name, f"{digits[:20]!r}", "a number")
    return int(digits)


def _damage(file: BinaryIO, name: str, found: str, expected: str) -> ExchangeError:
    return ExchangeError(
        f"{name}: before byte {file.tell()}: found {found}, expected {expected}; "
        "redis-check-aof can mend it"
    )


def find_parts(path: Path) -> list[Path]:
    """Return the files that make up an append-only file, in the order to load them.

    Args:
        path: a file; a manifest; or the folder that has one.

    Raises:
        ExchangeError: there is no such file, or no manifest in the folder.
    """
    if path.is_dir():
        manifests = sorted(path.glob("*.manifest"))
        if len(manifests) != 1:
            raise ExchangeError(f"{path}: {len(manifests)} manifests, expected one")
        path = manifests[0]
    if path.suffix != ".manifest":
        if not path.is_file():
            raise ExchangeError(f"{path}: no such file")
        return [path]
    parts: list[tuple[bool, int, Path]] = []
    for line in path.read_text().splitlines():
        words = line.split()
        facts = dict(zip(words[::2], words[1::2], strict=False))
        if len(words) < _MANIFEST_WORDS_LEAST or not facts.keys() >= {"file", "type"}:
            raise ExchangeError(f"{path}: {line!r} names no file")
        if facts["type"] in ("b", "i"):  # and not history, which is to be deleted
            part = path.with_name(facts["file"])
            parts.append((facts["type"] == "i", int(facts["seq"]), part))
    missing = [part for _, _, part in parts if not part.is_file()]
    if missing:
        raise ExchangeError(f"{missing[0]}: no such file, but {path.name} names it")
    return [part for _, _, part in sorted(parts)]
