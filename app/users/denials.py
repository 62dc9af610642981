"""What was refused to whom: the entries of ACL LOG, and how many there were.

The same refusal again within a minute counts up the entry that there is, which comes
first again.

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

_GROUPED_MS: Final = 60_000
_LOOKED_AT: Final = 10
REASONS: Final = {
    "auth": "acl_access_denied_auth",
    "command": "acl_access_denied_cmd",
    "key": "acl_access_denied_key",
    "channel": "acl_access_denied_channel",
}
"""Why somebody was refused -> the counter in INFO."""


@dataclass(slots=True)
class Entry:
    """One entry.

    Attributes:
        number: no other has it.
        reason: one of `REASONS`.
        context: which way the command came by: `toplevel`, `multi` or `lua`.
        word: the command, key or channel.
        user: the name of the user, or that which somebody gave for it.
        created_ms: when it was new; updated_ms: when it was counted last.
        client: who it was, as CLIENT LIST shows it.
        count: how often.
    """

    number: int
    reason: str
    context: str
    word: bytes
    user: bytes
    created_ms: int
    updated_ms: int
    client: bytes
    count: int = 1

    def is_like(self, other: Entry) -> bool:
        """Say whether another is the same again."""
        return (
            (self.reason, self.context, self.word, self.user)
            == (other.reason, other.context, other.word, other.user)
        ) and abs(self.updated_ms - other.updated_ms) <= _GROUPED_MS

    def show(self, now_ms: int) -> dict[bytes, Any]:
        """Return it as ACL LOG does."""
        return {
            b"count": self.count,
            b"reason": self.reason.encode(),
            b"context": self.context.encode(),
            b"object": self.word,
            b"username": self.user,
            b"age-seconds": max(now_ms - self.updated_ms, 0) / 1000,
            b"client-info": self.client,
            b"entry-id": self.number,
            b"timestamp-created": self.created_ms,
            b"timestamp-last-updated": self.updated_ms,
        }


class Denials:
    """The entries, the newest first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._entries: deque[Entry] = deque()
        self._count = 0

    def note(self, entry: Entry, most: int) -> None:
        """Keep a refusal.

        Args:
            entry: what it was; it gets a number here.
            most: how many entries are kept.
        """
        for other in islice(self._entries, _LOOKED_AT if most else 0):
            if other.is_like(entry):
                other.client, other.updated_ms = entry.client, entry.updated_ms
                other.count += entry.count
                self._entries.remove(other)
                self._entries.appendleft(other)
                break
        else:
            if most:
                entry.number = self._count
                self._count += 1
                self._entries.appendleft(entry)
        while len(self._entries) > most:
            self._entries.pop()

    def newest(self, count: int) -> list[Entry]:
        """Return some entries, the newest first."""
        return list(islice(self._entries, max(count, 0)))

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
