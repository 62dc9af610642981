import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.keyspace.scan import ScanIndex, scan_table, walk
from joblog.app.types.hashes import Hash
from joblog.app.types.sets import Set

LARGE = 12_000


class Churn:
    """A dictionary under change: some elements stay, the others come and go."""

    def __init__(self, table, seed):
        self.table = table
        self.chance = random.Random(seed)
        self.next = len(table)
        self.stay = set(self.chance.sample(list(table), len(table) // 3))

    def change(self, removals, additions):
        gone = [key for key in self.table if key not in self.stay]
        for key in self.chance.sample(gone, min(removals, len(gone))):
            del self.table[key]
            if self.chance.random() < 0.3:
                self.table[key] = b"again"
        for _ in range(additions):
            self.table[b"new%d" % self.next] = b""
            self.next += 1


class Scan:
    """One whole scan, taken a step at a time."""

    def __init__(self, index, table, required):
        self.index, self.table, self.required = index, table, required
        self.cursor, self.found, self.is_over = 0, set(), False

    def step(self, count):
        self.cursor, found = self.index.step(self.table, self.cursor, count)
        assert len(found) <= count
        self.found.update(found)
        self.is_over = self.cursor == 0


def make_table(size):
    return {b"key%d" % number: b"" for number in range(size)}


SIZES = [pytest.param(200, id="walked"), pytest.param(LARGE, id="listed")]


@pytest.mark.parametrize("size", SIZES)
def test_scan_returns_each_element_once_where_nothing_changes(size):
    table, index = make_table(size), ScanIndex()
    cursor, found = index.step(table, 0, 77)

    while cursor:
        cursor, more = index.step(table, cursor, 77)
        found += more

    assert sorted(found) == sorted(table)


@pytest.mark.parametrize("seed", range(6))
def test_scans_miss_nothing_that_stays_whatever_comes_and_goes(seed):
    chance = random.Random(seed)
    churn = Churn(make_table(LARGE), seed)
    owner = Hash()
    scan_table(owner, churn.table, 0, 1)
    scans = []

    for _ in range(400):
        if len(scans) < 40 and chance.random() < 0.2:
            scans.append(Scan(owner.scan_index, churn.table, set(churn.stay)))
        for scan in scans:
            if not scan.is_over and chance.random() < 0.7:
                scan.step(chance.choice([10, 200, 3000]))
        churn.change(chance.choice([0, 5, 60]), chance.choice([0, 5, 60]))
        if chance.random() < 0.02:
            owner.scan_index = ScanIndex()  # losing it does no harm
            for scan in scans:
                scan.index = owner.scan_index
        # What came since counts for the scans that start later.
        churn.stay.update(chance.sample(list(churn.table), 3))

    finished = [scan for scan in scans if scan.is_over]
    assert finished
    assert all(scan.required <= scan.found for scan in finished)


def test_scan_ends_where_everything_was_removed():
    table, index = make_table(LARGE), ScanIndex()
    cursor, _ = index.step(table, 0, 5000)
    cursor, _ = index.step(table, cursor, 1000)

    table.clear()

    assert index.step(table, cursor, 10) == (0, [])


def test_scan_of_an_empty_dictionary_is_over_at_once():
    assert ScanIndex().step({}, 0, 10) == (0, [])


def test_scan_takes_any_cursor():
    table, index = make_table(LARGE), ScanIndex()

    cursor, found = index.step(table, (1 << 64) - 1, 10)

    assert cursor
    assert found == walk(table, LARGE - 10, LARGE)


@given(st.integers(0, 30), st.data())
def test_walk_returns_places_from_either_end(size, data):
    table = make_table(size)
    first = data.draw(st.integers(0, size))
    end = data.draw(st.integers(first, size))

    assert sorted(walk(table, first, end)) == sorted(list(table)[first:end])


@given(st.randoms(use_true_random=False))
def test_scan_of_members_misses_nothing_that_stays(chance):
    members = Set(b"%d" % number for number in range(60))
    stay = set(chance.sample(list(members), 20))
    cursor, found = scan_table(members, members, 0, 4)
    found = set(found)

    while cursor:
        for member in chance.sample(list(members), 5):
            if member not in stay:
                members.discard(member)
        members.add_all(b"%d" % chance.randrange(100) for _ in range(4))
        if chance.random() < 0.2:
            members.become([*stay, b"%d" % chance.randrange(100)])
        cursor, more = scan_table(members, members, cursor, 4)
        found.update(more)

    assert stay <= found
