import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from joblog.app.types.list_blocks import BLOCK_ELEMENTS, packed_element
from joblog.app.types.list_encodings import (
    LISTPACK,
    QUICKLIST,
    list_encoding,
    listpack_entry_bytes,
)
from joblog.app.types.lists import List

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
    found = List(items).find_positions(element, rank=rank, count=count, limit=limit)

    assert found == naive_positions(items, element, rank, count, limit)


def naive_positions(items, element, rank, count, limit):
    order = range(len(items)) if rank > 0 else range(len(items) - 1, -1, -1)
    compared = list(order)[: limit or None]
    found = [i for i in compared if items[i] == element][abs(rank) - 1 :]
    return found[: count or None]


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


SHORT, LONG = b"x", b"y" * 300
WORDS = st.sampled_from([SHORT, b"a", b"b", LONG])
MANY = st.integers(0, 3 * BLOCK_ELEMENTS)
PLACES = st.integers(-400, 400)


class AsAPlainList(RuleBasedStateMachine):
    """A list, and a plain list that all is done to as well."""

    def __init__(self):
        super().__init__()
        self.items, self.model = List(), []

    @rule(count=MANY, is_left=st.booleans(), is_long=st.booleans())
    def push(self, count, is_left, is_long):
        start = len(self.model)
        words = [b"%d" % (n % 50) for n in range(start, start + count)]
        words = [word + LONG * is_long for word in words]
        if is_left:
            self.items.extendleft(words)
            self.model[:0] = words[::-1]
        else:
            self.items.extend(words)
            self.model += words

    @rule(word=WORDS, is_left=st.booleans())
    def push_one(self, word, is_left):
        if is_left:
            self.items.appendleft(word)
            self.model.insert(0, word)
        else:
            self.items.append(word)
            self.model.append(word)

    @precondition(lambda self: self.model)
    @rule(is_left=st.booleans())
    def pop(self, is_left):
        popped = self.items.popleft() if is_left else self.items.pop()

        assert popped == self.model.pop(0 if is_left else -1)

    @rule(count=MANY, is_left=st.booleans())
    def pop_many(self, count, is_left):
        popped = self.items.pop_many(count, is_left=is_left)

        if is_left:
            expected, self.model = self.model[:count], self.model[count:]
        else:
            self.model.reverse()
            expected, self.model = self.model[:count], self.model[count:]
            self.model.reverse()
        assert popped == expected

    @rule(start=PLACES, stop=PLACES)
    def keep(self, start, stop):
        if self.model and len(self.model) < 300:
            return  # or nothing would ever be long
        before = len(self.model)
        self.model = naive_range(self.model, start, stop)

        assert self.items.keep(start, stop) == before - len(self.model)

    @rule(start=PLACES, stop=PLACES)
    def between(self, start, stop):
        walk = self.items.walk(start, stop)
        found = self.items.between(start, stop)
        self.items.append(b"later")
        self.items.pop()

        assert found == list(walk) == naive_range(self.model, start, stop)

    @rule(index=PLACES, word=WORDS)
    def replace(self, index, word):
        if -len(self.model) <= index < len(self.model):
            assert self.items[index] == self.model[index]
            self.items[index] = self.model[index] = word
        else:
            for use in (lambda: self.items[index], lambda: self.put(index, word)):
                with pytest.raises(IndexError):
                    use()

    def put(self, index, word):
        self.items[index] = word

    @rule(chosen=PLACES, word=WORDS, is_before=st.booleans())
    def insert(self, chosen, word, is_before):
        pivot = self.model[chosen % len(self.model)] if self.model else b""

        assert self.items.insert_beside(pivot, word, is_before=is_before) == bool(
            self.model
        )
        if self.model:
            self.model.insert(self.model.index(pivot) + (not is_before), word)

    @rule(chosen=PLACES, count=st.integers(-5, 5))
    def remove(self, chosen, count):
        element = self.model[chosen % len(self.model)] if self.model else b""
        before = len(self.model)
        self.model = naive_remove(self.model, element, count)

        removed = self.items.remove_equal(element, count)

        assert removed == before - len(self.model)

    @rule(
        chosen=PLACES,
        rank=st.integers(-4, 4).filter(bool),
        count=st.integers(0, 4),
        limit=st.sampled_from([0, 1, 5, 70, 200, 10**20]),
    )
    def find(self, chosen, rank, count, limit):
        element = self.model[chosen % len(self.model)] if self.model else b""

        found = self.items.find_positions(element, rank=rank, count=count, limit=limit)

        assert found == naive_positions(self.model, element, rank, count, limit)

    @rule()
    def copy(self):
        copied = self.items.copy()
        self.items.pop_many(3, is_left=True)
        self.items.extend([b"of", b"the", b"first"])

        self.items = copied

    @invariant()
    def is_the_same(self):
        assert list(self.items) == self.model
        assert list(reversed(self.items)) == self.model[::-1]
        assert len(self.items) == len(self.model)
        self.items.check()


TestAsAPlainList = AsAPlainList.TestCase
TestAsAPlainList.settings = settings(stateful_step_count=40, max_examples=60)


def test_equal_elements_are_removed_from_every_block():
    items = List([b"%d" % (number % 3) for number in range(3000)])
    emptied = List([b"x"] * 1000 + [b"y"] + [b"x"] * 1000)

    assert items.remove_equal(b"1", 0) == 1000
    assert emptied.remove_equal(b"x", 0) == 2000
    assert list(items) == [b"0", b"2"] * 1000
    assert list(emptied) == [b"y"]
    items.check()
    emptied.check()


def test_element_that_holds_anothers_packed_form_is_not_taken_for_it():
    inside = packed_element(b"job")
    items = List([inside] * 500 + [b"job"] + [inside] * 500)

    assert items.find_positions(b"job", count=0) == [500]


def test_copies_share_what_is_packed_and_no_change():
    items = List([b"y" * 300] * 500)
    copied = items.copy()

    items[200] = items[450] = b"x"
    items.pop_many(250, is_left=True)

    assert list(copied) == [b"y" * 300] * 500


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
    assert list_encoding(List(items), size) == expected


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
