import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.types.lists import LISTPACK, QUICKLIST, List, listpack_entry_bytes

ELEMENTS = st.sampled_from([b"a", b"b", b"c"])
LISTS = st.lists(ELEMENTS, max_size=12)
INDEXES = st.integers(-15, 15)


def naive_range(items, start, stop):
    size = len(items)
    start = max(start + size, 0) if start < 0 else start
    stop = stop + size if stop < 0 else stop
    return items[start : stop + 1] if stop >= start else []


@given(LISTS, INDEXES, INDEXES)
def test_between_agrees_with_a_plain_list(items, start, stop):
    assert list(List(items).between(start, stop)) == naive_range(items, start, stop)


RANGES = [
    pytest.param(0, 9, id="left end"),
    pytest.param(-10, -1, id="right end"),
    pytest.param(2500, 2510, id="few, far from both ends"),
    pytest.param(1500, 2900, id="many, nearer to the left"),
    pytest.param(2100, 3900, id="many, nearer to the right"),
    pytest.param(-(1 << 63), (1 << 63) - 1, id="all"),
]


@pytest.mark.parametrize(("start", "stop"), RANGES)
def test_between_finds_the_same_from_either_end_of_a_long_list(start, stop):
    items = [b"%d" % number for number in range(5000)]

    assert list(List(items).between(start, stop)) == naive_range(items, start, stop)


@given(LISTS, INDEXES, INDEXES)
def test_keep_leaves_what_between_returns(items, start, stop):
    kept = List(items)

    removed = kept.keep(start, stop)

    assert list(kept) == naive_range(items, start, stop)
    assert removed == len(items) - len(kept)
    kept.check()


@given(LISTS, st.integers(1, 14), st.booleans())
def test_pop_many_returns_elements_in_the_order_of_removal(items, count, is_left):
    rest = List(items)

    popped = rest.pop_many(count, is_left=is_left)

    if is_left:
        assert (popped, list(rest)) == (items[:count], items[count:])
    else:
        backwards = items[::-1]
        assert (popped, list(rest)) == (backwards[:count], backwards[count:][::-1])


def naive_remove(items, element, count):
    items = items[::-1] if count < 0 else items[:]
    for _ in range(abs(count) or len(items)):
        if element in items:
            items.remove(element)
    return items[::-1] if count < 0 else items


@given(LISTS, ELEMENTS, st.integers(-4, 4))
def test_remove_equal_agrees_with_a_plain_list(items, element, count):
    rest = List(items)

    removed = rest.remove_equal(element, count)

    assert list(rest) == naive_remove(items, element, count)
    assert removed == len(items) - len(rest)
    rest.check()


@given(
    LISTS,
    ELEMENTS,
    st.integers(-4, 4).filter(bool),
    st.integers(0, 4),
    st.integers(0, 14),
)
def test_find_positions_agrees_with_a_plain_list(items, element, rank, count, limit):
    order = range(len(items)) if rank > 0 else range(len(items) - 1, -1, -1)
    compared = list(order)[: limit or None]
    expected = [i for i in compared if items[i] == element][abs(rank) - 1 :]

    found = List(items).find_positions(element, rank=rank, count=count, limit=limit)

    assert found == expected[: count or None]


def test_find_positions_takes_the_largest_numbers():
    most = (1 << 63) - 1

    assert List([b"a"]).find_positions(b"a", rank=most, count=most, limit=most) == []
    assert List([b"a"]).find_positions(b"a", count=most, limit=most) == [0]


@pytest.mark.parametrize(("is_before", "expected"), [(True, b"axbb"), (False, b"abxb")])
def test_insert_beside_takes_the_first_pivot(is_before, expected):
    items = List([b"a", b"b", b"b"])

    assert items.insert_beside(b"b", b"x", is_before=is_before)
    assert b"".join(items) == expected


def test_insert_beside_changes_nothing_without_the_pivot():
    items = List([b"a"])

    assert not items.insert_beside(b"z", b"x", is_before=True)
    assert list(items) == [b"a"]


def test_copy_is_a_list_of_its_own():
    items = List([b"a"])

    copied = items.copy()
    copied.append(b"b")

    assert type(copied) is List
    assert list(items) == [b"a"]


ENCODINGS = [
    pytest.param([b"x" * 100] * 79, -2, LISTPACK, id="below 8 KiB"),
    pytest.param([b"x" * 100] * 80, -2, QUICKLIST, id="above 8 KiB"),
    pytest.param([b"1"] * 4092, -2, LISTPACK, id="small integers"),
    pytest.param([b"1"] * 4093, -2, QUICKLIST, id="too many small integers"),
    pytest.param([b"x" * 100] * 50, -1, QUICKLIST, id="above 4 KiB"),
    pytest.param([b"a"] * 3, 3, LISTPACK, id="as many elements as allowed"),
    pytest.param([b"a"] * 4, 3, QUICKLIST, id="more elements than allowed"),
]


@pytest.mark.parametrize(("items", "size", "expected"), ENCODINGS)
def test_encoding_follows_the_size(items, size, expected):
    assert List(items).encoding(size) == expected


ENTRIES = [
    pytest.param(b"0", 2, id="seven bits"),
    pytest.param(b"127", 2, id="most of seven bits"),
    pytest.param(b"-1", 3, id="thirteen bits"),
    pytest.param(b"4096", 4, id="sixteen bits"),
    pytest.param(b"-32769", 5, id="twenty-four bits"),
    pytest.param(b"8388608", 6, id="thirty-two bits"),
    pytest.param(b"9223372036854775807", 10, id="sixty-four bits"),
    pytest.param(b"9223372036854775808", 21, id="no int64"),
    pytest.param(b"007", 5, id="no canonical integer"),
    pytest.param(b"x" * 63, 65, id="short string"),
    pytest.param(b"x" * 64, 67, id="string with a longer length"),
    pytest.param(b"x" * 200, 204, id="longer way back"),
    pytest.param(b"x" * 4096, 4103, id="long string"),
]


@pytest.mark.parametrize(("element", "size"), ENTRIES)
def test_listpack_entry_bytes_are_those_of_redis(element, size):
    assert listpack_entry_bytes(element) == size
