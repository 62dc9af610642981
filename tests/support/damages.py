"""Data folders that cannot be trusted: what was done to each, and what a start says."""

import shutil

import pytest

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.packing import pack_segment
from tests.replay.histories import History
from tests.support.keyspaces import EVERY_TYPE

DISK = FileSystem()


def make_folder(folder):
    """Make a data folder of several segments, and a snapshot of its last record."""
    history = History(folder, segment_bytes_max=700)
    history.run(history.connect(), *EVERY_TYPE)
    history.close()
    fold = recover(folder, DISK)
    save_snapshot(LogFolder(folder, DISK), DISK, fold.keyspace, fold.last_seq, 1)
    return folder


def segments(folder):
    return sorted((folder / "log").glob("*.log"))


def snapshot(folder):
    return next((folder / "snapshots").glob("*.snap"))


def change(path, offset, byte=None):
    data = bytearray(path.read_bytes())
    data[offset] = data[offset] ^ 1 if byte is None else byte
    path.write_bytes(data)


def flip_a_bit(folder):
    shutil.rmtree(folder / "snapshots")
    change(segments(folder)[1], 200)


def flip_a_bit_of_a_packed_segment(folder):
    shutil.rmtree(folder / "snapshots")
    pack_segment(DISK, segments(folder)[1])
    change(segments(folder)[1], 100)


def remove_a_segment(folder):
    segments(folder)[1].unlink()


def remove_the_newest_segment(folder):
    segments(folder)[-1].unlink()


def remove_all_segments(folder):
    for path in segments(folder):
        path.unlink()


def double_a_segment(folder):
    path = segments(folder)[0]
    shutil.copy(path, path.with_name(f"{int(path.name[:20]) + 1:020d}.log"))


def swap_segments(folder):
    first, second = segments(folder)[1:3]
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def take_a_segment_of_another_server(folder):
    other = make_folder(folder.with_name("other"))
    shutil.copy(segments(other)[1], segments(folder)[1])


def take_all_segments_of_another_server(folder):
    other = make_folder(folder.with_name("other"))
    shutil.rmtree(folder / "log")
    shutil.copytree(other / "log", folder / "log")


def cut_the_log_before_the_snapshot(folder):
    path = segments(folder)[-1]
    path.write_bytes(path.read_bytes()[:96])


def prune_behind_no_snapshot(folder):
    segments(folder)[0].unlink()
    change(snapshot(folder), 170)


def write_a_newer_segment(folder):
    change(segments(folder)[-1], 8, 2)


def write_a_newer_snapshot(folder):
    change(snapshot(folder), 8, 2)


REFUSALS = [
    # What is done, the server's exit code, and what it says, and `replay verify` too.
    pytest.param(flip_a_bit, 13, "a damaged frame", id="flipped bit"),
    pytest.param(
        flip_a_bit_of_a_packed_segment, 13, "a chunk is damaged", id="packed bit"
    ),
    pytest.param(remove_a_segment, 14, "are missing", id="missing segment"),
    pytest.param(remove_the_newest_segment, 14, "no such file", id="missing newest"),
    pytest.param(remove_all_segments, 14, "no segment", id="all missing"),
    pytest.param(double_a_segment, 15, "as named", id="doubled segment"),
    pytest.param(swap_segments, 15, "as named", id="swapped segments"),
    pytest.param(
        take_a_segment_of_another_server, 16, "of another log", id="foreign segment"
    ),
    pytest.param(
        take_all_segments_of_another_server, 16, "segments of log", id="foreign log"
    ),
    pytest.param(
        cut_the_log_before_the_snapshot, 17, "newer than the log", id="snapshot ahead"
    ),
    pytest.param(
        prune_behind_no_snapshot, 18, "no snapshot stands for", id="pruned, no snapshot"
    ),
    pytest.param(write_a_newer_segment, 12, "format version 2", id="newer segment"),
    pytest.param(write_a_newer_snapshot, 12, "format version 2", id="newer snapshot"),
]
