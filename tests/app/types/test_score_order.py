"""The order of a sorted set against a sorted list of pairs, over many blocks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.score_order import BLOCK_MAX, ScoreOrder

MANY = 3 * BLOCK_MAX


def member(number):
    return b"%05d" % number


class Model:
    """An order, and beside it the pairs as a list that is sorted anew."""

    def __init__(self, pairs):
        self.scores = {name: score for score, name in pairs}
        self.ours = ScoreOrder(dict(self.scores))
        self.pairs = sorted(pairs)

    def add(self, pair):
        self.ours.add(*pair)
        self.pairs = sorted([*self.pairs, pair])

    def remove(self, pair):
        self.ours.remove(*pair)
        self.pairs.remove(pair)

    def check(self):
        self.ours.check()
        assert list(self.ours) == self.pairs
        assert len(self.ours) == len(self.pairs)


def few_scores(chance):
    return float(chance.randrange(4))


def many_scores(chance):
    return float(chance.randrange(10**6))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    score_of=st.sampled_from([few_scores, many_scores]),
    steps=st.lists(
        st.sampled_from(["grow", "shrink", "cut", "pop", "rise"]),
        min_size=3,
        max_size=8,
    ),
)
def test_order_agrees_with_a_sorted_list(seed, score_of, steps):
    chance = random.Random(seed)
    model = Model(
        [(score_of(chance), member(i)) for i in range(chance.randrange(MANY))]
    )
    named = 10_000
    for step in steps:
        count = chance.randrange(1, 700)
        if step in {"grow", "rise"}:
            for _ in range(count):
                score = 1e7 + named if step == "rise" else score_of(chance)
                model.ours.add(score, member(named))
                model.pairs.append((score, member(named)))
                named += 1
            model.pairs.sort()
        elif step == "shrink":
            for pair in chance.sample(model.pairs, min(count, len(model.pairs))):
                model.remove(pair)
        elif step == "cut":
            first, end = sorted(chance.choices(range(len(model.pairs) + 2), k=2))
            assert model.ours.remove_between(first, end) == model.pairs[first:end]
            del model.pairs[first:end]
        else:
            for _ in range(min(count, len(model.pairs))):
                assert model.ours.pop_first() == model.pairs.pop(0)
        model.check()
        look_around(model, chance)
        model.check()


def look_around(model, chance):
    size = len(model.pairs)
    for _ in range(20):
        first, end = chance.randrange(size + 1), chance.randrange(size + 3)
        assert model.ours.pairs(first, end) == model.pairs[first:end]
        if size:
            rank = chance.randrange(size)
            assert model.ours.at(rank) == model.pairs[rank]
            assert model.ours.rank(*model.pairs[rank]) == rank
        score = many_scores(chance)
        before = sum(pair < (score, b"") for pair in model.pairs)
        assert model.ours.rank(score, b"") == before


def test_sums_follow_what_changes_between_two_looks():
    model = Model([(float(i), member(i)) for i in range(MANY)])
    chance = random.Random(5)
    for number in range(400):
        model.ours.at(len(model.pairs) // 2)
        if number % 2:
            model.remove(chance.choice(model.pairs))
        else:
            model.add((chance.random() * MANY, member(20_000 + number)))
        rank = chance.randrange(len(model.pairs))
        assert model.ours.rank(*model.pairs[rank]) == rank
    model.check()


def test_members_of_one_score_are_in_the_order_of_their_bytes():
    names = [b"%x" % (i * 7919 % 1009) for i in range(1009)]

    order = ScoreOrder(dict.fromkeys(names, 0.0))

    assert [name for _, name in order] == sorted(names)


def test_blocks_that_shrink_are_put_together():
    model = Model([(float(i), member(i)) for i in range(MANY)])
    for pair in [pair for pair in model.pairs if pair[0] % 10]:
        model.remove(pair)

    model.check()
    assert len(model.ours._blocks) <= 2


def test_scores_that_rise_leave_full_blocks():
    order = ScoreOrder({})
    for number in range(MANY):
        order.add(float(number), member(number))

    assert len(order._blocks) == MANY // BLOCK_MAX


def test_order_holds_the_floats_that_it_was_given():
    score = float("123456.5")
    order = ScoreOrder({b"a": score})
    another = float("99.5")
    order.add(another, b"b")

    assert {id(held) for held, _ in order} == {id(score), id(another)}


@pytest.mark.parametrize("first", [0, 3, 700])
def test_ranges_that_are_empty(first):
    order = ScoreOrder({b"a": 1.0, b"b": 2.0})

    assert order.pairs(first, first) == order.remove_between(first, first) == []
    assert len(order) == 2
