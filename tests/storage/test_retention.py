"""Pruning: only behind a snapshot that was verified, and never leaving a gap.

Promise 8 of docs/log-format.md.
"""

import errno
from random import Random

import pytest

from joblog.storage.archiving import find_archived, find_unarchived, mark_archived
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.folder import LogFolder, read_chain
from joblog.storage.reader import LogReader
from joblog.storage.retention import (
    Retention,
    find_prunable,
    find_snapshot_seq,
    prune,
    remove_old_snapshots,
)
from joblog.storage.snapshot import write_snapshot
from joblog.storage.snapshots import describe_state, find_start_damage, usable_snapshots
from joblog.storage.verify import verify_log
from tests.storage.logs import FOLDER, copy_disk, make_log, open_log, read_values
from tests.support.fakes import Fault, KilledError

BATCHES = [[b"%d" % n + b"v" * 20] * 5 for n in range(21)]
NOW_MS = 1_700_000_000_000
EVERYTHING = Retention(bytes_max=1)


@pytest.fixture
def disk():
    """Return a disk with a log of many segments, all sealed at NOW_MS."""
    return make_log(*BATCHES, segment_bytes_max=1000)


def folder_of(disk):
    return LogFolder(FOLDER, disk)


def chain_of(disk):
    return read_chain(folder_of(disk), disk)


def add_snapshot(disk, seq):
    folder = folder_of(disk)
    folder.make_snapshots()
    header = describe_state(folder, disk, seq, NOW_MS)
    write_snapshot(disk, folder.snapshot_path(seq), header, [(b"state", 0)])


def run_prune(disk, retention=EVERYTHING, now_ms=NOW_MS, *, only_archived=False):
    folder = folder_of(disk)
    return list(prune(folder, disk, retention, now_ms, only_archived=only_archived))


class Interruption:
    """A disk on which a server does something just before a file is first opened."""

    def __init__(self, disk, path, action):
        self._disk, self._path, self._action = disk, path, action

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def open_to_read(self, path):
        if path == self._path:
            self._path = None
            self._action()
        return self._disk.open_to_read(path)


def test_a_log_is_verified_from_where_it_begins_after_a_server_pruned_it(disk):
    add_snapshot(disk, 60)
    segments = folder_of(disk).find_segments()
    path = folder_of(disk).segment_path(segments[1])

    report = verify_log(
        FOLDER, filesystem=Interruption(disk, path, lambda: run_prune(disk))
    )

    assert report.is_sound
    assert report.segments[0].first_seq == folder_of(disk).find_segments()[0]
    assert report.segments[0].first_seq > segments[1]


def test_a_missing_segment_that_was_not_pruned_is_no_reason_to_begin_anew(disk):
    path = folder_of(disk).segment_path(folder_of(disk).find_segments()[1])
    interrupted = Interruption(disk, path, lambda: disk.unlink(path))

    with pytest.raises(FileNotFoundError):
        verify_log(FOLDER, filesystem=interrupted)


def test_a_snapshot_is_of_use_whose_segment_is_pruned_as_it_is_compared(disk):
    chain = chain_of(disk)
    add_snapshot(disk, chain[2].footer.last_seq)
    interrupted = Interruption(disk, chain[2].path, lambda: run_prune(disk))
    folder = LogFolder(FOLDER, interrupted)

    [(reader, end)] = usable_snapshots(folder, interrupted, [])

    assert end.seq == reader.header.seq == chain[2].footer.last_seq
    assert end.first_seq == folder.find_segments()[0] == chain[3].first_seq
    reader.close()


def test_the_newer_snapshot_is_taken_where_a_server_replaced_the_one_found(disk):
    add_snapshot(disk, 30)

    def replace():
        add_snapshot(disk, 60)
        remove_old_snapshots(folder_of(disk), disk, 1)

    old = folder_of(disk).snapshot_path(30)
    interrupted = Interruption(disk, old, replace)
    rejected = []

    [(reader, _)] = usable_snapshots(folder_of(disk), interrupted, rejected)

    assert (reader.header.seq, rejected) == (60, [])
    reader.close()
    run_prune(disk)
    assert find_start_damage(folder_of(disk), disk) == ""


def test_by_size_the_oldest_go_while_enough_is_left(disk):
    chain = chain_of(disk)
    sizes = [info.size_bytes for info in chain]

    found = find_prunable(chain, Retention(bytes_max=sum(sizes[3:])), NOW_MS)

    assert found == chain[:3]
    less = Retention(bytes_max=sum(sizes[3:]) + 1)
    assert find_prunable(chain, less, NOW_MS) == chain[:2]
    assert find_prunable(chain, Retention(), NOW_MS) == []
    assert find_prunable(chain, EVERYTHING, NOW_MS) == chain[:-1]


def test_on_a_full_disk_the_log_gets_no_longer_than_the_bound(disk):
    chain = chain_of(disk)
    sizes = [info.size_bytes for info in chain]
    bound = sum(sizes[3:])

    urgent = Retention(bytes_max=bound, is_urgent=True)
    assert find_prunable(chain, urgent, NOW_MS) == chain[:4]
    less = Retention(bytes_max=bound + 1, is_urgent=True)
    assert find_prunable(chain, less, NOW_MS) == chain[:3]
    assert find_prunable(chain, Retention(is_urgent=True), NOW_MS) == []


