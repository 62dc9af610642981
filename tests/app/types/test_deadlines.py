import random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types import deadlines as module
from joblog.app.types.deadlines import Deadlines

NAMES = st.sampled_from([b"a", b"b", b"c", b"d"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "pop", "due"]), NAMES, st.integers(0, 9)),
    max_size=40,
)


@given(STEPS)
def test_deadlines_agree_with_a_plain_dictionary(steps):
    ours, model = Deadlines(), {}

    for what, name, number in steps:
        if what == "put":
            ours.put(name, number)
            model[name] = number
        elif what == "pop":
            assert ours.pop(name, None) == model.pop(name, None)
        else:
            due = sorted((ms, name) for name, ms in model.items() if ms <= number)[:2]
            assert ours.pop_due(number, 2) == [name for _, name in due]
            for _, gone in due:
                del model[gone]
        ours.check()
        assert ours == model
        assert ours.next_ms() == min(model.values(), default=None)


def test_deadlines_set_anew_leave_no_heap_behind():
    deadlines = Deadlines({b"other": 5})

    for ms in range(10_000):
        deadlines.put(b"name", ms)

    assert deadlines._noted < 2_000
    assert deadlines.pop_due(20_000) == [b"other", b"name"]


class Model:
    """Deadlines, and beside them a plain dictionary that is sorted each time."""

    def __init__(self, chance):
        self.chance = chance
        self.ours = Deadlines()
        self.model = {}
        self.span = chance.choice([3, 20, 1000])
        self.names = chance.choice([5, 60, 400])

    def name(self):
        return b"%d" % self.chance.randrange(self.names)

    def put_some(self, step):
        for _ in range(self.chance.randrange(1, 8)):
            name = self.name()
            any_ms = self.chance.randrange(self.span)
            ms = self.chance.choice([any_ms, self.span // 2, step])
            self.ours.put(name, ms)
            self.model[name] = ms

    def remove_due(self):
        now_ms, limit = self.chance.randrange(self.span), self.chance.randrange(1, 9)
        due = sorted(ms for ms in self.model.values() if ms <= now_ms)[:limit]
        found = self.ours.pop_due(now_ms, limit)
        assert [self.model.pop(name) for name in found] == due

    def step(self, step):
        what = self.chance.random()
        if what < 0.6:
            self.put_some(step)
        elif what < 0.8:
            name = self.name()
            assert self.ours.pop(name, None) == self.model.pop(name, None)
        elif what < 0.83:
            self.ours = Deadlines(self.model)
        else:
            self.remove_due()
        self.ours.check()
        assert self.ours == self.model
        assert self.ours.next_ms() == min(self.model.values(), default=None)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([40, 300]))
def test_deadlines_agree_with_a_dictionary_over_many_small_blocks(seed, steps):
    with (
        patch.object(module, "_MOST", 24),
        patch.object(module, "_PIECE", 4),
        patch.object(module, "_SLACK", 10),
    ):
        model = Model(random.Random(seed))
        for step in range(steps):
            model.step(step)


TIMES = [
    pytest.param(lambda number: number, id="rising"),
    pytest.param(lambda number: -number, id="falling"),
    pytest.param(lambda number: number % 7, id="few moments"),
    pytest.param(lambda number: 5, id="one moment"),
    pytest.param(lambda number: number * 7919 % 20_011, id="mixed"),
]


@pytest.mark.parametrize("ms_of", TIMES)
def test_many_deadlines_are_due_in_order(ms_of):
    deadlines = Deadlines()
    for number in range(20_000):
        deadlines.put(b"%d" % number, ms_of(number))
    deadlines.check()

    removed = []
    while names := deadlines.pop_due(30_000, 300):
        removed += names

    assert [ms_of(int(name)) for name in removed] == sorted(map(ms_of, range(20_000)))
    assert len(set(removed)) == 20_000
    assert deadlines.next_ms() is None
    deadlines.check()


def test_deadlines_that_are_equal_hold_one_object():
    deadlines = Deadlines()
    for name in (b"a", b"b", b"c"):
        deadlines.put(name, int("1700000000000"))

    assert len(set(map(id, deadlines.values()))) == 1
