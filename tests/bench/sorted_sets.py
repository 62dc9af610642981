"""When to order a sorted set: `python -m tests.bench.sorted_sets`.

CPU microseconds for each member, where the order is read never, once at the end, for
each tenth member, or for each. SortedSet makes the order when it is first read. Beside
it: an order kept from the start, and one that takes new members only when it is read.
"""

import random
import time

from sortedcontainers import SortedList

from joblog.app.types.sorted_sets import SortedSet

MEMBERS = 20_000


class FromTheStart(SortedSet):
    """Ordered from the first member on."""

    __slots__ = ()

    def __init__(self):
        super().__init__()
        self._order = SortedList()


class BeforeEachRead(SortedSet):
    """New members wait until the next read."""

    __slots__ = ("fresh",)

    def __init__(self):
        super().__init__()
        self._order = SortedList()
        self.fresh = {}

    def put(self, member, score):
        old = self.scores.get(member)
        if old == score:
            return old
        if old is not None and member not in self.fresh:
            self._order.remove((old, member))
        self.scores[member] = score
        self.fresh[member] = None
        return old

    def _in_order(self):
        if len(self.fresh) == 1:
            (member,) = self.fresh
            self._order.add((self.scores[member], member))
        else:
            self._order.update([(self.scores[m], m) for m in self.fresh])
        self.fresh.clear()
        return self._order


def microseconds(kind, pairs, read_every):
    zset = kind()
    start = time.process_time()
    for count, (member, score) in enumerate(pairs, 1):
        zset.put(member, score)
        if read_every and count % read_every == 0:
            zset.pairs(0, 1)
    return (time.process_time() - start) / len(pairs) * 1e6


def main():
    rising = [(b"job:%d" % i, 1.7e12 + i) for i in range(MEMBERS)]
    mixed = rising.copy()
    random.Random(1).shuffle(mixed)
    for order, pairs in (("rising", rising), ("random", mixed)):
        for read_every in (0, MEMBERS, 10, 1):
            line = [f"{order} scores, read every {read_every or 'never':<6}"]
            for kind in (SortedSet, FromTheStart, BeforeEachRead):
                took = microseconds(kind, pairs, read_every)
                line += [f"{kind.__name__} {took:.2f}"]
            print("   ".join(line))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
