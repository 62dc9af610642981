"""DiskWatch: when writes are refused, when an operator is warned, and how often."""

import logging

import pytest

from joblog.actors.disk_watch import RESERVE_REACHED, TELL_AGAIN_MS, DiskWatch
from joblog.actors.unsynced import UnsyncedAge
from joblog.storage.filesystem import FileSystem
from joblog.storage.room import Room
from tests.support.fakes import FakeClock

MB = 1 << 20
SIZE = 1000 * MB


class Disk(FileSystem):
    """A disk of which the test says how much is free."""

    free = SIZE
    error = None

    def room(self, folder):
        if self.error:
            raise self.error
        return Room(self.free, SIZE)


class Watched:
    def __init__(self, folder, reserve=16 * MB):
        self.disk, self.reserve, self.clock = Disk(), reserve, FakeClock()
        self.watch = DiskWatch(folder, self.disk, lambda: self.reserve, self.clock)

    def look(self, free, after_ms=1000):
        self.disk.free = free
        self.clock.advance(after_ms)
        self.watch.look()
        return self.watch.trouble


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_writes_are_refused_below_the_reserve_until_there_is_a_bit_more(watched):
    assert watched.look(16 * MB) is None
    assert watched.look(16 * MB - 1) == RESERVE_REACHED
    assert watched.look(17 * MB) == RESERVE_REACHED
    assert watched.look(18 * MB) is None


def test_no_reserve_refuses_nothing(tmp_path):
    watched = Watched(tmp_path, reserve=0)

    assert watched.look(0) is None


def test_the_next_look_comes_before_what_is_left_is_written(watched):
    watched.look(116 * MB)
    assert watched.watch.bytes_until_look == 25 * MB
    watched.look(16 * MB)
    assert watched.watch.bytes_until_look == 64 * 1024


def test_a_disk_that_tells_nothing_changes_nothing(watched):
    watched.look(MB)
    watched.disk.error = OSError("stale")

    assert watched.look(SIZE) == RESERVE_REACHED


def test_warnings_come_at_each_half_and_now_and_then(watched, caplog):
    caplog.set_level(logging.WARNING)
    # A tenth of the disk is 100 MiB, above the 16 of the reserve.
    for free, lines in [(117, 0), (115, 1), (100, 1), (65, 2), (64, 2)]:
        watched.look(free * MB)
        assert len(caplog.messages) == lines, free
    watched.look(64 * MB, after_ms=TELL_AGAIN_MS)
    assert len(caplog.messages) == 3
    assert f"{48 * MB} bytes until writes are refused" in caplog.messages[-1]


def test_status_has_numbers_and_words_that_an_exporter_reads(watched):
    watched.look(MB)

    assert watched.watch.status() == {
        "log_disk_free_bytes": MB,
        "log_disk_size_bytes": SIZE,
        "log_disk_reserve_bytes": 16 * MB,
        "log_disk_low": 1,
        "log_disk_status": "err",
    }


def test_age_of_the_oldest_record_that_is_not_durable():
    clock = FakeClock(0)
    age = UnsyncedAge(clock)
    found = []
    for last_seq, synced_seq in [(5, 5), (5, 5), (9, 5), (12, 5), (12, 9), (12, 12)]:
        found.append(age.look(last_seq, synced_seq))
        clock.advance(1000)

    # Record 6 is younger than the second look, record 10 than the third.
    assert found == [0, 0, 1, 2, 2, 0]


def test_age_of_a_log_that_is_never_synced_is_not_lost():
    clock = FakeClock(0)
    age = UnsyncedAge(clock)
    for number in range(20_000):
        seconds = age.look(number, 0)
        clock.advance(1000)

    assert seconds == 19_999
    assert len(age._looks) < 10_000
