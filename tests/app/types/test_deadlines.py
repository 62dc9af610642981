from hypothesis import given
from hypothesis import strategies as st

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

    assert len(deadlines._due) < 2_000
    assert deadlines.pop_due(20_000) == [b"other", b"name"]
