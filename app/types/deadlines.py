"""Deadlines: when each of some names is due, and which is due next.

A dictionary of names, and beside it a heap that gives the next one. A heap entry counts
only while it equals the name's deadline: setting a deadline anew, or removing one as
from any dictionary, leaves the old entry behind. The heap is made anew when such
leavings outnumber the deadlines.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SLACK: Final = 1024


class Deadlines(dict[bytes, int]):
    """Names and when they are due, in ms since the epoch."""

    __slots__ = ("_due",)

    def __init__(self, deadlines: Mapping[bytes, int] | None = None) -> None:
        """Begin with the deadlines given."""
        super().__init__(deadlines or {})
        self._due: list[tuple[int, bytes]] = []
        self.rebuild()

    def put(self, name: bytes, deadline_ms: int) -> None:
        """Set a deadline; one that the name had is gone. O(log N)."""
        self[name] = deadline_ms
        heapq.heappush(self._due, (deadline_ms, name))
        if len(self._due) > 2 * len(self) + _SLACK:
            self.rebuild()

    def next_ms(self) -> int | None:
        """Return when the next name is due, or None where there is none."""
        first = self.first()
        return None if first is None else first[0]

    def first(self) -> tuple[int, bytes] | None:
        """Return the name that is due next, behind when, or None where none is."""
        due = self._due
        while due and self.get(due[0][1]) != due[0][0]:
            heapq.heappop(due)
        return due[0] if due else None

    def pop_due(self, now_ms: int, limit: int | None = None) -> list[bytes]:
        """Remove the names that are due by a time, the oldest first.

        Args:
            now_ms: the time, in ms since the epoch.
            limit: how many at the most, or None for all.

        Returns:
            Those removed.
        """
        names: list[bytes] = []
        while limit is None or len(names) < limit:
            deadline_ms = self.next_ms()
            if deadline_ms is None or deadline_ms > now_ms:
                break
            name = heapq.heappop(self._due)[1]
            del self[name]
            names.append(name)
        return names

    def rebuild(self) -> None:
        """Find out anew what is due first, after deadlines were filled in at once."""
        self._due = [(ms, name) for name, ms in self.items()]
        heapq.heapify(self._due)

    def parts(self) -> list[Any]:
        """Return the containers that this consists of, besides itself."""
        return [self._due]

    def check(self) -> None:
        """Assert that the heap knows every deadline."""
        assert set(self._due) >= {(ms, name) for name, ms in self.items()}
