r"""Append-only files, as Redis writes and loads them.

    #TS:1700000000\r\n                     the time of what follows, in seconds
    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n          a command in RESP
    *1\r\n$5\r\nMULTI\r\n ... EXEC           a record of several effects: all or none

Since Redis 7 such a file may be one of several, which a manifest names
(`joblog.replay.exchange.manifests`).

Source: Redis 7.0.15; tests/replay/test_exchange.py has it load what is written here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from joblog.app.history.value_commands import build_commands
from joblog.app.protocol.encoder import encode_bulks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.words import Argv
    from joblog.storage.record import Record


_ASKED_AT_ONCE = 1 << 16
_DIGITS_MAX = 18
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

    def __init__(self, file: BinaryIO, *, has_times: bool = True) -> None:
        """Begin a file; whoever opened it closes it.

        Args:
            file: open for writing, in binary.
            has_times: whether records have their times, which Redis reads since 7.0.
        """
        self._file = file
        self._has_times = has_times
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
        seconds = record.clock_ms // 1000
        if seconds != self._seconds and self._has_times:
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


class Loss(NamedTuple):
    """Something in a file that is not taken, though the file is.

    Attributes:
        name: the file.
        at: where it begins, in bytes.
        text: what it is, and why it is not taken.
    """

    name: str
    at: int
    text: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.name}: from byte {self.at}: {self.text}"


class AofReader:
    """Reads the commands of one file, as a server does that loads it.

    Commands behind a MULTI run at its EXEC. Where a MULTI never ended and another
    follows, a server runs the commands of both at the next EXEC; so they are given as
    one transaction here. What the end of the file cuts off is left out, and told.
    """

    def __init__(
        self, file: BinaryIO, name: str, lose: Callable[[Loss], None], *, is_last: bool
    ) -> None:
        """Begin where the file stands.

        Args:
            file: open for reading, in binary; a real file.
            name: what to call it in errors.
            lose: is told what is left out.
            is_last: no other file follows: its end may be torn.
        """
        self._file = file
        self._name = name
        self._lose = lose
        self._is_last = is_last
        self._size = os.fstat(file.fileno()).st_size
        self._at_ms: int | None = None
        self._started = file.tell()
        self._pending: list[Step] | None = None
        self._pending_at = 0

    def steps(self) -> Iterator[Step]:
        """Yield the commands in the order in which they are to run.

        Raises:
            ExchangeError: the file is damaged anywhere but at the end of the last one.
        """
        while argv := self._next():
            step = Step(argv, self._at_ms, self._file.tell())
            verb = argv[0].upper()
            if verb == b"MULTI":
                self._begin(step)
            elif self._pending is None:
                yield step
            else:
                self._pending.append(step)
                if verb == b"EXEC":
                    yield from self._pending
                    self._pending = None
        if self._pending is not None:
            verbs = b" ".join(step.argv[0] for step in self._pending[1:6])
            self._cut_off(
                self._pending_at,
                f"a transaction that never ends, of {len(self._pending) - 1} commands: "
                f"{verbs.decode(errors='replace')}",
            )

    def _begin(self, step: Step) -> None:
        if self._pending is None:
            self._pending, self._pending_at = [step], self._started
            return
        text = (
            "a MULTI inside of the transaction that began at byte "
            f"{self._pending_at}; the commands of both are taken as one"
        )
        self._lose(Loss(self._name, self._started, text))

    def _next(self) -> Argv | None:
        """Return the next command; None at the end, and where it cuts one off."""
        while True:
            self._started = self._file.tell()
            line = self._file.readline()
            if not line:
                return None
            if not line.startswith(_NOTE):
                break
            if line.startswith(_TIME_NOTE) and line.endswith(b"\n"):
                self._at_ms = self._number(line[len(_TIME_NOTE) :]) * 1000
        argv = self._read_command(line)
        if argv is None:
            size = self._size - self._started
            is_empty = not line.strip(b"\0")
            what = "zeroes" if is_empty else "a command that has no end"
            self._cut_off(self._started, f"{size} bytes of {what}")
            # Nothing that follows could be told from the rest of what is cut off.
            self._file.seek(0, os.SEEK_END)
        return argv

    def _cut_off(self, at: int, what: str) -> None:
        if not self._is_last:
            raise ExchangeError(
                f"{self._name}: from byte {at}: {what}; only the last of several files "
                "may be cut off, so there was more"
            )
        self._lose(Loss(self._name, at, f"left out {what}"))

    def _read_command(self, line: bytes) -> Argv | None:
        """Read a command whose first line was read; None where the file ends in it."""
        if not line.strip(b"\0"):
            return None
        if not line.startswith(b"*"):
            raise self._damage(f"{line[:20]!r}", "'*' and a number")
        if not line.endswith(b"\n"):
            return None
        argv = []
        for _ in range(self._number(line[1:])):
            head = self._file.readline()
            if head.strip(b"\0") and not head.startswith(b"$"):
                raise self._damage(f"{head[:20]!r}", "'$' and a length")
            if not head.endswith(b"\n"):
                return None
            size = self._number(head[1:])
            if size > _ASKED_AT_ONCE and size + 2 > self._size - self._file.tell():
                return None
            data = self._file.read(size + 2)
            if len(data) < size + 2:
                return None
            argv.append(data[:-2])
        if not argv:
            raise self._damage("a command of no words", "one with words")
        return argv

    def _number(self, text: bytes) -> int:
        digits = text.rstrip(b"\r\n")
        if not digits.isdigit() or len(digits) > _DIGITS_MAX:
            raise self._damage(f"{digits[:20]!r}", "a number")
        return int(digits)

    def _damage(self, found: str, expected: str) -> ExchangeError:
        return ExchangeError(
            f"{self._name}: before byte {self._file.tell()}: found {found}, expected "
            f"{expected}; redis-check-aof can mend it"
        )
