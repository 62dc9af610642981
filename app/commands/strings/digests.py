"""Comparisons of a stored string with what a client thinks it is, or with its digest.

    IFEQ value    IFNE value    IFDEQ digest    IFDNE digest

A digest is the XXH3 hash of 64 bits, in hexadecimal.

Source: Valkey 9.1 for IFEQ, see tests/parity/test_string_conditions.py; the public
documentation of Redis 8.4 for the others, of which there is no server to ask.
"""

from __future__ import annotations

from typing import Final

from xxhash import xxh3_64_hexdigest

from joblog.app import errors
from joblog.app.errors import CommandError

COMPARISONS: Final = frozenset((b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"))

_DIGEST_CHARS: Final = 16


def digest_of(value: bytes) -> bytes:
    """Return the digest of a string. O(N) for N bytes."""
    return xxh3_64_hexdigest(value).encode()


def is_met(value: bytes | None, condition: bytes, expected: bytes) -> bool:
    """Say whether a string is as a client wants it.

    Args:
        value: what is stored, or None where the key is missing: that equals nothing.
        condition: one of `COMPARISONS`.
        expected: the value or the digest to compare with.

    Raises:
        CommandError: `expected` is too short or too long for a digest.
    """
    wants_equal = condition in (b"IFEQ", b"IFDEQ")
    if value is None:
        return not wants_equal
    if condition in (b"IFEQ", b"IFNE"):
        return (value == expected) is wants_equal
    if len(expected) != _DIGEST_CHARS:
        raise CommandError(errors.DIGEST_LENGTH)
    return (digest_of(value) == expected.lower()) is wants_equal
