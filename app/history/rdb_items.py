"""RDB files: one moment of a server, as Redis and Valkey write and load it.

    REDIS0011 | VALKEY080          magic and version, 9 bytes
    0xfa | name | text             a remark
    0xf5 | source                  a library of functions
    0xfe | db                      the database of what follows
    0xfb | keys | with deadlines   a hint
    0xfc | ms (8)  0xfd | s (4)    the deadline of the next key
    0xf4 | slot | sizes            a hint of a cluster; passed over
    0xf7 | module | parts          what a module keeps besides its keys
    0xf8 | idle    0xf9 | use (1)  how the next key was used; passed over
    kind | key | value             see `joblog.app.types.rdb_values`
    0xff | CRC-64 (8)              the end; zeroes where the server made no checksum

Source: the RDB format, as Redis 7.0.15 and Valkey 9.1 write it.
"""

from __future__ import annotations

import mmap
import string
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast

from joblog.app.history.rdb_files import (
    CRC_BYTES,
    DATABASE,
    DEADLINE_MS,
    END,
    HINT,
    LIBRARY,
    REMARK,
)
from joblog.app.types.crc64 import crc64
from joblog.app.types.rdb_reader import Reader
from joblog.app.types.rdb_rows import WINDOW_BYTES, Row, read_rows
from joblog.app.types.rdb_values import decode_in_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGICS: Final = (b"REDIS", b"VALKEY")
_HEADER_BYTES: Final = 9
_SLOT, _OF_MODULE = 0xF4, 0xF7
_MODULE_VALUE: Final = 7
_IDLE, _USE, _DEADLINE = 0xF8, 0xF9, 0xFD
_MODULE_END, _MODULE_SIGNED, _MODULE_UNSIGNED, _MODULE_STRING = 0, 1, 2, 5
_MODULE_BYTES: Final = {3: 4, 4: 8}
_MODULE_NAME_BITS: Final = 10
"""A module's number: nine letters of six bits each above a version of ten."""

_MODULE_LETTERS: Final = (
    string.ascii_uppercase + string.ascii_lowercase + "0123456789-_"
)
_TIME_REMARK: Final = b"ctime"
_CHECKED_AT_ONCE: Final = 1 << 17


class RdbError(Exception):
    """A file is no RDB file, or it is damaged; the text says where and why."""


class Library(NamedTuple):
    """A library of functions in a file."""

    source: bytes


class Made(NamedTuple):
    """When a file was made, in ms since the epoch."""

    at_ms: int


class Key(NamedTuple):
    """A key in a file.

    Attributes:
        db: its database.
        key: its name.
        value: its value, as a database holds it.
        deadline_ms: when it expires, in ms since the epoch; None for never.
    """

    db: int
    key: bytes
    value: Any
    deadline_ms: int | None


class Rows(NamedTuple):
    """Small keys of a file that follow each other.

    Attributes:
        db: their database.
        rows: see `joblog.app.types.rdb_rows`.
    """

    db: int
    rows: list[Row]


class Foreign(NamedTuple):
    """What a module keeps, which only a server with that module can read.

    Attributes:
        module: the name of its type, 9 characters.
        db: the database of the key.
        key: its name; None for what is kept besides the keys.
    """

    module: str
    db: int
    key: bytes | None


Item = Made | Library | Key | Foreign


def read_rdb_part(file: BinaryIO, name: str) -> Iterator[Item | None]:
    """Yield what an RDB file holds, and leave the file behind its end.

    Args:
        file: a real file, open for reading, at its start.
        name: what to call it in errors.

    Yields:
        An item; None after each step of a large value, and of the checksum.

    Raises:
        RdbError: it is no such file, or damaged.
    """
    return cast("Iterator[Item | None]", _read_part(file, name, by_rows=False))


def read_rdb_rows(file: BinaryIO, name: str) -> Iterator[Item | Rows | None]:
    """Yield what `read_rdb_part` does, but small keys that follow each other at once.

    Raises:
        RdbError: it is no such file, or damaged.
    """
    return _read_part(file, name, by_rows=True)


