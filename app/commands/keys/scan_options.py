"""What SCAN, HSCAN, SSCAN and ZSCAN have in common: cursors, options, the reply."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.keyspace.glob import Matcher, compile_glob
from joblog.app.keyspace.scan import CURSOR_MAX
from joblog.app.reply import BulkList
from joblog.app.table.arguments import integer

_COUNT: Final = 10
_CURSOR: Final = re.compile(rb"[+-]?\d{1,64}|")


class ScanOptions(NamedTuple):
    """The options of a command of the SCAN family.

    Attributes:
        matches: tells whether a key or element matches, or None: all do.
        limit: how many elements to look at.
        kind: the name of a type that keys must have, in lower case, or None.
        is_without_values: whether only the fields of a hash are wanted.
    """

    matches: Matcher | None
    limit: int
    kind: bytes | None
    is_without_values: bool


def scan_cursor(argument: bytes) -> int:
    """Return a cursor: an unsigned 64-bit integer.

    As in C a negative number counts back from 2**64; nothing at all is 0.

    Raises:
        CommandError: it is not one.
    """
    is_number = _CURSOR.fullmatch(argument) is not None
    value = int(argument or b"0") if is_number else CURSOR_MAX + 1
    if abs(value) > CURSOR_MAX:
        raise CommandError(errors.INVALID_CURSOR)
    return value % (CURSOR_MAX + 1)


def scan_options(
    options: tuple[bytes, ...], *, takes_type: bool = False, has_values: bool = False
) -> ScanOptions:
    """Read MATCH, COUNT and, for SCAN alone, TYPE, for HSCAN alone NOVALUES.

    Args:
        options: the arguments behind the cursor.
        takes_type: whether TYPE is known.
        has_values: whether NOVALUES makes sense.

    Raises:
        CommandError: an unknown option, one without its value, or a bad COUNT.
    """
    matches: Matcher | None = None
    count = _COUNT
    kind: bytes | None = None
    is_without_values = False
    words = iter(options)
    for word in words:
        name = word.upper()
        if name == b"NOVALUES":
            if not has_values:
                raise CommandError(errors.NOVALUES)
            is_without_values = True
            continue
        value = next(words, None)
        if value is None:
            raise CommandError(errors.SYNTAX)
        if name == b"COUNT":
            count = integer(value)
            if count < 1:
                raise CommandError(errors.SYNTAX)
        elif name == b"MATCH":
            matches = None if value == b"*" else compile_glob(value)
        elif name == b"TYPE" and takes_type:
            kind = value.lower()
        else:
            raise CommandError(errors.SYNTAX)
    return ScanOptions(matches, count, kind, is_without_values)


def scan_reply(cursor: int, elements: list[bytes]) -> list[object]:
    """Return the reply of a SCAN: the next cursor and the elements."""
    return [b"%d" % cursor, BulkList(elements)]
