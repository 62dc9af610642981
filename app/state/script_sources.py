"""What EVAL, FCALL and FUNCTION LOAD read of their arguments and of a first line.

    #!lua flags=no-writes,allow-oom        a script
    #!lua name=library                     a library of functions

Source: Redis 7.2; see tests/parity/test_scripting.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.types.numbers import parse_int64
from joblog.app.words import split_words

SCRIPT_FLAGS: Final = (
    b"no-writes",
    b"allow-oom",
    b"allow-stale",
    b"no-cluster",
    b"allow-cross-slot-keys",
)
"""What a script, or a function, may say of itself, in the order of FUNCTION LIST."""

_NAME_BYTES = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
)


class Shebang(NamedTuple):
    """The first line of a library.

    Attributes:
        engine: the language, as it is given.
        name: the library's name.
    """

    engine: bytes
    name: bytes


def count_keys(
    numkeys: bytes, rest: tuple[bytes, ...], *, bad_count: bytes = errors.NOT_AN_INTEGER
) -> int:
    """Return how many of the words behind a count of keys are keys.

    Raises:
        CommandError: the count is no integer, is negative, or too large.
    """
    count = parse_int64(numkeys)
    if count is None:
        raise CommandError(bad_count)
    if count > len(rest):
        raise CommandError(errors.TOO_MANY_KEYS)
    if count < 0:
        raise CommandError(errors.NEGATIVE_KEY_COUNT)
    return count


def read_script_flags(source: bytes) -> frozenset[bytes] | None:
    """Return the flags of a script's first line; None where it has none to read.

    Raises:
        CommandError: the first line is not one that Redis understands.
    """
    if not source.startswith(b"#!"):
        return None
    line, newline, _ = source.partition(b"\n")
    if not newline:
        raise CommandError(errors.INVALID_SHEBANG)
    words = split_words(line)
    if not words or words[0] != b"#!lua":
        raise CommandError(errors.unexpected_engine(words[0] if words else line))
    flags: set[bytes] = set()
    for word in words[1:]:
        if not word.startswith(b"flags="):
            raise CommandError(errors.unknown_shebang_option(word))
        named = word.removeprefix(b"flags=")
        for flag in named.split(b",") if named else ():
            if flag not in SCRIPT_FLAGS:
                raise CommandError(errors.unexpected_script_flag(flag))
            flags.add(flag)
    return frozenset(flags)


def read_library_shebang(source: bytes) -> Shebang:
    """Return what the first line of a library says.

    Raises:
        CommandError: it does not say it as Redis wants it said.
    """
    if not source.startswith(b"#!"):
        raise CommandError(errors.NO_LIBRARY_METADATA)
    line, newline, _ = source.partition(b"\n")
    words = split_words(line) if newline else None
    if not words:
        raise CommandError(errors.INVALID_LIBRARY_METADATA)
    name: bytes | None = None
    for word in words[1:]:
        if word[:5].lower() != b"name=":
            raise CommandError(errors.invalid_metadata(word))
        if name is not None:
            raise CommandError(errors.LIBRARY_NAME_TWICE)
        name = word[5:]
    if name is None:
        raise CommandError(errors.NO_LIBRARY_NAME)
    if not name or not _NAME_BYTES.issuperset(name):
        raise CommandError(errors.BAD_LIBRARY_NAME)
    engine = words[0][2:]
    if engine.lower() != b"lua":
        raise CommandError(errors.engine_not_found(engine))
    return Shebang(engine, name)
