"""The nodes of Redis's radix tree over the keys of a stream."""

import random

import pytest

from joblog.app.types.radix_tree import RadixKeys

TREES = [
    pytest.param([], 1, id="empty"),
    pytest.param(["616263"], 2, id="one key"),
    pytest.param(["616263", "616264"], 4, id="parting at the last byte"),
    pytest.param(["616263", "78797a"], 5, id="parting at the first byte"),
    pytest.param(["616263", "617863", "617864"], 7, id="parting twice"),
]


def key_of(text):
    """Return a key of 16 bytes whose first 14 make one chain with the first given."""
    return int.from_bytes(bytes.fromhex(text).rjust(16, b"\0"), "big")


@pytest.mark.parametrize(("keys", "nodes"), TREES)
def test_a_tree_has_a_node_for_each_chain_parting_and_end(keys, nodes):
    tree = RadixKeys(map(key_of, keys))
    # Where they part at the first byte given, what is before it is a chain here.
    is_parting_there = len({key[:2] for key in keys}) > 1

    assert tree.nodes() == nodes + is_parting_there


def nodes_of(keys, depth=0):
    """Return the same by the definition, going down from the root."""
    if len(keys) < 2:
        return 1 + (bool(keys) and depth < 16)
    parting = depth
    while len({key[parting] for key in keys}) == 1:
        parting += 1
    groups = {}
    for key in keys:
        groups.setdefault(key[parting], []).append(key)
    below = sum(nodes_of(group, parting + 1) for group in groups.values())
    return 1 + (parting > depth) + below


@pytest.mark.parametrize("seed", range(40))
def test_nodes_follow_whatever_comes_behind_and_goes_in_front(seed):
    chance = random.Random(seed)
    tree, last = RadixKeys(), 0
    for _ in range(300):
        what = chance.random()
        if what < 0.6 or not tree:
            last += 1 << chance.randrange(0, chance.choice([9, 40, 100]))
            tree.append(last)
        elif what < 0.8:
            del tree[: chance.randrange(1, min(len(tree), 20) + 1)]
        elif what < 0.9:
            del tree[0]
        elif what < 0.92:
            del tree[chance.randrange(len(tree))]
        if chance.random() < 0.7:
            assert tree.nodes() == nodes_of([key.to_bytes(16, "big") for key in tree])
