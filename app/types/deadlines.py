"""Deadlines: when each of some names is due, and which is due next.

A dictionary of names, and beside it an order of those. What is due soon lies in a heap,
all else in blocks, by when it is due:

    heap      [(11:59, c), ...]          up to where the first block starts
    starts    [12:00,        12:07, ...]
    blocks    [[b, a, c, a], [d],   ...]  names, 8 bytes each where a pair takes 72

A block that grows is cut into several; the first one goes into the heap when that is
empty. A note counts only while it is true: a pair of the heap while it equals the
deadline of its name, a name in a block while that lies between the start of the block
and the next. So setting a deadline anew, or removing one as from any dictionary, leaves
the old note behind. Such leavings are removed a block at a time when they outnumber the
deadlines.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# How many names the heap or a block has before it is cut, and into what pieces; those
# that are due in one millisecond stay together, however many they are.
_MOST = 4096  # not Final, which is compiled in: tests lower these
_PIECE = 512
_SLACK = 1024

_NEVER: Final = 1 << 62


class Deadlines(dict[bytes, int]):
    """Names and when they are due, in ms since the epoch."""

    __slots__ = (
        "_blocks",
        "_cleaned",
        "_due",
        "_last",
        "_latest",
        "_noted",
        "_starts",
    )

    def __init__(self, deadlines: Mapping[bytes, int] | None = None) -> None:
        """Begin with the deadlines given."""
        super().__init__(deadlines or {})
        self._last: Any = None
        self._latest: int = 0
        self._due: list[tuple[int, bytes]] = []
        self._starts: list[int] = []
        self._blocks: list[list[bytes]] = []
        self._noted = self._cleaned = 0
        self.rebuild()

    def put(self, name: bytes, deadline_ms: int) -> None:
        """Set a deadline; one that the name had is gone. O(log N)."""
        # Many in a row are one and the same, and hold one object.
        held: Any = self._last
        if held != deadline_ms:
            held = deadline_ms
            self._last = held  # not both in one line: compiled, that is two objects
        self[name] = held
        self._noted += 1
        is_latest = held > self._latest
        if is_latest:
            self._latest = held
        at = bisect_right(self._starts, held) - 1
        if at < 0:
            heapq.heappush(self._due, (held, name))
            if len(self._due) > _MOST:
                self._cut_heap()
        else:
            block = self._blocks[at]
            if is_latest and len(block) >= _PIECE and at + 1 == len(self._blocks):
                # Most are due behind all others: their blocks need not be cut.
                block = []
                at += 1
                self._starts.append(held)
                self._blocks.append(block)
            block.append(name)
            if len(block) > _MOST and self._end_ms(at) - self._starts[at] > 1:
                self._cut(at)
        if self._noted > 2 * len(self) + _SLACK:
            self._clean_one()

    def next_ms(self) -> int | None:
        """Return when the next name is due, or None where there is none."""
        first = self.first()
        return None if first is None else first[0]

    def first(self) -> tuple[int, bytes] | None:
        """Return the name that is due next, behind when, or None where none is."""
        due = self._due
        while True:
            while due and self.get(due[0][1]) != due[0][0]:
                heapq.heappop(due)
                self._noted -= 1
            if due:
                return due[0]
            if not self._blocks:
                return None
            self._take_block()

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
            self._noted -= 1
            del self[name]
            names.append(name)
        return names

    def rebuild(self) -> None:
        """Find out anew what is due first, after deadlines were filled in at once."""
        self._starts.clear()
        self._blocks.clear()
        self._noted = len(self)
        self._latest = max(self.values(), default=0)
        self._place(sorted(self, key=self.__getitem__))

    # --- blocks ------------------------------------------------------------------

    def _end_ms(self, at: int) -> int:
        """Return when the block behind one starts."""
        starts = self._starts
        return starts[at + 1] if at + 1 < len(starts) else _NEVER

    def _known(self, at: int) -> list[bytes]:
        """Return the names that count in a block, each once."""
        start_ms, end_ms, get = self._starts[at], self._end_ms(at), self.get
        return [
            name
            for name in dict.fromkeys(self._blocks[at])
            if (ms := get(name)) is not None and start_ms <= ms < end_ms
        ]

    def _take_block(self) -> None:
        """Put what is in the first block into the heap, which is empty."""
        block, start_ms, end_ms = self._blocks[0], self._starts[0], self._end_ms(0)
        if len(block) > _MOST:
            if end_ms - start_ms > 1:
                self._cut(0)
                return
            some = block[-_PIECE:]  # of one moment: there is no order
            del block[-_PIECE:]
        else:
            some = block
            del self._blocks[0], self._starts[0]
        pairs = [(self.get(name, _NEVER), name) for name in dict.fromkeys(some)]
        self._due[:] = [pair for pair in pairs if start_ms <= pair[0] < end_ms]
        heapq.heapify(self._due)
        self._noted += len(self._due) - len(some)

    def _cut_heap(self) -> None:
        """Leave the first ones in the heap, and put the others into blocks."""
        pairs = sorted(self._due)
        known = [name for ms, name in pairs if self.get(name) == ms]
        names = list(dict.fromkeys(known))
        self._noted += len(names) - len(pairs)
        self._place(names)

    def _place(self, names: list[bytes]) -> None:
        """Put names, in the order of what is due, into the heap and into blocks.

        The heap has no others; what is there in blocks is due no sooner than they are.
        """
        end, size = _PIECE, len(names)
        while _PIECE <= end < size and self[names[end]] == self[names[_PIECE - 1]]:
            end += 1
        if end > _MOST // 2:
            end = bisect_left(names, self[names[_PIECE - 1]], key=self.__getitem__)
        # What is in order is a heap.
        self._due[:] = [(self[name], name) for name in names[:end]]
        rest = names[end:]
        while self._starts and rest and self[rest[-1]] >= self._starts[0]:
            self._blocks[0].append(rest.pop())
        self._put_pieces(0, rest)

    def _cut(self, at: int) -> None:
        """Cut a block that has become large."""
        known = self._known(at)
        known.sort(key=self.__getitem__)
        self._noted += len(known) - len(self._blocks[at])
        del self._blocks[at], self._starts[at]
        self._put_pieces(at, known)

    def _put_pieces(self, at: int, names: list[bytes]) -> None:
        """Put names, in the order of what is due, into blocks before one."""
        end_ms = self._starts[at] if at < len(self._starts) else _NEVER
        starts: list[int] = []
        blocks: list[list[bytes]] = []
        first, size = 0, len(names)
        while first < size:
            start_ms = self[names[first]]
            end = min(first + _PIECE, size)
            last_ms = self[names[end - 1]]
            while end < size and self[names[end]] == last_ms:
                end += 1
            if end - first > _MOST // 2 and start_ms < last_ms:
                end = bisect_left(names, last_ms, first, key=self.__getitem__)
                last_ms = self[names[end - 1]]
            starts.append(start_ms)
            blocks.append(names[first:end])
            following_ms = self[names[end]] if end < size else end_ms
            if start_ms == last_ms and following_ms > last_ms + 1:
                # Nothing joins them that is due later: they cannot be cut any more.
                starts.append(last_ms + 1)
                blocks.append([])
            first = end
        self._starts[at:at] = starts
        self._blocks[at:at] = blocks

    def _clean_one(self) -> None:
        """Remove what does not count from the heap or a block, which may go then."""
        blocks = self._blocks
        self._cleaned += 1
        if self._cleaned > len(blocks):
            self._cleaned = 0
            before = len(self._due)
            known = [pair for pair in self._due if self.get(pair[1]) == pair[0]]
            self._due[:] = dict.fromkeys(known)
            heapq.heapify(self._due)
            self._noted += len(self._due) - before
            return
        at = self._cleaned - 1
        names = self._known(at)
        self._noted += len(names) - len(blocks[at])
        blocks[at][:] = names
        if at and len(names) + len(blocks[at - 1]) < _PIECE:
            blocks[at - 1] += names
            del blocks[at], self._starts[at]
            self._cleaned -= 1

    def parts(self) -> list[Any]:
        """Return the containers that this consists of, besides itself."""
        return [self._due, *self._blocks]

    def check(self) -> None:
        """Assert that every deadline is noted."""
        starts, blocks, due = self._starts, self._blocks, set(self._due)
        assert starts == sorted(set(starts))
        assert len(starts) == len(blocks)
        assert self._noted == len(self._due) + sum(map(len, blocks))
        held = [set(block) for block in blocks]
        for name, ms in self.items():
            at = bisect_right(starts, ms) - 1
            assert (ms, name) in due or (at >= 0 and name in held[at])
