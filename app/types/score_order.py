"""The order of a sorted set: its pairs in blocks, each of two lists side by side.

    scores    [1.0, 1.0, 2.5] [3.0, 7.5] ...    the very floats that the set has
    members   [a,   b,   a  ] [d,   c  ] ...

A pair takes 16 bytes here, where a list of pairs takes 72. A block is found by halving,
a place in it as well, and at which rank a block begins by sums of blocks, a Fenwick
tree, which is made when somebody asks for a rank that lies in the middle.

Pairs compare by score, then by the member's bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[float, bytes]

BLOCK_MAX: Final = 512
_FILLED: Final = 384
"""How many pairs a block has at the most, and how many where all are put in at once."""

_FEW: Final = 128
"""A block with fewer goes into the one beside it where there is room."""


@final
class Block:
    """Some pairs that follow each other; never empty."""

    __slots__ = ("members", "scores")

    def __init__(self, scores: list[float], members: list[bytes]) -> None:
        """Take two lists, which are the block's from now on."""
        self.scores = scores
        self.members = members


@final
class ScoreOrder:
    """Pairs in order; whoever puts them in sees to it that no member comes twice."""

    __slots__ = ("_blocks", "_size", "_sums")

    def __init__(self, scores: dict[bytes, float]) -> None:
        """Order the members of a dictionary by their scores. O(N log N)."""
        members = in_order(scores)
        self._size = len(members)
        self._sums: list[int] | None = None
        self._blocks: list[Block] = []
        score_of = scores.__getitem__
        for first in range(0, len(members), _FILLED):
            some = members[first : first + _FILLED]
            self._blocks.append(Block(list(map(score_of, some)), some))

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self._size

    def __iter__(self) -> Iterator[Pair]:
        """Go through the pairs."""
        for block in self._blocks:
            yield from zip(block.scores, block.members, strict=True)

    def parts(self) -> list[Any]:
        """Return the containers that it consists of, to be freed one by one."""
        found: list[Any] = [block.members for block in self._blocks]
        found += [block.scores for block in self._blocks]
        return found

    # --- changes -----------------------------------------------------------------

    def add(self, score: Any, member: bytes) -> None:
        """Put in a pair that is not there. O(log N).

        Args:
            score: a float. Where this is compiled a `float` would be another object
                each time, and the set has one.
            member: the member.
        """
        blocks = self._blocks
        self._size += 1
        at = self._find_block(score, member)
        if at == len(blocks):
            if not blocks or len(blocks[-1].members) == BLOCK_MAX:
                # Scores that rise leave full blocks behind, not halves.
                blocks.append(Block([score], [member]))
                self._sums = None
                return
            at -= 1
            blocks[at].scores.append(score)
            blocks[at].members.append(member)
        else:
            block = blocks[at]
            place = _find(block, score, member)
            block.scores.insert(place, score)
            block.members.insert(place, member)
        if len(blocks[at].members) > BLOCK_MAX:
            self._split(at)
        elif self._sums is not None:
            self._count(at, 1)

    def remove(self, score: float, member: bytes) -> None:
        """Take out a pair that is there. O(log N)."""
        at = self._find_block(score, member)
        block = self._blocks[at]
        place = _find(block, score, member)
        assert block.members[place] == member
        del block.scores[place]
        del block.members[place]
        self._size -= 1
        if len(block.members) < _FEW:
            self._tidy(at)
        if self._sums is not None:
            self._count(at, -1)

    def pop_first(self) -> Pair:
        """Take out the first pair and return it. O(1)."""
        block = self._blocks[0]
        pair = (block.scores.pop(0), block.members.pop(0))
        self._size -= 1
        if not block.members:
            del self._blocks[0]
            self._sums = None
        elif self._sums is not None:
            self._count(0, -1)
        return pair

    def remove_between(self, first: int, end: int) -> list[Pair]:
        """Take out the pairs from one rank to before another; return them."""
        removed = self.pairs(first, end)
        left = len(removed)
        if not left:
            return removed
        self._size -= left
        at, place = self._find_rank(first, self._size + left)
        blocks = self._blocks
        begin = at
        while left:
            block = blocks[at]
            count = min(left, len(block.members) - place)
            del block.scores[place : place + count]
            del block.members[place : place + count]
            left -= count
            place = 0
            at += 1
        blocks[begin:at] = [block for block in blocks[begin:at] if block.members]
        self._sums = None
        for near in (begin + 1, begin):
            if near < len(blocks) and len(blocks[near].members) < _FEW:
                self._tidy(near)
        return removed

    def _split(self, at: int) -> None:
        block = self._blocks[at]
        half = len(block.members) // 2
        self._blocks.insert(at + 1, Block(block.scores[half:], block.members[half:]))
        del block.scores[half:]
        del block.members[half:]
        self._sums = None

    def _tidy(self, at: int) -> None:
        """Let a block that has become small go, or into the one beside it."""
        blocks = self._blocks
        block = blocks[at]
        if block.members:
            beside = at - 1 if at else 1
            if beside == len(blocks):
                return
            if len(block.members) + len(blocks[beside].members) > _FILLED:
                return
            at = max(at, beside)
            blocks[at - 1].scores += blocks[at].scores
            blocks[at - 1].members += blocks[at].members
        del blocks[at]
        self._sums = None

    # --- places ------------------------------------------------------------------

    def rank(self, score: float, member: bytes) -> int:
        """Return how many pairs come before one that may be there. O(log N)."""
        at = self._find_block(score, member)
        if at == len(self._blocks):
            return self._size
        return self._before(at) + _find(self._blocks[at], score, member)

    def at(self, rank: int) -> Pair:
        """Return the pair of a rank that there is. O(log N)."""
        at, place = self._find_rank(rank, self._size)
        block = self._blocks[at]
        return block.scores[place], block.members[place]

    def pairs(self, first: int, end: int) -> list[Pair]:
        """Return the pairs from one rank to before another."""
        end = min(end, self._size)
        if first >= end:
            return []
        at, place = self._find_rank(first, self._size)
        blocks = self._blocks
        left = end - first
        found: list[Pair] = []
        while left:
            block = blocks[at]
            scores, members = block.scores, block.members
            if place or left < len(members):
                scores = scores[place : place + left]
                members = members[place : place + left]
            found += zip(scores, members, strict=True)
            left -= len(members)
            place = 0
            at += 1
        return found

    def _find_block(self, score: float, member: bytes) -> int:
        """Return the first block that does not end before a pair, or how many."""
        blocks = self._blocks
        low, high = 0, len(blocks)
        middle = high - 1  # scores often rise
        while low < high:
            block = blocks[middle]
            last = block.scores[-1]
            if last < score or (last == score and block.members[-1] < member):
                low = middle + 1
            else:
                high = middle
            middle = (low + high) >> 1
        return low

    def _find_rank(self, rank: int, size: int) -> tuple[int, int]:
        """Return the block of a rank that there is, and the place in it."""
        blocks = self._blocks
        if rank < len(blocks[0].members):
            return 0, rank
        at = len(blocks) - 1
        first = size - len(blocks[at].members)
        if rank >= first:
            return at, rank - first
        sums = self._sums or self._add_up()
        at, step = 0, 1 << (len(sums) - 1).bit_length()
        while step:
            beyond = at + step
            if beyond < len(sums) and sums[beyond] <= rank:
                at = beyond
                rank -= sums[beyond]
            step >>= 1
        return at, rank

    def _before(self, at: int) -> int:
        """Return how many pairs the blocks before one have."""
        if not at:
            return 0
        if at == len(self._blocks) - 1:
            return self._size - len(self._blocks[at].members)
        sums = self._sums or self._add_up()
        total = 0
        while at:
            total += sums[at]
            at &= at - 1
        return total

    def _add_up(self) -> list[int]:
        """Make the sums: at i that of the blocks from i - (i & -i) to before i."""
        sums = [0]
        sums += [len(block.members) for block in self._blocks]
        for at in range(1, len(sums)):
            above = at + (at & -at)
            if above < len(sums):
                sums[above] += sums[at]
        self._sums = sums
        return sums

    def _count(self, at: int, change: int) -> None:
        """Note that a block has more pairs, or fewer."""
        sums = self._sums
        assert sums is not None
        at += 1
        while at < len(sums):
            sums[at] += change
            at += at & -at

    def check(self) -> None:
        """Assert that blocks, sums and order are as they should be."""
        pairs = list(self)
        assert pairs == sorted(pairs)
        assert len(pairs) == self._size
        for block in self._blocks:
            assert 0 < len(block.members) == len(block.scores) <= BLOCK_MAX
        if self._sums is not None:
            known = self._sums
            assert known == self._add_up()


def in_order(scores: dict[bytes, float]) -> list[bytes]:
    """Return members by their scores, those of one score by their bytes. O(N log N)."""
    score_of = scores.__getitem__
    members = sorted(scores, key=score_of)
    known = list(map(score_of, members))
    first, size = 0, len(members)
    for at in range(1, size + 1):
        if at == size or known[at] != known[first]:
            if at - first > 1:
                members[first:at] = sorted(members[first:at])
            first = at
    return members


def _find(block: Block, score: Any, member: bytes) -> int:
    """Return the place in a block where a pair is, or would be."""
    scores, members = block.scores, block.members
    place = bisect_left(scores, score)
    if place < len(scores) and scores[place] == score and members[place] < member:
        end = bisect_right(scores, score, place)
        place = bisect_left(members, member, place, end)
    return place
