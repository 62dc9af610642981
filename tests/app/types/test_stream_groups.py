from hypothesis import given
from hypothesis import strategies as st

from joblog.app.types.stream_groups import Consumer, Group, Pending, PendingList

STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=80)


@given(STEPS, st.integers(0, 31), st.integers(0, 31))
def test_pending_list_agrees_with_a_plain_dictionary(steps, least, most):
    pending, model = PendingList(), {}
    for is_added, entry_id in steps:
        if is_added:
            model[entry_id] = Pending(Consumer(b"c", 0), 0, 1)
            pending.put(entry_id, model[entry_id])
        else:
            assert pending.remove(entry_id) is model.pop(entry_id, None)
        pending.check()

    assert len(pending) == len(model)
    assert pending.first_id() == min(model, default=None)
    assert pending.last_id() == max(model, default=None)
    assert list(pending.between(least, most)) == [
        (entry_id, model[entry_id])
        for entry_id in sorted(model)
        if least <= entry_id <= most
    ]


def test_pending_list_forgets_what_was_removed_long_ago():
    pending = PendingList()
    consumer = Consumer(b"c", 0)
    for entry_id in range(1, 10_000):
        pending.put(entry_id, Pending(consumer, 0, 1))
        pending.remove(entry_id - 5)

    pending.check()
    assert list(pending.entries) == list(range(9995, 10_000))


def test_what_is_removed_while_a_pending_list_is_gone_through_is_not_shown():
    pending = PendingList()
    for entry_id in range(1, 201):
        pending.put(entry_id, Pending(Consumer(b"c", 0), 0, 1))

    shown = []
    for entry_id, _ in pending.between():
        shown.append(entry_id)
        pending.remove(entry_id)
        pending.remove(entry_id + 1)

    assert shown == list(range(1, 201, 2))
    assert len(pending) == 0


OWNERS = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([b"a", b"b"]), st.booleans())
)


@given(OWNERS)
def test_each_pending_entry_has_one_owner(steps):
    group = Group(0)
    owners = {name: group.add_consumer(name, 0) for name in (b"a", b"b")}
    model = {}
    for entry_id, name, is_done in steps:
        if is_done:
            assert group.acknowledge(entry_id) == (entry_id in model)
            model.pop(entry_id, None)
        else:
            group.assign(entry_id, owners[name], 5, 1)
            model[entry_id] = name
        group.check()

    found = {entry_id: each.consumer.name for entry_id, each in group.pending.between()}
    assert found == model
    had = list(model.values()).count(b"a")
    assert group.remove_consumer(owners[b"a"]) == had
    group.check()
