import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.errors import STREAM_ENTRY_TOO_LARGE, CommandError
from joblog.app.types import streams
from joblog.app.types.stream_groups import Group
from joblog.app.types.stream_ids import ID_MAX
from joblog.app.types.streams import Stream

FIELDS = (b"a", b"1")


def filled(ids, node_entries=3):
    stream = Stream()
    for entry_id in ids:
        stream.append(entry_id, (b"n", b"%d" % entry_id), node_entries=node_entries)
    return stream


def ids_of(entries):
    return [entry_id for entry_id, _ in entries]


RISING = st.sets(st.integers(1, 40), max_size=25).map(sorted)
BOUND = st.integers(0, 42)


@given(RISING, st.sets(st.integers(1, 40)), BOUND, BOUND, st.integers(0, 6))
def test_ranges_agree_with_a_plain_list(ids, deleted, least, most, count):
    stream = filled(ids)
    for entry_id in deleted:
        assert stream.delete(entry_id) == (entry_id in ids)
    left = [each for each in ids if each not in deleted]
    wanted = [each for each in left if least <= each <= most]

    stream.check()
    assert stream.length == len(left)
    assert stream.first_id == min(left, default=0)
    assert ids_of(stream.between(least, most, count)) == wanted[: count or None]
    backwards = ids_of(stream.between_backwards(least, most, count))
    assert backwards == wanted[::-1][: count or None]
    for entry_id in range(43):
        fields = (b"n", b"%d" % entry_id) if entry_id in left else None
        assert stream.get(entry_id) == fields


@given(RISING, st.sets(st.integers(1, 40)), st.integers(0, 30))
def test_exact_trimming_leaves_the_last_entries(ids, deleted, length):
    stream = filled(ids)
    for entry_id in deleted:
        stream.delete(entry_id)
    left = [each for each in ids if each not in deleted]
    other = stream.copy()

    removed = stream.trim_to_length(length)
    other.trim_before(length)

    stream.check()
    other.check()
    assert ids_of(stream.between()) == left[max(len(left) - length, 0) :]
    assert removed == len(left) - stream.length
    assert ids_of(other.between()) == [each for each in left if each >= length]


def test_approximate_trimming_removes_whole_nodes():
    stream = filled(range(1, 11))

    assert stream.trim_to_length(8, is_approximate=True) == 0
    assert stream.trim_to_length(7, is_approximate=True) == 3
    assert stream.trim_before(6, is_approximate=True) == 0
    assert stream.trim_before(7, is_approximate=True) == 3
    assert stream.trim_to_length(0, is_approximate=True, limit=2) == 0
    assert stream.trim_to_length(0, is_approximate=True, limit=3) == 3
    assert ids_of(stream.between()) == [10]


def test_a_deleted_entry_counts_where_a_node_is_trimmed_approximately():
    stream = filled(range(1, 7))
    stream.delete(3)

    assert stream.trim_before(3, is_approximate=True) == 0
    assert stream.trim_before(4, is_approximate=True) == 2


def test_entries_with_the_same_fields_share_their_names():
    stream = Stream()
    for entry_id in (1, 2):
        stream.append(entry_id, (bytes([65, 66]), b"%d" % entry_id))

    first, second = (fields for _, fields in stream.between())

    assert first[0] is second[0]


def test_a_node_is_full_by_its_size():
    stream = Stream()
    for entry_id in range(1, 9):
        stream.append(entry_id, (b"a", b"x" * 1000), node_bytes=4096)

    assert [len(node.ids) for node in stream.nodes] == [4, 4]


def test_an_entry_that_is_too_large_is_refused_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(streams, "ENTRY_BYTES_MAX", 10)
    stream = Stream()

    with pytest.raises(CommandError) as caught:
        stream.append(1, (b"a", b"x" * 10))

    assert caught.value.text == STREAM_ENTRY_TOO_LARGE
    assert (stream.length, stream.nodes) == (0, [])


def test_next_id_goes_on_where_the_clock_stands_still_or_goes_back():
    stream = Stream()
    assert stream.next_id(5) == 5 << 64

    stream.append(5 << 64, FIELDS)

    assert stream.next_id(5) == (5 << 64) + 1
    assert stream.next_id(4) == (5 << 64) + 1
    assert stream.next_id(6) == 6 << 64


def test_a_copy_shares_nothing_that_changes():
    stream = filled(range(1, 8))
    group = stream.groups[b"g"] = Group(0)
    alice = group.add_consumer(b"alice", 5)
    group.assign(1, alice, 6, 2)
    copy = stream.copy()

    stream.delete(2)
    stream.append(9, FIELDS)
    group.acknowledge(1)
    group.add_consumer(b"bob", 7)

    copy.check()
    assert ids_of(copy.between()) == list(range(1, 8))
    assert (copy.last_id, copy.max_deleted_id, copy.entries_added) == (7, 0, 7)
    pending = copy.groups[b"g"].pending.entries[1]
    assert (pending.delivered_ms, pending.deliveries) == (6, 2)
    assert pending.consumer is copy.groups[b"g"].consumers[b"alice"]
    assert list(copy.groups[b"g"].consumers) == [b"alice"]


WORD = st.binary(max_size=3)
PAIRS = st.lists(st.tuples(WORD, WORD), min_size=1, max_size=3)
ANY_ID = st.integers(1, ID_MAX)


@given(st.dictionaries(ANY_ID, PAIRS, min_size=1, max_size=20), st.data())
def test_entries_are_the_same_wherever_they_lie_packed(found, data):
    entries = {
        entry_id: tuple(word for pair in pairs for word in pair)
        for entry_id, pairs in sorted(found.items())
    }
    stream = Stream()
    for entry_id, fields in entries.items():
        stream.append(entry_id, fields, node_entries=2)
    for entry_id in data.draw(st.sets(st.sampled_from(list(entries)))):
        assert stream.delete(entry_id)
        del entries[entry_id]
        for node in data.draw(st.sets(st.sampled_from(stream.nodes or [None]))):
            if node is not None:
                node.pack()

    stream.check()
    assert stream.between() == list(entries.items())
    assert stream.copy().between() == list(entries.items())


def test_nodes_but_the_last_and_those_read_of_late_are_packed():
    stream = filled(range(1, 61), node_entries=3)
    assert [node.is_packed for node in stream.nodes] == [True] * 18 + [False] * 2

    assert ids_of(stream.between()) == list(range(1, 61))
    assert sum(not node.is_packed for node in stream.nodes) <= 6

    assert stream.delete(1)
    assert ids_of(stream.between()) == list(range(2, 61))
