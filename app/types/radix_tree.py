"""The shape of Redis's radix tree: XINFO STREAM tells how many nodes it has.

Nothing here is kept in one; the answer follows from the keys.

Source: Valkey 9.1, asked over a socket; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def radix_tree_nodes(keys: Sequence[bytes]) -> int:
    """Return how many nodes a radix tree has; the root of an empty one is a node.

    O(N) for N keys.

    Args:
        keys: different, of equal length, rising.
    """
    return _nodes_below(keys, 0) if keys else 1


def _nodes_below(keys: Sequence[bytes], depth: int) -> int:
    """Return how many nodes a radix tree of rising keys has, below some first bytes.

    What the keys have in common is one node, so is each place where they part, and so
    is the end of a key.
    """
    first, last = keys[0], keys[-1]
    if len(keys) == 1:
        return 1 + (depth < len(first))
    parting = depth
    while first[parting] == last[parting]:
        parting += 1
    nodes = 1 + (parting > depth)
    start = 0
    for at in range(1, len(keys) + 1):
        if at == len(keys) or keys[at][parting] != keys[start][parting]:
            nodes += _nodes_below(keys[start:at], parting + 1)
            start = at
    return nodes
