"""When to order a sorted set: `python -m tests.bench.sorted_sets`.

CPU microseconds for each member, where the order is read never, once at the end, for
each tenth member, or for each. SortedSet makes the order when it is first read. Beside
it an order kept from the start.
"""

import random
import time

from joblog.app.types.score_order import ScoreOrder
from joblog.app.types.sorted_sets import SortedSet

MEMBERS = 20_000


def by_need():
    return SortedSet()


def from_the_start():
    zset = SortedSet()
    zset._order = ScoreOrder({})
    return zset


def microseconds(make, pairs, read_every):
    zset = make()
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
            for make in (by_need, from_the_start):
                took = microseconds(make, pairs, read_every)
                line += [f"{make.__name__} {took:.2f}"]
            print("   ".join(line))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
