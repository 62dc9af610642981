import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.types.sets import (
    HASHTABLE,
    INTSET,
    LISTPACK,
    Set,
    count_common,
    intersect,
    subtract,
    unite,
)

MEMBERS = st.sampled_from([b"%d" % number for number in range(8)])
GROUPS = st.lists(MEMBERS, max_size=6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add_all", "discard", "discard_all", "become", "pop"]),
        GROUPS,
    ),
    max_size=20,
)


@given(STEPS)
def test_set_agrees_with_a_plain_set(steps):
    ours, model = Set(), set()
    chance = random.Random(1)

    for name, group in steps:
        before = set(model)
        if name == "add" and group:
            assert ours.add(group[0]) == (group[0] not in before)
            model.add(group[0])
        elif name == "add_all":
            model |= set(group)
            assert ours.add_all(group) == len(model - before)
        elif name == "discard" and group:
            assert ours.discard(group[0]) == (group[0] in before)
            model.discard(group[0])
        elif name == "discard_all":
            model -= set(group)
            assert ours.discard_all(group) == len(before - model)
        elif name == "become":
            ours.become(group)
            model = set(group)
        elif name == "pop":
            popped = ours.pop_random(len(group), chance)
            assert len(popped) == len(set(popped)) == min(len(group), len(before))
            model -= set(popped)
        ours.check()
        assert set(ours) == model


def test_a_small_set_keeps_the_order_in_which_members_came():
    members = Set([b"a", b"b", b"c", b"d"])

    members.discard(b"b")
    members.add(b"b")

    assert list(members) == [b"a", b"c", b"d", b"b"]


@given(st.lists(GROUPS, min_size=1, max_size=4))
def test_operations_agree_with_plain_sets(groups):
    sets, models = [Set(group) for group in groups], [set(group) for group in groups]

    common = set.intersection(*models)
    assert sorted(intersect(sets, 512)) == sorted(common)
    assert count_common(sets, 0) == len(common)
    assert count_common(sets, 2) == min(len(common), 2)
    assert sorted(unite(sets, 512)) == sorted(set.union(*models))
    assert sorted(subtract(sets[0], sets[1:], 512)) == sorted(
        models[0].difference(*models[1:])
    )


def test_picks_are_uniform():
    members = Set(b"%d" % number for number in range(10))
    members.discard(b"3")
    chance = random.Random(7)

    counts = Counter(members.pick(chance) for _ in range(9000))

    assert len(counts) == 9
    assert all(850 < count < 1150 for count in counts.values())


def test_picks_are_uniform_after_members_went_and_came_back():
    members = Set(b"%d" % number for number in range(20))
    chance = random.Random(7)
    members.pick(chance)
    members.discard_all([b"3", b"4", b"5"])
    members.add_all([b"4", b"20", b"5"])
    members.check()

    counts = Counter(members.pick(chance) for _ in range(9_500))
    counts.update(members.pick_any(9_500, chance))
    for _ in range(500):
        counts.update(members.pick_distinct(19 - 1, chance))

    assert counts.keys() == members.keys()
    assert all(1_300 < count < 1_650 for count in counts.values())


@given(STEPS, st.integers(0, 9))
def test_whom_to_pick_from_follows_the_members(steps, seed):
    ours, chance = Set([b"7"]), random.Random(seed)
    for name, group in steps:
        if ours:
            assert ours.pick(chance) in ours
            assert set(ours.pick_any(3, chance)) <= ours.keys()
            picked = ours.pick_distinct(3, chance)
            assert len(picked) == len(set(picked)) == min(3, len(ours))
            assert ours.keys() >= set(picked)
        if name == "pop":
            ours.pop_random(len(group), chance)
        elif name in {"add", "discard"}:
            for member in group:
                getattr(ours, name)(member)
        else:
            getattr(ours, name)(group)
        ours.check()


def test_a_set_of_which_many_are_gone_keeps_no_list():
    members = Set(b"%d" % number for number in range(1000))
    members.pick(random.Random(1))
    assert members.parts()

    members.discard_all([b"%d" % number for number in range(500)])

    assert members.parts() == []
    members.check()


def test_pops_are_uniform():
    chance = random.Random(7)
    counts = Counter()

    for _ in range(3000):
        counts.update(Set([b"a", b"b", b"c", b"d"]).pop_random(2, chance))

    assert all(1350 < count < 1650 for count in counts.values())


def test_pick_distinct_returns_no_member_twice():
    members = Set(b"%d" % number for number in range(100))

    picked = members.pick_distinct(40, random.Random(1))

    assert len(set(picked)) == 40
    assert sorted(members.pick_distinct(1000, random.Random(1))) == sorted(members)


def test_pick_any_may_return_a_member_often():
    assert Set([b"a"]).pick_any(5, random.Random(1)) == [b"a"] * 5


ENCODINGS = [
    pytest.param([b"%d" % number for number in range(512)], INTSET, id="integers"),
    pytest.param([b"%d" % number for number in range(513)], HASHTABLE, id="too many"),
    pytest.param([b"1", b"a"], LISTPACK, id="mixed"),
    pytest.param([b"01"], LISTPACK, id="not canonical"),
    pytest.param([b"9223372036854775807"], INTSET, id="largest integer"),
    pytest.param([b"9223372036854775808"], LISTPACK, id="not an int64"),
    pytest.param([b"a%d" % number for number in range(128)], LISTPACK, id="many"),
    pytest.param([b"a%d" % number for number in range(129)], HASHTABLE, id="more"),
    pytest.param([b"x" * 64], LISTPACK, id="long member"),
    pytest.param([b"x" * 65], HASHTABLE, id="longer member"),
]


@pytest.mark.parametrize(("members", "expected"), ENCODINGS)
def test_encoding_follows_the_members(members, expected):
    assert Set(members).encoding() == expected


def test_copy_is_a_set_of_its_own():
    members = Set([b"a"])

    copied = members.copy()
    copied.add(b"b")
    copied.check()

    assert list(members) == [b"a"]
