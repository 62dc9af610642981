"""Encrypted files: what was written is read, whatever was cut off meanwhile."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.encryption.envelope import ENVELOPE_BYTES, STRIPE_BYTES
from joblog.storage.errors import EnvelopeError
from tests.support.encrypted import EncryptedFaultyDisk
from tests.support.fakes import Fault

PATH = Path("/file")
LENGTHS = (1, 10, 96, 3000, STRIPE_BYTES - 41, STRIPE_BYTES, 150_000)


def read_all(disk, path=PATH):
    file = disk.open_to_read(path)
    try:
        data = disk.read_at(file, 1 << 30, 0)
        assert len(data) == disk.size(file)
        return data
    finally:
        disk.close(file)


def make_file(*pieces):
    disk = EncryptedFaultyDisk()
    file = disk.create(PATH)
    for piece in pieces:
        assert disk.write(file, piece) == len(piece)
    disk.close(file)
    return disk


class Writer:
    """Writes and cuts a file at random, and knows what has to be in it."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.disk = EncryptedFaultyDisk()
        self.file = self.disk.create(PATH)
        self.data = b""

    def step(self):
        random, disk = self.random, self.disk
        what = random.random()
        if what < 0.6:
            piece = random.randbytes(random.choice(LENGTHS))
            disk.write(self.file, piece)
            self.data += piece
        elif what < 0.8:
            size = random.randrange(len(self.data) + 1)
            disk.truncate(self.file, size)
            self.data = self.data[:size]
        else:
            disk.close(self.file)
            self.file = disk.open_to_append(PATH)


@pytest.mark.parametrize("seed", range(12))
def test_a_file_is_what_was_written_and_not_cut_off(seed):
    writer = Writer(seed)
    disk, random = writer.disk, writer.random
    reader = disk.open_to_read(PATH)
    for _ in range(25):
        writer.step()
        data = writer.data
        assert disk.size(writer.file) == disk.size(reader) == len(data)
        offset, length = random.randrange(len(data) + 1), random.choice(LENGTHS)
        is_same = disk.read_at(reader, length, offset) == data[offset : offset + length]
        assert is_same

    is_same = read_all(disk) == writer.data
    assert is_same
    assert writer.data[:40] not in disk.read_file(PATH)


def test_an_empty_file_stays_empty():
    disk = make_file()

    assert disk.read_file(PATH) == b""
    assert read_all(disk) == b""


@pytest.mark.parametrize("size", [*range(60), *range(1500, 1700)])
def test_what_is_torn_reads_as_the_beginning_and_fewer_zeroes_than_were_written(size):
    first, second = b"a" * 20, b"b" * 96
    disk = make_file(first, second)
    whole = disk.read_file(PATH)
    size = min(size, len(whole))
    disk.write_file(PATH, whole[:size])

    data = read_all(disk)

    there = first if size >= ENVELOPE_BYTES + 60 else b""
    there += second if size == len(whole) else b""
    assert data[: len(there)] == there
    torn = data[len(there) :]
    if size >= 8:
        assert torn == bytes(len(torn))
        assert len(torn) < (96 if there else 20) or not torn


def test_what_is_torn_is_cut_off_before_anything_is_written():
    disk = make_file(b"first", b"second")
    disk.write_file(PATH, disk.read_file(PATH)[:-1])
    file = disk.open_to_append(PATH)
    with pytest.raises(OSError, match="was not cut off"):
        disk.write(file, b"third")

    disk.truncate(file, 5)
    disk.write(file, b"third")

    assert read_all(disk) == b"firstthird"


@pytest.mark.parametrize("place", [0, 12, 30, 60])
def test_damage_reads_as_zeroes_where_sound_bytes_lie_behind(place):
    disk = make_file(b"a" * 50, b"b" * 50, b"c" * 50)
    data = bytearray(disk.read_file(PATH))
    data[ENVELOPE_BYTES + 90 + place] ^= 1
    disk.write_file(PATH, bytes(data))

    assert read_all(disk) == b"a" * 50 + bytes(50) + b"c" * 50


