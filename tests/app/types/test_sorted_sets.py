"""Sorted sets against a naive model, with every invariant checked after each step."""

import math
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from joblog.app.types import sorted_sets
from joblog.app.types.sorted_ranges import LexRange, ScoreRange
from joblog.app.types.sorted_sets import SortedSet

members = st.sampled_from([b"%c" % c for c in range(ord("a"), ord("m"))])
scores = st.sampled_from([-math.inf, -2.5, -0.0, 0.0, 1.0, 1.5, 3.0, math.inf])


class SortedSetModel(RuleBasedStateMachine):
    """Every method beside a dictionary that is sorted anew each time."""

    @initialize(pairs=st.dictionaries(members, scores), is_ordered=st.booleans())
    def start(self, pairs, is_ordered):
        self.ours = SortedSet((score, member) for member, score in pairs.items())
        self.model = dict(pairs)
        if is_ordered:
            self.ours.pairs()

    def pairs(self):
        return sorted((score, member) for member, score in self.model.items())

    @rule(member=members, score=scores)
    def put(self, member, score):
        assert self.ours.put(member, score) == self.model.get(member)
        self.model[member] = score

    @rule(member=members)
    def remove(self, member):
        assert self.ours.remove(member) == (self.model.pop(member, None) is not None)

    @rule(member=members)
    def rank(self, member):
        order = [each for _, each in self.pairs()]
        expected = order.index(member) if member in order else None
        assert self.ours.rank(member) == expected

    @rule(first=st.integers(0, 14), end=st.integers(0, 14))
    def read(self, first, end):
        assert self.ours.pairs(first, end) == self.pairs()[first:end]

    @rule(first=st.integers(0, 14), end=st.integers(0, 14))
    def remove_between(self, first, end):
        expected = self.pairs()[first:end]
        assert self.ours.remove_between(first, end) == expected
        for _, member in expected:
            del self.model[member]

    @precondition(lambda self: self.model)
    @rule(count=st.integers(1, 4), is_max=st.booleans())
    def pop(self, count, is_max):
        pairs = self.pairs()
        expected = pairs[::-1][:count] if is_max else pairs[:count]
        pop = self.ours.pop_last if is_max else self.ours.pop_first
        assert pop(count) == expected
        for _, member in expected:
            del self.model[member]

    @rule(
        least=scores,
        most=scores,
        without_least=st.booleans(),
        without_most=st.booleans(),
    )
    def read_by_score(self, least, most, without_least, without_most):
        first, end = self.ours.ranks_by_score(
            ScoreRange(
                least,
                most,
                excludes_least=without_least,
                excludes_most=without_most,
            )
        )
        expected = [
            (score, member)
            for score, member in self.pairs()
            if (least < score or (least == score and not without_least))
            and (score < most or (score == most and not without_most))
        ]
        assert self.ours.pairs(first, end) == expected

    @invariant()
    def agrees(self):
        if hasattr(self, "ours"):
            self.ours.check()
            assert self.ours.scores == self.model
            assert len(self.ours) == len(self.model)


TestSortedSetModel = SortedSetModel.TestCase
TestSortedSetModel.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None
)

LEX = [
    (LexRange(None, None), b"abcd"),
    (LexRange(b"b", None), b"bcd"),
    (LexRange(b"b", None, excludes_least=True), b"cd"),
    (LexRange(None, b"c"), b"abc"),
    (LexRange(None, b"c", excludes_most=True), b"ab"),
    (LexRange(b"c", b"b"), b""),
    (LexRange(b"bb", b"cc"), b"c"),
    (LexRange(None, None, is_empty=True), b""),
]


@pytest.mark.parametrize(("wanted", "found"), LEX)
def test_ranks_by_lex_finds_members_of_one_score(wanted, found):
    zset = SortedSet((7.0, b"%c" % byte) for byte in b"dbca")

    pairs = zset.pairs(*zset.ranks_by_lex(wanted))

    assert b"".join(member for _, member in pairs) == found


def test_ranks_by_lex_of_an_empty_set_are_none():
    assert SortedSet().ranks_by_lex(LexRange(None, None)) == (0, 0)


def test_zero_loses_its_sign():
    zset = SortedSet([(-0.0, b"a")])
    zset.put(b"b", -0.0)

    assert [math.copysign(1, score) for score in zset.scores.values()] == [1.0, 1.0]


def test_picks_are_members_and_distinct_where_asked():
    zset = SortedSet((float(i), b"%d" % i) for i in range(20))
    chance = random.Random(1)

    assert len(set(zset.pick_distinct(7, chance))) == 7
    assert sorted(zset.pick_distinct(99, chance)) == zset.pairs()
    assert len(zset.pick_any(50, chance)) == 50
    assert set(zset.pick_any(50, chance)) <= set(zset.pairs())


def test_copy_changes_alone():
    zset = SortedSet([(1.0, b"a"), (2.0, b"b")])
    other = zset.copy()
    other.put(b"a", 9.0)
    other.remove(b"b")

    assert zset.pairs() == [(1.0, b"a"), (2.0, b"b")]
    assert other.pairs() == [(9.0, b"a")]
    other.check()


def test_a_set_in_place_of_another_keeps_the_order_of_shared_members_for_scans():
    old = SortedSet((1.0, member) for member in (b"c", b"a", b"b"))
    new = SortedSet(
        [(1.0, b"a"), (2.0, b"b"), (3.0, b"c"), (4.0, b"d")], in_place_of=old
    )

    assert list(new) == [b"c", b"a", b"b", b"d"]
    new.check()


def test_encoding_follows_the_thresholds():
    small = SortedSet((float(i), b"%d" % i) for i in range(128))
    large = SortedSet((float(i), b"%d" % i) for i in range(129))
    wide = SortedSet([(1.0, b"x" * 65)])

    assert small.encoding() == b"listpack"
    assert large.encoding() == wide.encoding() == b"skiplist"
    assert small.encoding(listpack_entries=5) == b"skiplist"
    assert wide.encoding(listpack_value=65) == b"listpack"
    assert SortedSet().encoding() == b"listpack"


def test_a_set_is_ordered_when_it_is_read_or_grows_large(monkeypatch):
    monkeypatch.setattr(sorted_sets, "_UNORDERED_MAX", 50)
    zset = SortedSet()
    for i in range(50):
        zset.put(b"%d" % (i * 37 % 51), float(i))
    assert zset._order is None

    assert zset.copy().rank(b"0") == 0
    zset.put(b"one more", 7.0)

    assert len(zset._order) == 51
    zset.check()
