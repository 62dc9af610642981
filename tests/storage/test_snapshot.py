"""Snapshot files: written wholly or not at all, and never trusted when in doubt."""

import errno
from pathlib import Path

import pytest

from joblog.storage.errors import NewerFormatError, SnapshotError, SyncFailedError
from joblog.storage.snapshot import (
    NO_LINK,
    SNAPSHOT_FOOTER_BYTES,
    SNAPSHOT_HEADER_BYTES,
    SnapshotHeader,
    SnapshotReader,
    encode_snapshot_header,
    verify_snapshot,
    write_snapshot,
)
from tests.support.fakes import Fault, FaultyFileSystem, KilledError

FOLDER = Path("/data")
PATH = FOLDER / f"{7:020d}.snap"
HEADER = SnapshotHeader(7, 1000, b"log id of 16 by.", 3, 500, b"d" * 32, NO_LINK, 2000)
BLOCKS = [(b"first block", 2), (b"x" * 3000, 5), (b"z", 0)]


def new_disk():
    filesystem = FaultyFileSystem()
    filesystem.mkdir(FOLDER)
    filesystem.sync_directory(Path("/"))
    return filesystem


@pytest.fixture
def disk():
    filesystem = new_disk()
    write_snapshot(filesystem, PATH, HEADER, BLOCKS)
    return filesystem


def test_a_snapshot_is_read_as_it_was_written(disk):
    reader = SnapshotReader(disk, PATH)

    blocks = list(reader.blocks())
    reader.close()

    assert blocks == [payload for payload, _ in BLOCKS]
    assert reader.header[:-1] == HEADER[:-1]
    assert reader.keys == 7
    assert verify_snapshot(disk, PATH).blocks == 3
    assert disk.open_files == 0


def test_a_snapshot_of_nothing_is_a_header_and_a_footer():
    filesystem = new_disk()

    info = write_snapshot(filesystem, PATH, HEADER, [])

    assert info.size_bytes == SNAPSHOT_HEADER_BYTES + SNAPSHOT_FOOTER_BYTES
    assert info.size_bytes == len(filesystem.read_file(PATH))
    assert verify_snapshot(filesystem, PATH).keys == 0


def test_a_flipped_bit_anywhere_is_found(disk):
    data = disk.read_file(PATH)
    for offset in range(len(data)):
        damaged = bytearray(data)
        damaged[offset] ^= 1 << offset % 8
        disk.write_file(PATH, bytes(damaged))

        with pytest.raises((SnapshotError, NewerFormatError), match=PATH.name):
            verify_snapshot(disk, PATH)

    assert disk.open_files == 0


def test_a_snapshot_cut_anywhere_is_found(disk):
    data = disk.read_file(PATH)
    for size in range(len(data)):
        disk.write_file(PATH, data[:size])

        with pytest.raises(SnapshotError, match=PATH.name):
            verify_snapshot(disk, PATH)


def test_bytes_behind_the_footer_are_found(disk):
    disk.write_file(PATH, disk.read_file(PATH) + b"\0")

    with pytest.raises(SnapshotError, match="more bytes"):
        verify_snapshot(disk, PATH)


def test_blocks_in_another_order_or_of_another_snapshot_are_found():
    filesystem = new_disk()
    other = FOLDER / f"{8:020d}.snap"
    write_snapshot(filesystem, PATH, HEADER, [(b"aa", 1), (b"bb", 1)])
    write_snapshot(filesystem, other, HEADER._replace(seq=8), [(b"aa", 1), (b"bb", 1)])
    data = filesystem.read_file(PATH)
    first, second = data[160:174], data[174:188]

    filesystem.write_file(PATH, data[:160] + second + first + data[188:])
    with pytest.raises(SnapshotError, match="digest"):
        verify_snapshot(filesystem, PATH)
    foreign = filesystem.read_file(other)[160:174]
    filesystem.write_file(PATH, data[:160] + foreign + data[174:])
    with pytest.raises(SnapshotError, match="checksum"):
        verify_snapshot(filesystem, PATH)


def test_a_newer_format_is_refused_and_named(disk):
    data = bytearray(disk.read_file(PATH))
    data[8] = 2
    disk.write_file(PATH, bytes(data))

    with pytest.raises(NewerFormatError, match="format version 2"):
        SnapshotReader(disk, PATH)


def test_a_snapshot_under_another_name_is_refused(disk):
    disk.rename(PATH, FOLDER / f"{9:020d}.snap")

    with pytest.raises(SnapshotError, match="seq 7, expected 9"):
        SnapshotReader(disk, FOLDER / f"{9:020d}.snap")


def test_a_file_that_is_missing_is_a_snapshot_error():
    with pytest.raises(SnapshotError, match="cannot be read"):
        SnapshotReader(new_disk(), PATH)


def count_calls():
    filesystem = new_disk()
    before = len(filesystem.calls)
    write_snapshot(filesystem, PATH, HEADER, BLOCKS)
    return len(filesystem.calls) - before


CALLS = count_calls()


@pytest.mark.parametrize(
    "effect", [errno.EIO, errno.ENOSPC, "short", "torn", "kill", "kill half"]
)
def test_whatever_call_fails_a_snapshot_is_there_wholly_or_not_at_all(effect):
    for number in range(CALLS):
        filesystem = new_disk()
        filesystem.fail(Fault(effect, skip=number))
        try:
            write_snapshot(filesystem, PATH, HEADER, BLOCKS)
            is_told = True
        except (OSError, SyncFailedError, KilledError):
            is_told = False

        filesystem.cut_power()

        if is_told or PATH.name in filesystem.listdir(FOLDER):
            assert verify_snapshot(filesystem, PATH).keys == 7
        write_snapshot(filesystem, PATH, HEADER, BLOCKS)
        assert filesystem.listdir(FOLDER) == [PATH.name]


def test_the_salt_of_a_header_is_computed():
    assert encode_snapshot_header(HEADER) == encode_snapshot_header(
        HEADER._replace(salt=5)
    )
