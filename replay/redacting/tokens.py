"""Tokens: what stands in the place of bytes that had to go, as long as they were.

The same bytes get the same token all over a log, and others another one: a list's
element is still found by the LREM that removed it. A token tells nothing of what it
stands for: it comes from a key that is thrown away when the redaction is done.
"""

from __future__ import annotations

import hmac

_LABEL = b"redacted-"
_SHORT = 20


class Tokens:
    """Makes tokens with one key, which is secret until it is gone."""

    def __init__(self, secret: bytes) -> None:
        """Take the key."""
        self._secret = secret
        self._made: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def of(self, data: bytes, around: tuple[bytes, ...] = ()) -> bytes:
        """Return the token for some bytes.

        Args:
            data: the bytes.
            around: pieces of the data that stay as they are: where there are any, they
                and what is replaced take turns, and these come second.
        """
        token = self._made.get(data)
        if token is None:
            token = self._make(data, around)
            self._made[data] = token
            self._taken.add(token)
        return token

    def _make(self, data: bytes, around: tuple[bytes, ...]) -> bytes:
        attempt = 0
        while True:
            stream = _letters(self._secret, data, attempt, len(data))
            token = stream if not around else _between(data, around, stream)
            # Short ones may meet; in the same order the same choice is made again.
            if token not in self._taken or attempt > _SHORT:
                return token
            attempt += 1


def _between(data: bytes, kept: tuple[bytes, ...], stream: bytes) -> bytes:
    """Return data with its bytes replaced but those that are kept."""
    pieces: list[bytes] = []
    done = 0
    for word in kept:
        place = data.index(word, done)
        pieces += (stream[done:place], word)
        done = place + len(word)
    pieces.append(stream[done:])
    return b"".join(pieces)


def _letters(secret: bytes, data: bytes, attempt: int, length: int) -> bytes:
    """Return hexadecimal digits, behind a word for people where there is room."""
    label = _LABEL if length >= len(_LABEL) + _SHORT else b""
    stream = bytearray(label)
    number = 0
    while len(stream) < length:
        message = b"%d %d " % (attempt, number) + data
        stream += hmac.digest(secret, message, "sha256").hex().encode()
        number += 1
    return bytes(stream[:length])
