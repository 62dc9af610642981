"""Sorted sets: each member's score, and all members in the order of their scores.

    scores   {member: score}                 membership and ZSCORE are one look-up
    order    ScoreOrder                      ranks and ranges; None until asked for

`order` holds the pairs of `scores`, exactly. It is made when something first asks for
it, and kept from then on: a set that is never asked (locks, deduplication, a log that
is folded) never sorts, and one sort of a thousand members costs half of a thousand
insertions. A set that grows large is ordered anyway, so that no read has to stand
still for long. Tried and dropped: gathering new members also later, and putting them in
before the next read; it gains nothing (tests/bench/sorted_sets.py).

Pairs compare by score, then by the member's bytes, which is Redis's order. Zeros have
no sign here: Redis loses it too while a sorted set is small.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.score_order import Pair, ScoreOrder

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from joblog.app.types.sorted_ranges import LexRange, ScoreRange

LISTPACK: Final = b"listpack"
SKIPLIST: Final = b"skiplist"

# Ordering as many members takes about 30 ms where scores rise, 120 ms where they don't.
_UNORDERED_MAX = 100_000  # not Final, which is compiled in: tests lower it

# Redis goes through so few one by one, and through more by its skip list's levels.
_WALKED_ONE_BY_ONE: Final = 128

_NEXT: Final = b"\0"
"""Behind a member it makes the one that comes next."""

# So few are looked through rather than sorted, where one is asked for.
_FEW: Final = 8


class SortedSet:
    """A sorted set of byte strings.

    Attributes:
        scores: member -> score. Read only; `put` and `remove` change it.
        scan_index: the places of a ZSCAN under way, or None (see keyspace/scan.py).
    """

    __slots__ = ("_order", "scan_index", "scores")

    def __init__(
        self, pairs: Iterable[Pair] = (), in_place_of: SortedSet | None = None
    ) -> None:
        """Make a sorted set.

        Args:
            pairs: (score, member); the last score of a member counts.
            in_place_of: a sorted set that this one takes the place of. Members that
                both have keep their order in `scores`, so that a ZSCAN under way still
                returns each member that was there all along.
        """
        scores = {member: score or 0.0 for score, member in pairs}
        if in_place_of is not None:
            kept = filter(scores.__contains__, in_place_of.scores)
            scores = {**{member: scores[member] for member in kept}, **scores}
        self.scores: dict[bytes, float] = scores
        self.scan_index: Any = None
        self._order: ScoreOrder | None = None

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.scores)

    def __contains__(self, member: object) -> bool:
        """Say whether it is a member."""
        return member in self.scores

    def __iter__(self) -> Iterator[bytes]:
        """Go through the members, in no promised order."""
        return iter(self.scores)

    def parts(self) -> list[Any]:
        """Return the containers that it consists of, to be freed one by one."""
        order = self._order
        return [self.scores, *([] if order is None else order.parts())]

    # --- changes -----------------------------------------------------------------

    def put(self, member: bytes, score: float) -> float | None:
        """Add a member or change its score; return the old score, None for a new one.

        O(log N), or O(1) while nothing has asked for the order.
        """
        if not score:
            score = 0.0
        scores = self.scores
        old = scores.get(member)
        if old == score:
            return old
        held: Any = score  # one object, for both of those who hold it
        scores[member] = held
        order = self._order
        if order is not None:
            if old is not None:
                order.remove(old, member)
            order.add(held, member)
        elif len(scores) > _UNORDERED_MAX:
            self._in_order()
        return old

    def remove(self, member: bytes) -> bool:
        """Remove a member; say whether it was there. O(log N)."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        if self._order is not None:
            self._order.remove(score, member)
        return True

    def pop_first(self, count: int) -> list[Pair]:
        """Remove and return the pairs with the lowest scores, the lowest first."""
        if count == 1 and self._order is None and 0 < len(self.scores) <= _FEW:
            # A queue that is mostly empty: nothing is worth sorting.
            score, member = min([(score, key) for key, score in self.scores.items()])
            del self.scores[member]
            return [(score, member)]
        order = self._in_order()
        if count == 1 and order:
            pair = order.pop_first()
            del self.scores[pair[1]]
            return [pair]
        return self.remove_between(0, count)

    def pop_last(self, count: int) -> list[Pair]:
        """Remove and return the pairs with the highest scores, the highest first."""
        size = len(self.scores)
        popped = self.remove_between(max(size - count, 0), size)
        popped.reverse()
        return popped

    def remove_between(self, first: int, end: int) -> list[Pair]:
        """Remove the pairs from one rank to before another; return them in order."""
        if first >= end:
            return []
        removed = self._in_order().remove_between(first, end)
        scores = self.scores
        for _, member in removed:
            del scores[member]
        return removed

    # --- order -------------------------------------------------------------------

    def rank(self, member: bytes) -> int | None:
        """Return how many pairs come before a member, or None where it is none."""
        score = self.scores.get(member)
        if score is None:
            return None
        return self._in_order().rank(score, member)

    def pairs(self, first: int = 0, end: int | None = None) -> list[Pair]:
        """Return the pairs from one rank to before another, in order."""
        return self._in_order().pairs(first, len(self.scores) if end is None else end)

    def ranks_by_score(self, wanted: ScoreRange) -> tuple[int, int]:
        """Return the rank of the first pair in a range, and the one past its last.

        The second is never below the first.
        """
        order = self._in_order()
        first = _first_rank(order, wanted.least, is_past=wanted.excludes_least)
        end = _first_rank(order, wanted.most, is_past=not wanted.excludes_most)
        return first, max(first, end)

    def ranks_by_lex(self, wanted: LexRange) -> tuple[int, int]:
        """Return the rank of the first member in a range, and the one past its last.

        Where scores differ, this is where `walk_by_lex` would begin and end.
        """
        order = self._in_order()
        if wanted.is_empty or not order:
            return 0, 0
        first, end = 0, len(order)
        score = order.at(0)[0]
        if score != order.at(end - 1)[0]:
            walked = self.walk_by_lex(wanted)
            first = order.rank(*walked[0]) if walked else 0
            return first, first + len(walked)
        if wanted.least is not None:
            past = _NEXT if wanted.excludes_least else b""
            first = order.rank(score, wanted.least + past)
        if wanted.most is not None:
            past = b"" if wanted.excludes_most else _NEXT
            end = order.rank(score, wanted.most + past)
        return first, max(first, end)

    def has_one_score(self) -> bool:
        """Say whether all members have the same score."""
        order = self._in_order()
        return not order or order.at(0)[0] == order.at(len(order) - 1)[0]

    def walk_by_lex(
        self,
        wanted: LexRange,
        *,
        offset: int = 0,
        limit: int = -1,
        is_reversed: bool = False,
    ) -> list[Pair]:
        """Return the pairs that Redis walks over where scores differ.

        From one end it looks for the first member within the nearer bound, passes over
        `offset` members whatever they are, and takes members until one is beyond the
        farther bound. Members of one score are asked for with `ranks_by_lex`. Where
        members do not rise with their scores, Redis's answer about more than 128 of
        them depends on chance; here it does not.

        Source: Redis 7.0.15; see tests/parity/test_sorted_set_ranges.py.

        Args:
            wanted: the range.
            offset: how many to pass over.
            limit: how many at most; negative is no limit.
            is_reversed: whether to walk from the highest score down.
        """
        order = self._in_order()
        size = len(order)
        if not size or not wanted.can_hold(order.at(0)[1], order.at(size - 1)[1]):
            return []
        reaches, is_in = wanted.reaches_least, wanted.reaches_most
        if is_reversed:
            reaches, is_in = is_in, reaches

        def at(place: int) -> Pair:
            return order.at(size - 1 - place if is_reversed else place)

        if size <= _WALKED_ONE_BY_ONE:
            place = next((i for i in range(size) if reaches(at(i)[1])), size)
        else:
            place = bisect_left(range(size), 1, key=lambda i: reaches(at(i)[1]))
        found: list[Pair] = []
        if place == size or not is_in(at(place)[1]):
            return found
        for rank in range(place + offset, size):
            pair = at(rank)
            if len(found) == limit or not is_in(pair[1]):
                break
            found.append(pair)
        return found

    def _in_order(self) -> ScoreOrder:
        """Return the order; make it where there is none yet."""
        order = self._order
        if order is None:
            order = self._order = ScoreOrder(self.scores)
        return order

    # --- chance ------------------------------------------------------------------

    def pick_distinct(self, count: int, chance: random.Random) -> list[Pair]:
        """Return random pairs, none twice; all where `count` is at least as many."""
        order = self._in_order()
        size = len(order)
        if count >= size:
            return order.pairs(0, size)
        return [order.at(rank) for rank in chance.sample(range(size), count)]

    def pick_any(self, count: int, chance: random.Random) -> list[Pair]:
        """Return as many random pairs as asked for, any of them several times."""
        order = self._in_order()
        return [order.at(rank) for rank in chance.choices(range(len(order)), k=count)]

    # --- the whole ---------------------------------------------------------------

    def copy(self) -> SortedSet:
        """Return a sorted set with the same members and scores."""
        return SortedSet((score, member) for member, score in self.scores.items())

    def encoding(
        self, *, listpack_entries: int = 128, listpack_value: int = 64
    ) -> bytes:
        """Return the encoding that Redis 7.2 would have chosen for these members.

        Redis never goes back to a smaller encoding; here the answer always follows
        from the sorted set as it is.

        Args:
            listpack_entries: `zset-max-listpack-entries`.
            listpack_value: `zset-max-listpack-value`, in bytes.
        """
        if len(self.scores) > listpack_entries:
            return SKIPLIST
        longest = max(map(len, self.scores), default=0)
        return LISTPACK if longest <= listpack_value else SKIPLIST

    def check(self) -> None:
        """Assert that scores and order agree."""
        pairs = sorted((score, member) for member, score in self.scores.items())
        if self._order is not None:
            self._order.check()
            assert list(self._order) == pairs
        for member, score in self.scores.items():
            assert type(member) is bytes
            assert type(score) is float
            assert not math.isnan(score)


def _first_rank(order: ScoreOrder, score: float, *, is_past: bool) -> int:
    """Return the rank of the first pair at a score or above, or past that score."""
    if is_past:
        if score == math.inf:
            return len(order)
        # The next double: no member need be made up that sorts behind all others.
        score = math.nextafter(score, math.inf)
    elif score == -math.inf:
        return 0
    return order.rank(score, b"")
