import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.types.hashes import HASHTABLE, LISTPACK, Hash

FIELDS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put_all", "discard"]),
        st.lists(st.tuples(FIELDS, st.binary(max_size=2)), min_size=1, max_size=4),
    ),
    max_size=20,
)


@given(STEPS, st.booleans())
def test_hash_agrees_with_a_plain_dictionary(steps, has_been_picked):
    fill = {b"%d" % number: b"" for number in range(100 * has_been_picked)}
    ours, model = Hash(fill), dict(fill)
    if has_been_picked:  # from now on it keeps a set of its fields
        ours.pick(random.Random(1))

    for name, pairs in steps:
        before = len(model)
        field, value = pairs[0]
        if name == "put":
            model[field] = value
            assert ours.put(field, value) == len(model) - before
        elif name == "put_all":
            model.update(pairs)
            fields, values = zip(*pairs, strict=True)
            assert ours.put_all(fields, values) == len(model) - before
        else:
            model.pop(field, None)
            assert ours.discard(field) == before - len(model)
        ours.check()
        assert list(ours.items()) == list(model.items())


@pytest.mark.parametrize("size", [10, 100], ids=["few fields", "many fields"])
def test_picks_are_uniform_also_after_changes(size):
    fields = Hash({b"%d" % number: b"" for number in range(size)})
    chance = random.Random(3)
    fields.pick(chance)
    fields.discard(b"0")
    fields.put(b"new", b"")

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
    copied.put(b"b", b"2")

    assert type(copied) is Hash
    assert list(fields) == [b"a"]
