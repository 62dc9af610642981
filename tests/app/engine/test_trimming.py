"""When malloc is asked to give back what is free, and when it is left alone."""

from joblog.app.engine.trimming import Trimming

MIB = 1 << 20
SECOND = 1_000_000_000


class Machine:
    """A process whose memory is made up; `freed` goes when malloc is asked."""

    def __init__(self, resident_bytes):
        self.resident_bytes, self.freed = resident_bytes, 0
        self.now_ns = self.spent_ns = 0
        self.cost_ns, self.asked = 100_000, 0
        self.trimming = Trimming()
        self.trimming.now_ns = lambda: self.now_ns
        self.trimming.spent_ns = lambda: self.spent_ns
        self.trimming.resident_bytes = lambda: self.resident_bytes
        self.trimming.give_back = self.give_back

    def give_back(self):
        self.asked += 1
        self.spent_ns += self.cost_ns
        self.resident_bytes, self.freed = self.resident_bytes - self.freed, 0

    def looks(self, seconds):
        """Look ten times a second; return how often malloc was asked."""
        before = self.asked
        for _ in range(int(seconds * 10)):
            self.now_ns += SECOND // 10
            self.trimming.look()
        return self.asked - before


def test_small_process_is_left_alone():
    machine = Machine(60 * MIB)

    assert machine.looks(100) == 0


def test_what_was_freed_goes_within_some_seconds():
    machine = Machine(3000 * MIB)
    machine.looks(1)
    machine.freed = 2900 * MIB

    machine.looks(5.5)

    assert machine.resident_bytes == 100 * MIB


def test_process_that_has_grown_is_asked_at_once_again():
    machine = Machine(1000 * MIB)
    assert machine.looks(1) == 1

    machine.resident_bytes = 1300 * MIB

    assert machine.looks(1) == 1


def test_where_nothing_comes_it_takes_one_three_thousandth_of_the_time():
    machine = Machine(3000 * MIB)
    machine.cost_ns = 40_000_000

    asked = machine.looks(1200)

    assert asked == 10
    assert asked * 40_000_000 <= 1200 * SECOND / 3000 + 40_000_000