def test_damage_of_one_stripe_leaves_the_others_readable():
    whole = Random(1).randbytes(5 * STRIPE_BYTES)
    disk = make_file(whole)
    data = bytearray(disk.read_file(PATH))
    data[2 * STRIPE_BYTES + 5] ^= 1
    disk.write_file(PATH, bytes(data))

    found = read_all(disk)

    assert len(found) == len(whole)
    wrong = [at for at in range(len(whole)) if found[at] != whole[at]]
    assert set(found[wrong[0] : wrong[-1] + 1]) == {0}
    assert wrong[-1] - wrong[0] < STRIPE_BYTES


def test_a_cell_that_was_moved_or_taken_out_is_damage():
    disk = make_file(b"a" * 50, b"b" * 50, b"c" * 50)
    data = disk.read_file(PATH)
    cells = [data[at : at + 90] for at in range(ENVELOPE_BYTES, len(data), 90)]
    front = data[:ENVELOPE_BYTES]
    disk.write_file(PATH, front + cells[1] + cells[0] + cells[2])
    assert read_all(disk) == bytes(100) + b"c" * 50
    disk.write_file(PATH, front + cells[0] + cells[2])

    assert read_all(disk) == b"a" * 50 + bytes(50)


def test_cells_of_another_file_are_no_cells():
    disk = make_file(b"a" * 50)
    front = disk.read_file(PATH)[:ENVELOPE_BYTES]
    other = make_file(b"b" * 50).read_file(PATH)[ENVELOPE_BYTES:]
    disk.write_file(PATH, front + other)

    assert read_all(disk) == bytes(50)


@pytest.mark.parametrize("effect", [errno.ENOSPC, "torn"])
def test_a_write_that_fails_is_cut_off_and_done_again(effect):
    disk = make_file()
    file = disk.open_to_append(PATH)
    disk.write(file, b"first")
    disk.fail(Fault(effect, "write"))
    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        disk.write(file, b"second")

    disk.truncate(file, 5)
    disk.write(file, b"third")

    assert read_all(disk) == b"firstthird"


def test_a_first_write_that_fails_leaves_nothing():
    disk = make_file()
    file = disk.open_to_append(PATH)
    disk.fail(Fault("torn", "write"))
    with pytest.raises(OSError):  # noqa: PT011 - EIO
        disk.write(file, b"first")

    disk.truncate(file, 0)

    assert disk.read_file(PATH) == b""
    disk.write(file, b"second")
    assert read_all(disk) == b"second"


def test_a_write_that_the_disk_takes_in_pieces_is_whole():
    disk = make_file()
    file = disk.open_to_append(PATH)
    disk.fail(Fault("short", "write"))

    assert disk.write(file, b"a" * 1000) == 1000

    assert read_all(disk) == b"a" * 1000


def test_a_damaged_envelope_is_an_error_that_names_the_file():
    disk = make_file(b"a" * 50)
    data = bytearray(disk.read_file(PATH))
    data[20] ^= 1
    disk.write_file(PATH, bytes(data))

    with pytest.raises(EnvelopeError, match=r"^/file: the front of the encrypted file"):
        read_all(disk)


@pytest.mark.parametrize("slot", [512, 1024])
def test_one_damaged_slot_costs_nothing(slot):
    disk = make_file(b"a" * 50)
    data = bytearray(disk.read_file(PATH))
    data[slot + 30] ^= 1
    disk.write_file(PATH, bytes(data))

    assert read_all(disk) == b"a" * 50


def test_the_same_bytes_are_never_encrypted_alike():
    disk = make_file(b"a" * 50, b"a" * 50)
    data = disk.read_file(PATH)[ENVELOPE_BYTES:]
    other = make_file(b"a" * 50).read_file(PATH)[ENVELOPE_BYTES:]

    assert len({data[24:74], data[114:164], other[24:74]}) == 3