def test_by_age_those_go_that_were_sealed_so_long_ago(disk):
    chain = chain_of(disk)
    retention = Retention(seconds_max=60)

    assert find_prunable(chain, retention, NOW_MS + 60_000) == []
    assert find_prunable(chain, retention, NOW_MS + 60_001) == chain[:-1]
    # A clock that went back makes nothing old.
    assert find_prunable(chain, retention, NOW_MS - 10**9) == []


def test_nothing_is_pruned_without_a_snapshot(disk):
    assert run_prune(disk) == []
    assert verify_log(FOLDER, filesystem=disk).is_sound


def test_pruning_goes_as_far_as_the_snapshot_stands_for(disk):
    chain = chain_of(disk)
    add_snapshot(disk, chain[2].footer.last_seq + 1)
    values = read_values(disk)

    assert [info.path for info in run_prune(disk)] == [i.path for i in chain[:3]]

    assert chain_of(disk) == chain[3:]
    first = chain[3].first_seq
    assert read_values(disk, from_seq=first) == values[first - 1 :]
    with pytest.raises(PrunedError, match=f"starts at seq {first}") as caught:
        read_values(disk, from_seq=first - 1)
    assert caught.value.floor_seq == first
    open_log(disk, 1000).close()
    assert find_snapshot_seq(folder_of(disk), disk) == first


@pytest.mark.parametrize("damage", ["flipped", "cut", "other history"])
def test_a_snapshot_that_is_of_no_use_prunes_nothing(disk, damage):
    seq = chain_of(disk)[-1].first_seq
    add_snapshot(disk, seq)
    path = folder_of(disk).snapshot_path(seq)
    data = disk.read_file(path)
    if damage == "flipped":
        disk.write_file(path, data[:170] + b"?" + data[171:])
    elif damage == "cut":
        disk.write_file(path, data[:-1])
    else:
        header = describe_state(folder_of(disk), disk, seq, NOW_MS)
        write_snapshot(disk, path, header._replace(digest=b"x" * 32), [])

    assert run_prune(disk) == []


def test_a_segment_that_is_not_archived_stays_with_all_behind_it(disk):
    chain = chain_of(disk)
    folder = folder_of(disk)
    add_snapshot(disk, chain[-1].first_seq)

    assert run_prune(disk, only_archived=True) == []
    mark_archived(folder, disk, chain[1].first_seq)
    assert run_prune(disk, only_archived=True) == chain[:2]

    assert chain_of(disk) == chain[2:]
    assert find_archived(folder, disk) == chain[1].first_seq
    assert find_unarchived(folder, disk)[0] == chain[2].path


def test_a_mark_of_another_log_lets_nothing_go(disk):
    chain = chain_of(disk)
    add_snapshot(disk, chain[-1].first_seq)
    name = f"archived-{chain[-2].first_seq:020d}-{'0' * 32}"
    disk.write_file(FOLDER / name, b"")

    assert run_prune(disk, only_archived=True) == []
    mark_archived(folder_of(disk), disk, chain[0].first_seq)
    assert run_prune(disk, only_archived=True) == chain[:1]


@pytest.mark.parametrize(
    "effect", [errno.EIO, errno.EROFS, "kill", "kill half", "kill after"]
)
def test_whatever_call_fails_the_log_has_no_gap(disk, effect):
    add_snapshot(disk, chain_of(disk)[-1].first_seq)
    values = read_values(disk)
    for number in range(400):
        copy = copy_disk(disk)
        before = len(copy.calls)
        copy.fail(Fault(effect, skip=number))
        try:
            run_prune(copy)
            is_over = len(copy.calls) - before <= number
            copy.restart()
        except (OSError, StorageError, KilledError):
            copy.cut_power(Random(number))
            is_over = False

        first = chain_of(copy)[0].first_seq
        assert read_values(copy, from_seq=first) == values[first - 1 :]
        assert find_snapshot_seq(folder_of(copy), copy) >= first - 1
        if is_over:
            break
    run_prune(copy)
    assert len(chain_of(copy)) == 1


def test_only_the_newest_snapshots_are_kept(disk):
    folder = folder_of(disk)
    for seq in (5, 9, 20, 33):
        add_snapshot(disk, seq)
    disk.rename(
        folder.snapshot_path(9), folder.snapshot_path(9).with_suffix(".snap.new")
    )

    assert remove_old_snapshots(folder, disk, 2) == [5]

    assert folder.find_snapshots() == [20, 33]
    assert folder.find_new_snapshots() == []


def test_a_reader_whose_segment_was_pruned_is_told_the_floor(disk):
    reader = LogReader(FOLDER, filesystem=disk)
    add_snapshot(disk, chain_of(disk)[-1].first_seq)
    run_prune(disk)

    with pytest.raises(PrunedError):
        reader.read_batch()
    reader.close()
