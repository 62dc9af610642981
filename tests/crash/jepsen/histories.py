"""Whether a history of a register has an order in which every answer is right.

As `tests.crash.test_linearizable`, for histories of thousands of operations, many of
them without an answer: what is known of these is made use of first.
"""

from __future__ import annotations

from tests.crash.test_linearizable import NEVER, Operation


def settle(operations: list[Operation]) -> list[Operation]:
    """Return a history with an end for each operation, which has an order if this has.

    Values are written once. So a write without an answer that nobody reads may be left
    out, and one that is read was there before that read ended.
    """
    seen: dict[bytes | None, float] = {}
    for one in operations:
        if not one.is_write:
            seen[one.value] = min(seen.get(one.value, NEVER), one.end)
    settled = []
    for one in operations:
        if one.end != NEVER:
            settled.append(one)
        elif one.is_write and one.value in seen:
            settled.append(one._replace(end=max(one.begin, seen[one.value])))
    return settled


def has_order(operations: list[Operation], initial: bytes | None = None) -> bool:
    """Say whether some order explains all answers (Wing and Gong, with memory).

    What has its place already is a prefix of the operations by their beginning, and a
    few beyond it: as many as were under way at a time.
    """
    known = sorted(settle(operations), key=lambda one: one.begin)
    seen = set()
    stack = [(0, frozenset[int](), initial)]
    while stack:
        low, done, value = stack.pop()
        while low in done:
            done -= {low}
            low += 1
        if low == len(known):
            return True
        if (low, done, value) in seen:
            continue
        seen.add((low, done, value))
        first_end, at, open_ones = NEVER, low, []
        while at < len(known) and known[at].begin <= first_end:
            if at not in done:
                open_ones.append(at)
                first_end = min(first_end, known[at].end)
            at += 1
        able = [i for i in open_ones if known[i].begin <= first_end]
        reads = [i for i in able if not known[i].is_write and known[i].value == value]
        if reads:
            # Reads that fit lose nothing by being first.
            stack.append((low, done | frozenset(reads), value))
            continue
        stack += [(low, done | {i}, known[i].value) for i in able if known[i].is_write]
    return False
