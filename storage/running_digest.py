"""The running SHA-256 of an open segment; another thread may hash what is long.

Of a record of 16 KiB it takes 9 us, longer than all else in an append. It is asked
for at a seal, and by whoever wants to know the digest at the last record: then what is
left is hashed first. Short writes are hashed at once: a hand-over would cost more.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from joblog.storage.segment import SegmentHash

Ask: TypeAlias = "Callable[[Callable[[], None]], None]"
"""Has another thread call what it is given."""

Turn: TypeAlias = "AbstractContextManager[object]"
"""A lock."""

_LONG_BYTES: Final = 64 * 1024
_BEHIND_BYTES_MAX: Final = 8 * 1024 * 1024
"""So much may wait to be hashed; who adds more hashes it."""


@final
class Helper:
    """Who hashes what is long, and whose turn it is to hash."""

    __slots__ = ("ask", "turn")

    def __init__(self, ask: Ask, turn: Turn) -> None:
        """Make one."""
        self.ask = ask
        self.turn = turn


@final
class RunningDigest:
    """The digest of what one thread adds, in that order, whoever hashes it.

    `_given` is the adding thread's; `_hashed` is changed by whoever has the turn. Where
    they are equal nothing waits, and nobody but the adding thread touches the hash.

    Attributes:
        helper: hashes what is long; None where nobody does.
    """

    __slots__ = ("_given", "_hash", "_hashed", "_is_asked", "_pieces", "helper")

    def __init__(self, running: SegmentHash) -> None:
        """Go on with a hash."""
        self._hash = running
        self._pieces: deque[bytes] = deque()
        self._given = self._hashed = 0
        self._is_asked = False
        self.helper: Helper | None = None

    def update(self, data: bytes) -> None:
        """Add bytes."""
        helper = self.helper
        is_idle = self._given == self._hashed
        if helper is None or (is_idle and len(data) < _LONG_BYTES):
            self._hash.update(data)
            return
        self._pieces.append(data)
        self._given += len(data)
        if self._given - self._hashed > _BEHIND_BYTES_MAX:
            self._catch_up()
        elif not self._is_asked:
            self._is_asked = True
            helper.ask(self._catch_up)

    def digest(self) -> bytes:
        """Return the digest of all that was added."""
        self._catch_up()
        return self._hash.digest()

    def hexdigest(self) -> str:
        """Return the same in hexadecimal digits."""
        return self.digest().hex()

    def _catch_up(self) -> None:
        """Hash what waits; any thread may."""
        if self.helper is None:
            return
        self._is_asked = False
        with self.helper.turn:
            while self._pieces:
                piece = self._pieces.popleft()
                self._hash.update(piece)
                self._hashed += len(piece)