def _read_part(
    file: BinaryIO, name: str, *, by_rows: bool
) -> Iterator[Item | Rows | None]:
    try:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise RdbError(f"{name}: an empty file") from error
    with data:
        if not data[:_HEADER_BYTES].startswith(MAGICS):
            raise RdbError(f"{name}: no RDB file: it begins {data[:5]!r}")
        # A map's slices are bytes, which is all that a reader asks of its data.
        reader = Reader(data, _HEADER_BYTES)  # type: ignore[arg-type]
        try:
            yield from _read_items(reader, _Rows(data) if by_rows else None)
            end = reader.at
            crc = reader.number(CRC_BYTES)
        except ValueError as error:
            raise RdbError(f"{name}: damaged at byte {reader.at}: {error}") from error
        if crc:
            yield from _check(data, end, crc, name)
        file.seek(reader.at)


class _Rows:
    """Reads small keys out of a window on a file."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._window = b""
        self._begins = 0

    def read(self, reader: Reader) -> list[Row]:
        """Return the small keys that a reader comes to, and have it pass over them."""
        rows, end = read_rows(self._window, reader.at - self._begins)
        if not rows:
            self._begins = reader.at
            self._window = self._data[reader.at : reader.at + WINDOW_BYTES]
            rows, end = read_rows(self._window, 0)
        reader.at = self._begins + end
        return rows


def _read_items(reader: Reader, by_rows: _Rows | None) -> Iterator[Item | Rows | None]:
    db = 0
    deadline_ms: int | None = None
    while True:
        while by_rows is not None and deadline_ms is None:
            if not (rows := by_rows.read(reader)):
                break
            yield Rows(db, rows)
        code = reader.number(1)
        if code == END:
            return
        if code == DATABASE:
            db = reader.length()
        elif code == DEADLINE_MS:
            deadline_ms = reader.number(8, is_signed=True)
        elif code == _DEADLINE:
            deadline_ms = reader.number(4) * 1000
        elif code == LIBRARY:
            yield Library(reader.string())
        elif code == REMARK:
            name, text = reader.string(), reader.string()
            if name == _TIME_REMARK and text.isdigit():
                yield Made(int(text) * 1000)
        elif code in (_SLOT, HINT, _IDLE, _USE):
            _pass_over(reader, code)
        elif code == _OF_MODULE:
            yield Foreign(_pass_module(reader), db, None)
        elif code == _MODULE_VALUE:
            key = reader.string()
            yield Foreign(_pass_module(reader), db, key)
            deadline_ms = None
        else:
            key = reader.string()
            value = yield from decode_in_steps(code, reader)
            yield Key(db, key, value, deadline_ms)
            deadline_ms = None


def _pass_over(reader: Reader, code: int) -> None:
    if code == _USE:
        reader.number(1)
        return
    for _ in range({_SLOT: 3, HINT: 2, _IDLE: 1}[code]):
        reader.length()


def _pass_module(reader: Reader) -> str:
    """Pass over the parts that a module has written; return the name of its type.

    Raises:
        ValueError: it is damaged, or of before Redis 4's final form.
    """
    module = reader.length()
    while (part := reader.length()) != _MODULE_END:
        if part in (_MODULE_SIGNED, _MODULE_UNSIGNED):
            reader.length()
        elif part == _MODULE_STRING:
            reader.string()
        elif part in _MODULE_BYTES:
            reader.take(_MODULE_BYTES[part])
        else:
            raise ValueError(f"{part} is no kind of part of a module's value")
    shifts = range(_MODULE_NAME_BITS, 64, 6)
    return "".join(_MODULE_LETTERS[module >> shift & 63] for shift in reversed(shifts))


def module_of(payload: bytes) -> str:
    """Return the module type of the value in a DUMP payload; "" of Redis's own.

    Raises:
        ValueError: it is damaged.
    """
    if payload[:1] != bytes([_MODULE_VALUE]):
        return ""
    return _pass_module(Reader(payload, 1))


def _check(data: Any, end: int, crc: int, name: str) -> Iterator[None]:
    found = 0
    for start in range(0, end, _CHECKED_AT_ONCE):
        found = crc64(data[start : min(start + _CHECKED_AT_ONCE, end)], found)
        yield None
    if found != crc:
        raise RdbError(
            f"{name}: checksum {found:#018x}, expected {crc:#018x}: the file is damaged"
        )
