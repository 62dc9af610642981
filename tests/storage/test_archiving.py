"""Which segments the archive has yet to take; and what a crash may cost: one twice."""

import errno
from random import Random

import pytest

from joblog.storage.archiving import (
    find_archived,
    find_unarchived,
    forget_archived,
    mark_archived,
)
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.snapshot import write_snapshot
from joblog.storage.snapshots import describe_state
from tests.storage.logs import FOLDER, copy_disk, make_log
from tests.support.fakes import Fault, KilledError

BATCHES = [[b"%d" % n + b"v" * 20] * 5 for n in range(21)]


@pytest.fixture
def disk():
    """Return a disk with a log of many segments."""
    return make_log(*BATCHES, segment_bytes_max=1000)


def names(disk):
    return [path.name for path in find_unarchived(LogFolder(FOLDER, disk), disk)]


def segment_names(disk):
    folder = LogFolder(FOLDER, disk)
    return [folder.segment_path(seq).name for seq in folder.find_segments()]


def test_all_but_the_open_segment_are_offered_the_oldest_first(disk):
    assert names(disk) == segment_names(disk)[:-1]


def test_a_segment_whose_seal_is_not_over_is_not_offered(disk):
    folder = LogFolder(FOLDER, disk)
    *_, sealed, last = folder.find_segments()
    disk.rename(folder.segment_path(last), folder.next_path(sealed))

    assert names(disk) == segment_names(disk)[:-1]
    assert folder.segment_path(sealed).name not in names(disk)


def test_what_is_archived_is_not_offered_again(disk):
    folder = LogFolder(FOLDER, disk)
    segments = folder.find_segments()

    for seq in segments[:3]:
        mark_archived(folder, disk, seq)

    assert find_archived(folder, disk) == segments[2]
    assert names(disk) == segment_names(disk)[3:-1]
    marks = [name for name in disk.listdir(FOLDER) if name.startswith("archived")]
    assert len(marks) == 1
    forget_archived(folder, disk)
    assert names(disk) == segment_names(disk)[:-1]


def test_a_log_without_its_beginning_is_archived_with_a_snapshot(disk):
    folder = LogFolder(FOLDER, disk)
    folder.make_snapshots()
    first, second = folder.find_segments()[:2]
    header = describe_state(folder, disk, second - 1, 0)
    write_snapshot(disk, folder.snapshot_path(second - 1), header, [(b"state", 0)])
    disk.unlink(folder.segment_path(first))

    assert names(disk)[:2] == [
        folder.snapshot_path(second - 1).name,
        folder.segment_path(second).name,
    ]
    mark_archived(folder, disk, second)
    assert names(disk) == segment_names(disk)[1:-1]


@pytest.mark.parametrize("effect", [errno.EIO, errno.ENOSPC, "kill", "kill after"])
def test_whatever_call_fails_no_segment_is_passed_over(disk, effect):
    segments = LogFolder(FOLDER, disk).find_segments()
    for is_first in (True, False):
        if not is_first:
            mark_archived(LogFolder(FOLDER, disk), disk, segments[0])
        for number in range(40):
            copy = copy_disk(disk)
            folder = LogFolder(FOLDER, copy)
            copy.fail(Fault(effect, skip=number))
            before = len(copy.calls)
            try:
                mark_archived(folder, copy, segments[1])
            except (OSError, StorageError, KilledError):
                copy.cut_power(Random(number))
            if len(copy.calls) - before <= number:
                break
            allowed = {0, segments[1]} if is_first else {*segments[:2]}
            assert find_archived(folder, copy) in allowed
            mark_archived(folder, copy, segments[1])
            assert find_archived(folder, copy) == segments[1]
