"""What others never got of a log is taken out of it, wherever that ends."""

import os
import shutil

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import SET_ASIDE, LogFolder
from joblog.storage.log import Log
from joblog.storage.matching import begin_as, has_bytes, stand_at
from joblog.storage.opening import LogOpening, finish
from joblog.storage.reader import read_records
from joblog.storage.segment import HEADER_BYTES
from joblog.storage.setting_aside import set_back
from joblog.storage.verify import verify_log

SEGMENT_BYTES = 250
MUTATIONS = ("create", "rename", "unlink", "link", "truncate", "write", "fdatasync")


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    # No power is cut here: what is written is there.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


class Copied:
    """Keeps what a log writes, in order: (is a seal, bytes, last seq)."""

    def __init__(self):
        self.groups = []

    def copy_frames(self, data, last_seq):
        self.groups.append((False, data, last_seq))

    def copy_seal(self, data, last_seq):
        self.groups.append((True, data, last_seq))


def open_log(folder, filesystem=None):
    return Log.open(
        folder,
        filesystem=filesystem or FileSystem(),
        now_ms=lambda: 1_000,
        segment_bytes_max=SEGMENT_BYTES,
    )


def draft(value):
    return (1_000, 0, [[b"SET", b"k", b"%05d" % value]], 7)


def write(folder, groups=12):
    """Write a log of several segments; return what was copied of it."""
    copied = Copied()
    log = open_log(folder)
    log.copier = copied
    for number in range(groups):
        log.append([draft(number)] * 2, log.last_seq)
        log.sync()
    log.close()
    return copied.groups


def files(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "log").iterdir())}


def places(folder):
    """Return each place behind a record of a log: (segment, offset, last seq)."""
    found = []
    size, first, last = HEADER_BYTES, 1, 0
    for is_seal, data, last_seq in write(folder):
        if is_seal:
            size, first = HEADER_BYTES, last_seq + 1
        else:
            size += len(data)
        last = last_seq
        found.append((first, size, last))
    return found


def test_log_is_set_back_to_any_place(tmp_path):
    source = tmp_path / "source"
    found = places(source)
    whole = files(source)

    for number, (first, offset, last_seq) in enumerate(found):
        ours = tmp_path / str(number)
        shutil.copytree(source, ours)
        opening = LogOpening(ours, FileSystem())
        finish(opening.steps(1_000))
        kept = set_back(opening.folder, FileSystem(), first, offset, last_seq)
        opening.release()

        records = list(read_records(ours, filesystem=FileSystem()))
        assert [record.seq for record in records] == list(range(1, last_seq + 1))
        is_last = (first, offset, last_seq) == found[-1]
        assert (kept is None) == is_last
        if kept is not None and kept.is_dir():
            assert kept.parent == ours / SET_ASIDE
            assert files(kept) == whole
        elif kept is not None:
            name = f"{first:020}.log"
            assert whole[name] == files(ours)[name] + kept.read_bytes()
        log = open_log(ours)
        log.append([draft(9)], last_seq)
        log.close()
        assert verify_log(ours, filesystem=FileSystem()).last_seq == last_seq + 1


class Crash(BaseException):
    """The process ends here."""


class Crashing(FileSystem):
    """Ends the process before its n-th change of the disk."""

    def __init__(self, left):
        super().__init__()
        self._left = left

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name in MUTATIONS:
            if self._left == 0:
                raise Crash
            self._left -= 1
        return found


@pytest.mark.parametrize("place", [3, 5, 9])
def test_setting_back_can_end_at_any_point_and_be_done_again(tmp_path, place):
    source = tmp_path / "source"
    first, offset, last_seq = places(source)[place]
    left, is_done = 0, False

    while not is_done:
        ours = tmp_path / f"{left}"
        shutil.copytree(source, ours)
        opening = LogOpening(ours, FileSystem())
        finish(opening.steps(1_000))
        try:
            set_back(opening.folder, Crashing(left), first, offset, last_seq)
            is_done = True
        except Crash:
            left += 1
        opening.release()
        opening = LogOpening(ours, FileSystem())
        finish(opening.steps(1_000))
        set_back(opening.folder, FileSystem(), first, offset, last_seq)
        opening.release()

        log = open_log(ours)
        assert log.last_seq == last_seq
        log.close()
        shutil.rmtree(ours)
    assert left > 2


def test_snapshots_of_what_goes_go_too(tmp_path):
    found = places(tmp_path)
    first, offset, last_seq = found[5]
    paths = LogFolder(tmp_path, FileSystem())
    paths.make_snapshots()
    for seq in (last_seq, last_seq + 1):
        paths.snapshot_path(seq).write_bytes(b"a snapshot")

    set_back(paths, FileSystem(), first, offset, last_seq)

    assert paths.find_snapshots() == [last_seq]


def test_log_begins_as_another_one_did(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write(theirs)
    opening = LogOpening(ours, FileSystem())
    header = files(theirs)[f"{1:020}.log"][:HEADER_BYTES]

    begin_as(opening.folder, FileSystem(), header)

    opening.release()
    logs = [open_log(ours), open_log(theirs)]
    assert logs[0].log_id == logs[1].log_id
    for log in logs:
        log.close()


def test_places_and_bytes_of_a_log_are_found(tmp_path):
    first, offset, _ = places(tmp_path)[5]
    paths = LogFolder(tmp_path, FileSystem())
    data = paths.segment_path(first).read_bytes()

    here = stand_at(paths, FileSystem(), first, offset)

    assert here is not None
    assert here[0].first_seq == first
    assert stand_at(paths, FileSystem(), first, len(data) + 1000) is None
    assert stand_at(paths, FileSystem(), 999, 96) is None
    assert has_bytes(paths, FileSystem(), first, 100, data[100:120])
    assert not has_bytes(paths, FileSystem(), first, 100, data[101:121])
    assert not has_bytes(paths, FileSystem(), 999, 0, b"x")
