"""The fake disk behaves as the real one does; what only the fake can do follows."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.errors import SyncFailedError
from joblog.storage.filesystem import (
    FileSystem,
    sync_file,
    sync_names,
    write_all,
    write_aside,
    write_new,
)
from tests.support.fakes import Fault, FaultyFileSystem, KilledError


@pytest.fixture(params=["real", "fake"])
def disk(request, tmp_path):
    if request.param == "real":
        return FileSystem(), tmp_path
    filesystem = FaultyFileSystem()
    filesystem.mkdir(Path("/data"))
    return filesystem, Path("/data")


def test_writes_go_to_the_end_and_reads_anywhere(disk):
    filesystem, folder = disk
    file = filesystem.create(folder / "a")
    assert filesystem.write(file, b"hello") == 5
    filesystem.close(file)
    file = filesystem.open_to_append(folder / "a")
    write_all(filesystem, file, b" world")
    filesystem.fsync(file)
    filesystem.fdatasync(file)
    filesystem.close(file)

    file = filesystem.open_to_read(folder / "a")

    assert filesystem.read_at(file, 100, 6) == b"world"
    assert filesystem.read_at(file, 2, 0) == b"he"
    assert filesystem.read_at(file, 2, 50) == b""
    assert filesystem.size(file) == 11
    filesystem.close(file)


def test_truncate_cuts_and_the_next_write_goes_there(disk):
    filesystem, folder = disk
    file = filesystem.create(folder / "a")
    write_all(filesystem, file, b"hello")

    filesystem.truncate(file, 2)
    write_all(filesystem, file, b"!")
    filesystem.close(file)

    file = filesystem.open_to_read(folder / "a")
    assert filesystem.read_at(file, 9, 0) == b"he!"
    filesystem.close(file)


def test_names_are_made_renamed_and_removed(disk):
    filesystem, folder = disk
    filesystem.mkdir(folder / "sub")
    filesystem.close(filesystem.create(folder / "a"))
    filesystem.close(filesystem.create(folder / "b"))

    filesystem.rename(folder / "a", folder / "b")
    filesystem.sync_directory(folder)

    assert sorted(filesystem.listdir(folder)) == ["b", "sub"]
    filesystem.unlink(folder / "b")
    assert filesystem.listdir(folder) == ["sub"]


def test_errors_are_those_of_the_operating_system(disk):
    filesystem, folder = disk
    filesystem.close(filesystem.create(folder / "a"))

    with pytest.raises(FileExistsError):
        filesystem.create(folder / "a")
    with pytest.raises(FileExistsError):
        filesystem.mkdir(folder)
    with pytest.raises(FileNotFoundError):
        filesystem.mkdir(folder / "x" / "y")
    with pytest.raises(FileNotFoundError):
        filesystem.open_to_read(folder / "b")
    with pytest.raises(FileNotFoundError):
        filesystem.open_to_append(folder / "b")
    with pytest.raises(FileNotFoundError):
        filesystem.listdir(folder / "x")
    with pytest.raises(NotADirectoryError):
        filesystem.listdir(folder / "a")
    with pytest.raises(FileNotFoundError):
        filesystem.unlink(folder / "b")


def test_a_lock_is_held_once_until_it_is_closed(disk):
    filesystem, folder = disk

    first = filesystem.flock(folder / "lock")

    assert first is not None
    assert filesystem.flock(folder / "lock") is None
    filesystem.close(first)
    again = filesystem.flock(folder / "lock")
    assert again is not None
    filesystem.close(again)


def test_write_new_replaces_a_leftover_of_the_same_name(disk):
    filesystem, folder = disk
    filesystem.close(write_new(filesystem, folder / "a", b"half of an earlier try"))

    filesystem.close(write_new(filesystem, folder / "a", b"new"))

    file = filesystem.open_to_read(folder / "a")
    assert filesystem.read_at(file, 99, 0) == b"new"
    filesystem.close(file)


def test_write_aside_leaves_only_the_final_name(disk):
    filesystem, folder = disk

    write_aside(filesystem, folder / "a.new", folder / "a", b"whole")

    assert filesystem.listdir(folder) == ["a"]


@pytest.fixture
def faulty():
    filesystem = FaultyFileSystem()
    filesystem.mkdir(Path("/data"))
    filesystem.sync_directory(Path("/"))
    return filesystem


def test_a_short_write_is_finished_by_write_all(faulty):
    file = faulty.create(Path("/data/a"))
    faulty.fail(Fault("short", "write", times=2))

    write_all(faulty, file, b"0123456789")

    assert faulty.read_file("/data/a") == b"0123456789"


def test_a_write_that_takes_nothing_does_not_spin(faulty):
    file = faulty.create(Path("/data/a"))
    faulty.fail(Fault("short", "write", times=99))

    with pytest.raises(OSError, match="no byte"):
        write_all(faulty, file, b"0123456789")


def test_a_failed_sync_is_a_sync_failed_error(faulty):
    file = faulty.create(Path("/data/a"))
    faulty.fail(Fault(errno.EIO, "fsync"))
    faulty.fail(Fault(errno.EIO, "sync_directory"))

    with pytest.raises(SyncFailedError, match="/data/a: fsync failed"):
        sync_file(faulty, file, Path("/data/a"))
    with pytest.raises(SyncFailedError, match="/data: fsync failed"):
        sync_names(faulty, Path("/data"))


def test_a_power_cut_keeps_what_was_synced_and_nothing_else(faulty):
    kept = faulty.create(Path("/data/kept"))
    write_all(faulty, kept, b"synced")
    faulty.fsync(kept)
    faulty.sync_directory(Path("/data"))
    write_all(faulty, kept, b" and not")
    faulty.fsync(faulty.create(Path("/data/nameless")))

    faulty.cut_power()

    assert faulty.listdir(Path("/data")) == ["kept"]
    assert faulty.read_file("/data/kept") == b"synced"


def test_a_power_cut_at_random_keeps_at_least_what_was_synced(faulty):
    file = faulty.create(Path("/data/a"))
    write_all(faulty, file, b"s" * 64)
    faulty.fsync(file)
    faulty.sync_directory(Path("/data"))
    write_all(faulty, file, b"n" * 640)

    faulty.cut_power(Random(1))

    data = faulty.read_file("/data/a")
    assert data.startswith(b"s" * 64)
    assert 64 <= len(data) <= 704


def test_a_killed_process_makes_no_more_calls_until_the_restart(faulty):
    faulty.fail(Fault("kill", "create"))

    with pytest.raises(KilledError):
        faulty.create(Path("/data/a"))
    with pytest.raises(KilledError):
        faulty.listdir(Path("/data"))
    faulty.restart()

    assert faulty.listdir(Path("/data")) == []
