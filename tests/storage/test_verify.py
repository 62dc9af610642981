import hashlib
import itertools

import pytest

from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.frame import FrameHeads, encode_frame
from joblog.storage.record import Origin, Record
from joblog.storage.verify import compute_digest, verify_log
from tests.storage.logs import (
    FIRST,
    FOLDER,
    LOG_FOLDER,
    BusyFileSystem,
    append,
    copy_disk,
    encode_record,
    make_log,
    make_sealing_log,
    open_log,
    seal_another,
    segment_names,
)
from tests.support.fakes import FaultyFileSystem

VALUES = [[b"%d" % number] for number in range(12)]


@pytest.fixture
def disk():
    return make_log(*VALUES, segment_bytes_max=200)


def test_a_sound_log_is_reported_segment_by_segment(disk):
    report = verify_log(FOLDER, filesystem=disk)

    assert report.is_sound
    assert report.last_seq == 12
    assert [item.path.name for item in report.segments] == segment_names(disk)
    assert [item.first_seq for item in report.segments] == [1, 4, 7, 10, 13]
    assert [item.last_seq for item in report.segments] == [3, 6, 9, 12, 12]
    assert [item.is_sealed for item in report.segments] == [True] * 4 + [False]
    for item in report.segments[:-1]:
        data = disk.read_file(item.path)
        assert item.size_bytes == len(data)
        assert item.digest_hex == hashlib.sha256(data[:-84]).hexdigest()
    assert disk.open_files == 0


def test_the_digest_is_the_one_that_the_writer_had(disk):
    log = open_log(disk)
    append(log, b"more")
    log.close()

    report = verify_log(FOLDER, filesystem=disk)

    assert report.digest_hex == log.digest_hex


def test_a_keyspace_digest_of_a_seal_is_reported():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 1)
    log.keyspace_digest = lambda: b"k" * 20
    append(log, b"a")

    report = verify_log(FOLDER, filesystem=filesystem)

    assert [i.keyspace_digest_hex for i in report.segments] == ["6b" * 20, ""]


def test_all_damage_is_named_in_one_run(disk):
    for name in segment_names(disk)[1:3]:
        data = disk.read_file(LOG_FOLDER / name)
        disk.write_file(LOG_FOLDER / name, data[:110] + b"?" + data[111:])
    last = LOG_FOLDER / segment_names(disk)[4]
    disk.write_file(last, b"no segment")

    report = verify_log(FOLDER, filesystem=disk)

    assert len(report.damage) == 3
    assert [item.damage is None for item in report.segments] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert report.segments[1].last_seq == 3
    assert report.last_seq == 12


def test_a_torn_tail_is_no_damage(disk):
    last = LOG_FOLDER / segment_names(disk)[-1]
    disk.write_file(last, disk.read_file(last) + b"torn")

    report = verify_log(FOLDER, filesystem=disk)

    assert report.is_sound
    assert report.segments[-1].torn_bytes == 4


def test_history_edited_with_all_checksums_made_right_is_noticed(disk):
    """Who rewrites a record and its checksum still can't rewrite what came after."""
    name = segment_names(disk)[1]
    data = disk.read_file(LOG_FOLDER / name)
    heads = FrameHeads(int.from_bytes(data[92:96], "little"))
    record = Record(4, 3, 1_700_000_000_000, 0, [[b"SET", b"key", b"!"]], Origin(7))
    frame = encode_frame(encode_record(record), heads)
    disk.write_file(LOG_FOLDER / name, data[:96] + frame + data[96 + len(frame) :])

    report = verify_log(FOLDER, filesystem=disk)

    assert len(report.damage) == 1
    assert "the digest of the bytes before it" in report.damage[0]


def test_times_that_go_back_are_damage():
    filesystem = FaultyFileSystem()
    open_log(filesystem).close()
    data = filesystem.read_file(FIRST)
    heads = FrameHeads(int.from_bytes(data[92:96], "little"))
    record = Record(1, 0, 5, 0, [], Origin(7))
    filesystem.write_file(FIRST, data + encode_frame(encode_record(record), heads))

    report = verify_log(FOLDER, filesystem=filesystem)

    assert "seq 1 at 5 ms" in report.damage[0]


def test_a_sound_frame_that_holds_no_record_is_damage():
    filesystem = FaultyFileSystem()
    open_log(filesystem).close()
    data = filesystem.read_file(FIRST)
    heads = FrameHeads(int.from_bytes(data[92:96], "little"))
    filesystem.write_file(FIRST, data + encode_frame(b"\x96\x01\x00\xa1a", heads))

    report = verify_log(FOLDER, filesystem=filesystem)

    assert "not a record" in report.damage[0]


def test_a_folder_without_segments_is_sound_and_empty():
    filesystem = FaultyFileSystem()
    filesystem.mkdir(FOLDER)
    filesystem.mkdir(LOG_FOLDER)

    report = verify_log(FOLDER, filesystem=filesystem)

    assert (report.is_sound, report.last_seq, report.digest_hex) == (True, 0, "")


def test_the_digest_of_a_past_moment_can_be_computed_again():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 200)
    digests = {}
    for number in range(1, 12):
        append(log, b"%d" % number)
        digests[number] = log.digest_hex
    log.close()

    for seq, digest in digests.items():
        assert compute_digest(FOLDER, seq, filesystem=filesystem) == digest
    copy = copy_disk(filesystem)
    copy.unlink(FIRST)
    with pytest.raises(PrunedError):
        compute_digest(FOLDER, 2, filesystem=copy)
    for seq in (0, 12):
        with pytest.raises(StorageError):
            compute_digest(FOLDER, seq, filesystem=filesystem)


@pytest.mark.parametrize("seals", [0, 1, 2])
def test_a_log_that_is_sealed_while_it_is_verified_is_sound(seals):
    for look in itertools.count(1):
        disk = BusyFileSystem()
        log = make_sealing_log(disk)

        def seal(log=log):
            log.sync()
            for _ in range(seals):
                seal_another(log)

        disk.happens, disk.looks_left = seal, look

        assert verify_log(FOLDER, filesystem=disk).damage == []
        if disk.looks_left > 0:
            break

    assert look > 3
