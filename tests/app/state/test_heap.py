"""What is in use of the memory that the process holds."""

import sys

import pytest

from joblog.app.state import heap, process
from joblog.app.state.allocators import (
    MallocTotals,
    PymallocTotals,
    find_allocators,
    read_totals,
)
from joblog.app.state.heap import Gauge, Usage

PRINTED = b"""Small block threshold = 512, in 32 size classes.

class   size   num pools   blocks in use  avail blocks
-----   ----   ---------   -------------  ------------
    0     16           1             250           771
    1     32          12            5511           621

# arenas allocated total           =                    2
# arenas allocated current         =                    2
2 arenas * 1048576 bytes/arena     =            2,097,152

# bytes in allocated blocks        =            1,068,848
# bytes in available blocks        =              378,736
37 unused pools * 16384 bytes      =              606,208
# bytes lost to pool headers       =                4,272
Total                              =            2,097,152

arena map counts
# bytes lost to arena map root     =              262,144
Total                              =              655,360

          12 free PyDictObjects * 48 bytes each =                  576
"""


def test_what_pymalloc_prints_is_read():
    free = 378_736 + 606_208

    assert read_totals(PRINTED) == PymallocTotals(2_097_152 - free, 250 + 5511)
    assert read_totals(b"") == PymallocTotals(0, 0)


def test_allocators_of_this_process_tell_what_is_taken_and_what_is_let_go():
    allocators = find_allocators()
    if allocators is None:
        assert Usage(lambda: None)() == pytest.approx(process.resident_bytes(), rel=0.1)
        return
    before, large_before = allocators.pymalloc(), allocators.malloc().heaps
    small = [b"%060d" % number for number in range(20_000)]
    large = [bytes(2000 + number % 7) for number in range(5_000)]
    full, large_full = allocators.pymalloc(), allocators.malloc().heaps
    del small, large
    after, large_after = allocators.pymalloc(), allocators.malloc().heaps

    assert full.size - before.size == pytest.approx(20_000 * 96, rel=0.2)
    assert full.blocks - before.blocks == pytest.approx(20_000, rel=0.1)
    assert large_full - large_before == pytest.approx(5_000 * 2064, rel=0.2)
    assert after.size - before.size < 200_000
    assert large_after - large_before < 1_000_000


class FakeAllocators:
    """Has so many blocks of malloc of a size; counts how often it is asked."""

    def __init__(self, monkeypatch):
        self.blocks, self.block_bytes, self.mapped = 100_000, 1000, 5_000_000
        self.resident, self.asked = 200_000_000, 0
        monkeypatch.setattr(sys, "getallocatedblocks", lambda: 7 + self.blocks)
        monkeypatch.setattr(
            process, "resident_and_shared_bytes", lambda: (self.resident, 10_000_000)
        )

    def pymalloc(self):
        return PymallocTotals(20_000_000, 7)

    def malloc(self):
        self.asked += 1
        return MallocTotals(self.blocks * self.block_bytes, self.mapped)


def test_malloc_is_not_asked_while_there_are_many_holes(monkeypatch):
    fake = FakeAllocators(monkeypatch)
    usage = Usage(lambda: fake)
    assert usage() == 20_000_000 + 100_000_000 + 5_000_000 + 10_000_000

    fake.blocks -= 50_000
    assert usage() == 20_000_000 + 50_000_000 + 5_000_000 + 10_000_000
    assert fake.asked == 1
    fake.blocks += 50_000
    usage()
    assert fake.asked == 2
    fake.blocks -= 50_000
    fake.resident = 90_000_000  # most was given back: there are no holes to walk over
    assert usage() == 20_000_000 + 50_000_000 + 5_000_000 + 10_000_000
    assert fake.asked == 3


def test_no_more_is_in_use_than_the_process_holds(monkeypatch):
    fake = FakeAllocators(monkeypatch)
    fake.resident = 60_000_000

    assert Usage(lambda: fake)() == 60_000_000


def test_process_whose_allocators_do_not_tell_uses_what_it_holds(monkeypatch):
    monkeypatch.setattr(process, "resident_and_shared_bytes", lambda: (7_000_000, 1))

    assert Usage(lambda: None)() == 7_000_000


class Slow:
    """A gauge's clock, and what it reads, which takes as long as it is told."""

    def __init__(self):
        self.now_ns, self.cost_ns, self.reads = 10**12, 100_000, 0
        self.gauge = Gauge()
        self.gauge._now_ns = self.gauge._spent = lambda: self.now_ns
        self.gauge.read = self

    def __call__(self):
        self.reads += 1
        self.now_ns += self.cost_ns
        return self.reads * 1000


def test_gauge_looks_the_less_often_the_longer_it_takes():
    slow = Slow()
    assert slow.gauge.used() == 1000
    slow.gauge.note_freed(300)
    assert slow.gauge.used() == 700

    slow.now_ns += 1_999_999
    assert slow.gauge.used() == 700
    slow.now_ns += 1
    assert slow.gauge.used() == 2000
    slow.cost_ns = 5_000_000
    slow.now_ns += 2_000_000
    assert slow.gauge.used() == 3000
    slow.now_ns += 99_000_000
    assert slow.gauge.used() == 3000


def test_gauge_looks_again_for_a_fifth_of_the_time_at_the_most():
    slow = Slow()
    slow.cost_ns = 5_000_000
    for _ in range(50):
        slow.gauge.look_again()

    assert slow.reads == heap._AGAIN_NS_MAX // slow.cost_ns + 1
    slow.now_ns += 100_000_001
    slow.gauge.look_again()
    assert slow.reads == heap._AGAIN_NS_MAX // slow.cost_ns + 2
