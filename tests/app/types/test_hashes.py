import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.types.hashes import HASHTABLE, LISTPACK, Hash, replace_field, set_field

FIELDS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put_all", "replace", "discard", "expire", "persist"]),
        st.lists(st.tuples(FIELDS, st.binary(max_size=2)), min_size=1, max_size=4),
    ),
    max_size=20,
)


@given(STEPS, st.booleans())
def test_hash_agrees_with_a_plain_dictionary(steps, has_been_picked):
    fill = {b"%d" % number: b"" for number in range(100 * has_been_picked)}
    ours, model = Hash(fill), dict(fill)
    deadlines = {}
    if has_been_picked:  # from now on it keeps a set of its fields
        ours.pick(random.Random(1))

    for name, pairs in steps:
        before = len(model)
        field, value = pairs[0]
        if name == "put":
            model[field] = value
            deadlines.pop(field, None)
            assert set_field(ours, field, value) == len(model) - before
        elif name == "put_all":
            model.update(pairs)
            fields, values = zip(*pairs, strict=True)
            for one in fields:
                deadlines.pop(one, None)
            assert ours.put_all(fields, values) == len(model) - before
        elif name == "replace":
            model[field] = value
            assert replace_field(ours, field, value) == len(model) - before
        elif name == "persist":
            had_one = deadlines.pop(field, None) is not None
            assert ours.clear_deadline(field) is had_one
        elif name == "discard":
            model.pop(field, None)
            deadlines.pop(field, None)
            assert ours.discard(field) == before - len(model)
        elif field in model:
            deadlines[field] = len(value)
            ours.set_deadline(field, len(value))
        ours.check()
        assert list(ours.items()) == list(model.items())
        assert (ours.deadlines or {}) == deadlines
        assert ours.next_deadline_ms() == min(deadlines.values(), default=None)


def test_what_is_due_goes_the_oldest_first():
    fields = Hash(dict.fromkeys([b"a", b"b", b"c", b"d"], b"1"), {b"a": 30, b"b": 10})
    fields.set_deadline(b"c", 20)
    fields.set_deadline(b"b", 15)

    assert fields.discard_due(9) == []
    assert fields.discard_due(20) == [b"b", b"c"]
    assert fields.discard_due(30) == [b"a"]

    fields.check()
    assert (fields, fields.deadlines) == ({b"d": b"1"}, None)


def test_a_copy_has_deadlines_of_its_own():
    fields = Hash({b"a": b"1"}, {b"a": 30})

    copied = fields.copy()
    fields.clear_deadline(b"a")

    assert copied.deadlines == {b"a": 30}
    assert copied.encoding() == HASHTABLE
    assert fields.encoding() == LISTPACK


@pytest.mark.parametrize("size", [10, 100], ids=["few fields", "many fields"])
def test_picks_are_uniform_also_after_changes(size):
    fields = Hash({b"%d" % number: b"" for number in range(size)})
    chance = random.Random(3)
    fields.pick(chance)
    fields.discard(b"0")
    set_field(fields, b"new", b"")

    counts = Counter(fields.pick_any(size * 300, chance))

    assert counts.keys() == fields.keys()
    assert all(200 < count < 400 for count in counts.values())


def test_pick_distinct_returns_no_field_twice():
    fields = Hash({b"%d" % number: b"" for number in range(100)})

    assert len(set(fields.pick_distinct(30, random.Random(1)))) == 30
    assert fields.pick_distinct(200, random.Random(1)) == list(fields)


ENCODINGS = [
    pytest.param({b"%d" % number: b"" for number in range(512)}, LISTPACK, id="many"),
    pytest.param({b"%d" % number: b"" for number in range(513)}, HASHTABLE, id="more"),
    pytest.param({b"f": b"x" * 64}, LISTPACK, id="long value"),
    pytest.param({b"f": b"x" * 65}, HASHTABLE, id="longer value"),
    pytest.param({b"x" * 65: b""}, HASHTABLE, id="longer field"),
]


@pytest.mark.parametrize(("fields", "expected"), ENCODINGS)
def test_encoding_follows_the_fields(fields, expected):
    assert Hash(fields).encoding() == expected


def test_copy_is_a_hash_of_its_own():
    fields = Hash({b"a": b"1"})

    copied = fields.copy()
    set_field(copied, b"b", b"2")

    assert type(copied) is Hash
    assert list(fields) == [b"a"]
