"""A copy that follows a log is sound at every moment, whatever ends the following."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.errors import LogLockedError, PrunedError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.following import Follower, HistoryLostError
from joblog.storage.log import Log
from joblog.storage.verify import verify_log
from tests.storage.logs import FOLDER, append, open_log, read_values
from tests.support.fakes import Fault, FaultyFileSystem, KilledError

COPY = Path("/copy")


def values_of(disk, folder=COPY):
    return read_values(disk, folder=folder)


class Followed:
    """A log that grows, and a copy that follows it."""

    def __init__(self, segment_bytes_max=400):
        self.disk = FaultyFileSystem()
        self.log = open_log(self.disk, segment_bytes_max)
        self.written = []
        self.write(3)
        self.follower = Follower(FOLDER, COPY, filesystem=self.disk)

    def write(self, count):
        for _ in range(count):
            value = b"%04d" % len(self.written) + b"v" * 20
            append(self.log, value)
            self.log.sync()
            self.written.append(value)


@pytest.fixture
def followed():
    return Followed()


def test_a_copy_has_each_record_as_it_comes_over_all_seals(followed):
    for count in (1, 0, 2, 30, 1, 17):
        followed.write(count)

        assert followed.follower.step() == count

        assert followed.follower.last_seq == len(followed.written)
        assert values_of(followed.disk) == followed.written
    followed.follower.close()
    assert verify_log(COPY, filesystem=followed.disk).is_sound
    source, copy = (LogFolder(path, followed.disk) for path in (FOLDER, COPY))
    for first_seq in source.find_segments():
        assert followed.disk.read_file(
            source.segment_path(first_seq)
        ) == followed.disk.read_file(copy.segment_path(first_seq))


def test_a_server_starts_over_a_copy_and_goes_on(followed):
    followed.write(20)
    followed.follower.step()
    with pytest.raises(LogLockedError):
        Log.open(COPY, filesystem=followed.disk, now_ms=lambda: 1)
    followed.follower.close()

    log = Log.open(COPY, filesystem=followed.disk, now_ms=lambda: 1)
    append(log, b"more")
    log.close()

    assert values_of(followed.disk) == [*followed.written, b"more"]


def test_following_goes_on_where_it_was_left(followed):
    followed.write(10)
    followed.follower.step()
    followed.follower.close()
    followed.write(25)

    follower = Follower(FOLDER, COPY, filesystem=followed.disk)
    followed.write(4)

    assert follower.step() > 0
    assert values_of(followed.disk) == followed.written


def test_a_source_that_lost_records_is_told_and_the_copy_keeps_them(followed):
    followed.write(2)
    followed.follower.step()
    path = LogFolder(FOLDER, followed.disk).segment_path(followed.log.open_first_seq)
    file = followed.disk.open_to_append(path)
    followed.disk.truncate(file, followed.disk.size(file) - 10)

    with pytest.raises(HistoryLostError, match="another way"):
        followed.follower.step()

    assert values_of(followed.disk) == followed.written


def test_a_source_of_another_history_is_told_when_following_begins(followed):
    """A copy that a server has written to is not mixed with what it was copied from."""
    followed.write(2)
    followed.follower.step()
    followed.follower.close()
    log = Log.open(COPY, filesystem=followed.disk, now_ms=lambda: 1)
    while log.open_first_seq == followed.log.open_first_seq:
        log.limit_segments(400)
        append(log, b"the copy went on" * 3)
    log.close()
    theirs = values_of(followed.disk)

    followed.write(1)
    with pytest.raises(StorageError):
        Follower(FOLDER, COPY, filesystem=followed.disk)

    assert values_of(followed.disk) == theirs


def test_what_was_pruned_before_it_was_copied_ends_the_following(followed):
    followed.follower.step()
    followed.write(60)
    folder = LogFolder(FOLDER, followed.disk)
    for first_seq in folder.find_segments()[:-1]:
        followed.disk.unlink(folder.segment_path(first_seq))

    with pytest.raises(PrunedError):
        followed.follower.step()


@pytest.mark.parametrize(
    "effect", [errno.EIO, errno.ENOSPC, "torn", "kill", "kill half", "kill after"]
)
def test_whatever_call_fails_the_copy_opens_with_all_that_it_had(effect):
    number = 0
    while True:
        followed = Followed()
        follower = followed.follower
        followed.write(2)
        follower.step()
        followed.write(12)
        before = len(followed.disk.calls)
        followed.disk.fail(Fault(effect, skip=number))
        try:
            follower.step()
            is_over = len(followed.disk.calls) - before <= number
        except (OSError, StorageError, KilledError):
            is_over = False
        had = follower.last_seq
        followed.disk.cut_power(Random(number))

        log = Log.open(COPY, filesystem=followed.disk, now_ms=lambda: 1)
        assert log.last_seq >= had
        assert values_of(followed.disk) == followed.written[: log.last_seq]
        append(log, b"more")
        log.close()
        assert verify_log(COPY, filesystem=followed.disk).is_sound
        if is_over:
            break
        number += 1
    assert number > 20
