"""Packed segments read, verify and recover as what they were before."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.errors import CorruptLogError, NewerFormatError, StorageError
from joblog.storage.packing import PACKED_MAGIC, SegmentFile, pack_segment
from joblog.storage.verify import compute_digest, verify_log
from tests.storage.logs import (
    FIRST,
    FOLDER,
    LOG_FOLDER,
    append,
    copy_disk,
    make_log,
    open_log,
    read_values,
    segment_names,
)
from tests.support.fakes import Fault, KilledError

BATCHES = [[b"%d" % n + b"v" * 20] * 5 for n in range(12)]


@pytest.fixture
def disk():
    return make_log(*BATCHES, segment_bytes_max=1000)


def sealed(disk):
    return [LOG_FOLDER / name for name in segment_names(disk)[:-1]]


def test_a_packed_log_reads_verifies_and_goes_on_as_before(disk):
    values, report = read_values(disk), verify_log(FOLDER, filesystem=disk)
    digests = [compute_digest(FOLDER, seq, filesystem=disk) for seq in (1, 20, 40)]
    before = len(disk.read_file(FIRST))
    for path in sealed(disk):
        assert pack_segment(disk, path) == len(disk.read_file(path))

    assert disk.read_file(FIRST).startswith(PACKED_MAGIC)
    assert len(disk.read_file(FIRST)) < before
    assert read_values(disk) == values
    assert read_values(disk, from_seq=33, until_seq=40) == values[32:40]
    again = verify_log(FOLDER, filesystem=disk)
    assert again.damage == []
    assert again.digest_hex == report.digest_hex
    assert digests == [
        compute_digest(FOLDER, seq, filesystem=disk) for seq in (1, 20, 40)
    ]
    log = open_log(disk, 1000)
    append(log, b"more")
    log.close()
    assert read_values(disk) == [*values, b"more"]
    assert disk.open_files == 0


def test_packing_twice_is_packing_once(disk):
    size = pack_segment(disk, FIRST)
    data = disk.read_file(FIRST)

    assert pack_segment(disk, FIRST) == size
    assert disk.read_file(FIRST) == data


def test_any_part_of_a_packed_segment_can_be_read():
    chance = Random(3)
    disk = make_log([chance.randbytes(90_000) for _ in range(9)])
    whole = disk.read_file(FIRST)
    pack_segment(disk, FIRST)
    segment = SegmentFile(disk, FIRST)

    assert segment.size() == len(whole)
    for _ in range(50):
        offset, length = chance.randrange(len(whole) + 9), chance.randrange(400_000)
        assert segment.read_at(length, offset) == whole[offset : offset + length]
    segment.close()


def test_a_flipped_bit_anywhere_in_a_packed_segment_is_found(disk):
    pack_segment(disk, FIRST)
    data = disk.read_file(FIRST)
    for offset in range(len(data)):
        copy = copy_disk(disk)
        damaged = bytearray(data)
        damaged[offset] ^= 1 << offset % 8
        copy.write_file(FIRST, bytes(damaged))

        with pytest.raises((CorruptLogError, NewerFormatError), match=FIRST.name):
            read_values(copy)
        try:
            assert verify_log(FOLDER, filesystem=copy).damage
        except NewerFormatError:
            assert offset < 12
        assert copy.open_files == 0


def test_a_packed_segment_cut_anywhere_is_found(disk):
    pack_segment(disk, FIRST)
    data = disk.read_file(FIRST)
    for size in range(len(data)):
        copy = copy_disk(disk)
        copy.write_file(FIRST, data[:size])

        with pytest.raises(CorruptLogError, match=FIRST.name):
            read_values(copy)


@pytest.mark.parametrize(
    "effect", [errno.EIO, errno.ENOSPC, "torn", "kill", "kill half", "kill after"]
)
def test_whatever_call_fails_the_segment_is_there_in_one_form(disk, effect):
    values = read_values(disk)
    counted = copy_disk(disk)
    before = len(counted.calls)
    pack_segment(counted, FIRST)
    for number in range(len(counted.calls) - before):
        copy = copy_disk(disk)
        copy.fail(Fault(effect, skip=number))
        try:
            pack_segment(copy, FIRST)
        except (OSError, StorageError, KilledError):
            copy.cut_power(Random(number))

        assert read_values(copy) == values
        pack_segment(copy, FIRST)
        assert read_values(copy) == values
        assert [n for n in segment_names(copy) if not n.endswith(".log")] == []


def test_a_segment_packed_by_a_newer_program_is_named(disk):
    pack_segment(disk, FIRST)
    data = bytearray(disk.read_file(FIRST))
    data[8] = 9
    disk.write_file(FIRST, bytes(data))

    with pytest.raises(NewerFormatError, match="packed in format version 9"):
        SegmentFile(disk, Path(FIRST))
