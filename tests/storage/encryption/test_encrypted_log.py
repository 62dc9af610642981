"""A log on a disk that encrypts: as safe as any, and never in the clear."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.encryption.keys import Keys, make_key
from joblog.storage.errors import (
    CorruptLogError,
    KeyMissingError,
    StorageError,
    WrongKeyError,
)
from joblog.storage.verify import verify_log
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
from tests.support.encrypted import KEYS, EncryptedFaultyDisk
from tests.support.fakes import Fault, FaultyFileSystem, KilledError

SEGMENT_BYTES = 400
EFFECTS = [errno.EIO, errno.ENOSPC, "short", "torn", "kill", "kill half", "kill after"]
VALUES = [b"value-%d" % number for number in range(24)]


def run(disk):
    """Append and sync until something ends it; return what was taken, and synced."""
    taken, synced = [], 0
    try:
        log = open_log(disk, SEGMENT_BYTES)
        log.defer_seals()
        for at in range(0, len(VALUES), 3):
            try:
                append(log, *VALUES[at : at + 3])
            except StorageError:
                break
            taken += VALUES[at : at + 3]
            log.sync()
            synced = len(taken)
        log.close()
    except (StorageError, KilledError):
        pass
    return len(taken), synced


def require_sound(disk, least):
    log = open_log(disk, SEGMENT_BYTES)
    append(log, b"behind")
    log.close()
    found = read_values(disk)
    count = len(found) - 1
    assert found == [*VALUES[:count], b"behind"]
    assert count >= least
    report = verify_log(FOLDER, filesystem=disk)
    assert report.is_sound
    assert report.last_seq == len(found)
    assert disk.open_files == 0
    for name in segment_names(disk):
        assert b"value-" not in disk.read_file(LOG_FOLDER / name)


def count_calls():
    disk = EncryptedFaultyDisk()
    assert run(disk) == (24, 24)
    return len(disk.calls)


@pytest.mark.slow
@pytest.mark.parametrize("effect", EFFECTS)
def test_no_record_is_lost_when_a_call_fails(effect):
    chance = Random(str(effect))
    for skip in chance.sample(range(count_calls()), 60):
        disk = EncryptedFaultyDisk()
        disk.fail(Fault(effect, skip=skip))
        taken, _ = run(disk)
        disk.restart()
        require_sound(disk, taken)


@pytest.mark.slow
@pytest.mark.parametrize("effect", EFFECTS)
def test_no_synced_record_is_lost_when_the_power_fails(effect):
    chance = Random(str(effect))
    for skip in chance.sample(range(count_calls()), 60):
        disk = EncryptedFaultyDisk()
        disk.mkdir(FOLDER)
        disk.sync_directory(FOLDER.parent)
        disk.fail(Fault(effect, skip=skip))
        _, synced = run(disk)
        disk.cut_power(chance)
        require_sound(disk, synced)


def test_a_log_torn_at_any_byte_goes_on_behind_the_last_whole_write():
    source = make_log([b"1"], [b"2", b"3"], [b"4"], filesystem=EncryptedFaultyDisk())
    whole = source.read_file(FIRST)
    seen = set()
    for size in range(len(whole) - 250, len(whole) + 1):
        disk = EncryptedFaultyDisk()
        disk.beneath = copy_disk(source)
        disk.write_file(FIRST, whole[:size])
        log = open_log(disk)
        append(log, b"5")
        log.close()

        found = b"".join(read_values(disk))
        seen.add(found)
        assert verify_log(FOLDER, filesystem=disk).is_sound
    assert seen == {b"5", b"15", b"1235", b"12345"}


def test_a_tail_that_is_cut_within_a_write_keeps_what_was_before():
    disk = make_log([b"1"], filesystem=EncryptedFaultyDisk())
    log = open_log(disk)
    append(log, b"2", b"3", b"x" * 200_000)
    log.close()
    raw = disk.read_file(FIRST)
    disk.write_file(FIRST, raw[:-100])

    for value in (b"4", b"5"):
        log = open_log(disk)
        append(log, value)
        log.close()

    assert read_values(disk) == [b"1", b"2", b"3", b"4", b"5"]
    assert verify_log(FOLDER, filesystem=disk).is_sound


def test_damage_of_what_was_synced_is_damage_and_no_torn_tail():
    disk = make_log([b"1"], [b"2"], [b"3"], filesystem=EncryptedFaultyDisk())
    raw = bytearray(disk.read_file(FIRST))
    raw[1536 + 136 + 20] ^= 1
    disk.write_file(FIRST, bytes(raw))

    with pytest.raises(CorruptLogError, match="so this is no torn tail"):
        open_log(disk)


def test_without_a_key_it_is_said_what_is_missing():
    disk = make_log([b"1"], filesystem=EncryptedFaultyDisk())

    with pytest.raises(KeyMissingError, match=r"1\.log: encrypted, and no key was"):
        open_log(disk.beneath)
    disk.restart()
    open_log(disk).close()


def test_with_another_key_it_is_said_which_is_missing():
    disk = make_log([b"1"], filesystem=EncryptedFaultyDisk())
    other = Keys(Path("/other"), [make_key(bytes(32))])

    with pytest.raises(WrongKeyError) as caught:
        open_log(EncryptedDisk(disk.beneath, other))

    assert KEYS.current.id.hex() in str(caught.value)
    assert other.current.id.hex() in str(caught.value)


@pytest.mark.parametrize("values", [(), (b"1", b"2")])
def test_what_was_in_the_clear_stays_so_and_what_follows_does_not(values):
    plain = make_log(values, filesystem=FaultyFileSystem()) if values else make_log()
    disk = EncryptedFaultyDisk()
    disk.beneath = plain
    log = open_log(disk)
    append(log, b"needle")
    log.close()

    assert read_values(disk) == [*values, b"needle"]
    assert verify_log(FOLDER, filesystem=disk).is_sound
    for name in segment_names(disk):
        assert b"needle" not in disk.read_file(LOG_FOLDER / name)
    assert len(segment_names(disk)) == 1 + bool(values)


@pytest.mark.parametrize("effect", ["kill", "kill half", "kill after", errno.EIO])
def test_a_change_to_encryption_may_be_interrupted_anywhere(effect):
    for skip in range(70):
        disk = EncryptedFaultyDisk()
        disk.beneath = make_log([b"1", b"2"])
        disk.fail(Fault(effect, skip=skip))
        try:
            open_log(disk).close()
        except (StorageError, KilledError):
            disk.cut_power(Random(skip))
        disk.restart()
        log = open_log(disk)
        append(log, b"needle")
        log.close()

        assert read_values(disk) == [b"1", b"2", b"needle"]
        assert verify_log(FOLDER, filesystem=disk).is_sound
        for name in segment_names(disk):
            assert b"needle" not in disk.read_file(LOG_FOLDER / name)
