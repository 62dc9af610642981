"""What a crash can leave is repaired; what it cannot is refused, with its place."""

import errno
from random import Random

import pytest

from joblog.storage.errors import CorruptLogError, NewerFormatError, StorageError
from joblog.storage.frame import FrameHeads, encode_frame
from joblog.storage.reader import read_records
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES
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
from tests.support.fakes import Fault, FaultyFileSystem


def frame_ends(data):
    """Return where each frame of a segment ends."""
    ends = [HEADER_BYTES]
    while ends[-1] + 8 <= len(data) and data[ends[-1] + 3] < 0x80:
        length = int.from_bytes(data[ends[-1] : ends[-1] + 4], "little")
        ends.append(ends[-1] + 8 + length)
    return ends


def flip(data, offset, bit=0):
    return data[:offset] + bytes([data[offset] ^ (1 << bit)]) + data[offset + 1 :]


# --- Torn tails ----------------------------------------------------------------------


def test_a_log_cut_at_any_byte_recovers_exactly_the_records_before_the_cut():
    whole = make_log([b"a", b"bb", b"ccc"], [b"dddd"], [b"e" * 30, b"f"])
    data = whole.read_file(FIRST)
    ends = frame_ends(data)
    assert ends[-1] == len(data)
    for size in range(HEADER_BYTES, len(data) + 1):
        disk = copy_disk(whole)
        disk.write_file(FIRST, data[:size])
        survivors = sum(end <= size for end in ends[1:])
        values = [b"a", b"bb", b"ccc", b"dddd", b"e" * 30, b"f"][:survivors]
        assert read_values(disk) == values

        log = open_log(disk)

        assert log.last_seq == log.synced_seq == survivors
        assert log.tail.cut_bytes == size - ends[survivors]
        assert log.size_bytes == ends[survivors]
        append(log, b"new")
        digest = log.digest_hex
        log.close()
        assert read_values(disk) == [*values, b"new"]
        report = verify_log(FOLDER, filesystem=disk)
        assert report.is_sound
        assert report.digest_hex == digest


def test_the_cut_bytes_are_kept_beside_the_segment_and_reported():
    disk = make_log([b"a"])
    data = disk.read_file(FIRST)
    disk.write_file(FIRST, data + b"half a frame")

    tail = open_log(disk).tail

    assert disk.read_file(tail.torn_path) == b"half a frame"
    assert tail.torn_path.name == f"{FIRST.name}.torn"
    assert str(tail) == (
        f"{FIRST}: torn tail: cut 12 bytes at byte {len(data)}, after seq 1, the last "
        f"whole record; the bytes are kept in {FIRST}.torn"
    )
    assert disk.read_file(FIRST) == data


@pytest.mark.parametrize("times", [1, 2], ids=["room once it is cut", "no room"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["create", "write"])
def test_a_torn_tail_is_cut_on_a_full_disk_too(error, call, times):
    disk = make_log([b"a"])
    data = disk.read_file(FIRST)
    disk.write_file(FIRST, data + b"half a frame")
    disk.fail(Fault(error, call, times=times))

    log = open_log(disk)

    assert disk.read_file(FIRST) == data
    assert (log.tail.cut_bytes, log.tail.last_seq) == (12, 1)
    names = [name for name in disk.listdir(FIRST.parent) if "torn" in name]
    if times == 1:
        assert disk.read_file(log.tail.torn_path) == b"half a frame"
        assert names == [log.tail.torn_path.name]
    else:
        assert "no room to keep the bytes" in str(log.tail)
        assert names == []
    log.close()


def test_a_second_torn_tail_does_not_overwrite_the_first():
    disk = make_log([b"a"])
    for rest in (b"one", b"two"):
        disk.write_file(FIRST, disk.read_file(FIRST) + rest)
        open_log(disk).close()

    assert disk.read_file(f"{FIRST}.torn") == b"one"
    assert disk.read_file(f"{FIRST}.2.torn") == b"two"


def test_a_clean_tail_is_reported_as_whole():
    disk = make_log([b"a", b"b"])

    tail = open_log(disk).tail

    assert (tail.cut_bytes, tail.torn_path, tail.last_seq) == (0, None, 2)
    assert str(tail) == f"{FIRST}: whole up to seq 2"


@pytest.mark.parametrize("fill", [b"\0", b"\xff"], ids=["zeroes", "ones"])
def test_a_tail_of_one_byte_value_is_torn_and_never_a_record(fill):
    disk = make_log([b"a"])
    disk.write_file(FIRST, disk.read_file(FIRST) + fill * 5000)

    log = open_log(disk)

    assert (log.last_seq, log.tail.cut_bytes) == (1, 5000)


def test_a_hole_in_a_batch_that_was_never_synced_is_a_torn_tail():
    # A power cut may keep the second page of a write and lose the first.
    disk = make_log([b"a"], [b"bb", b"cc", b"dd"], is_synced=False)
    data = disk.read_file(FIRST)
    disk.write_file(FIRST, flip(data, frame_ends(data)[1] + 12))

    log = open_log(disk)

    assert log.last_seq == 1
    assert log.tail.cut_bytes == len(data) - frame_ends(data)[1]


def test_a_client_cannot_fake_a_frame_that_turns_a_torn_tail_into_damage():
    # The value is, byte for byte, a frame that says "seq 2 had been synced".
    other = make_log([b"a"], [b"b"], [b"c"])
    data = other.read_file(FIRST)
    disk = make_log([b"a"], [data[frame_ends(data)[2] :] * 3])
    data = disk.read_file(FIRST)
    disk.write_file(FIRST, data[:-5])

    log = open_log(disk)

    assert log.last_seq == 1


# --- Rot -----------------------------------------------------------------------------


def test_a_bad_frame_before_one_that_knew_it_synced_is_damage_not_a_tail():
    disk = make_log([b"a"], [b"b"], [b"c"])
    data = disk.read_file(FIRST)
    start, end = frame_ends(data)[1:3]
    disk.write_file(FIRST, flip(data, start + 12))

    with pytest.raises(CorruptLogError) as caught:
        open_log(disk)

    assert str(caught.value) == (
        f"{FIRST}: at byte {start}: a damaged frame, expected a sound one with seq 2: "
        f"seq 3 at byte {end} says that it had been synced, so this is no torn tail; "
        f"run 'replay repair {FOLDER}'"
    )
    with pytest.raises(CorruptLogError, match="had been synced"):
        list(read_records(FOLDER, filesystem=disk))


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_anywhere_is_found_or_was_in_the_last_frame(bit):
    values = [[b"a"], [b"b" * 40], [b"c"], [b"d"], [b"e"], [b"f"], [b"g"]]
    whole = make_log(*values, segment_bytes_max=200)
    assert len(segment_names(whole)) == 3
    flat = [value for batch in values for value in batch]
    for name in segment_names(whole):
        data = whole.read_file(LOG_FOLDER / name)
        for offset in range(len(data)):
            disk = copy_disk(whole)
            disk.write_file(LOG_FOLDER / name, flip(data, offset, bit))
            found = []
            try:
                log = open_log(disk)
                found = read_values(disk)
            except CorruptLogError as error:
                assert name in str(error)  # noqa: PT017 - either outcome is right
                assert not verify_log(FOLDER, filesystem=disk).is_sound
                continue
            assert name == segment_names(whole)[-1]
            assert found == flat[: len(found)]
            # Only what no later frame vouches for can be taken for a torn tail.
            assert len(found) >= len(flat) - 1
            assert log.tail.cut_bytes > 0


def test_a_record_missing_in_the_middle_is_damage():
    disk = make_log([b"a"], [b"b"], [b"c"])
    data = disk.read_file(FIRST)
    ends = frame_ends(data)
    disk.write_file(FIRST, data[: ends[1]] + data[ends[2] :])

    with pytest.raises(CorruptLogError, match="seq 3, expected seq 2"):
        open_log(disk)
    with pytest.raises(CorruptLogError, match="sequence numbers"):
        list(read_records(FOLDER, filesystem=disk))


def test_a_newer_format_is_refused_and_named():
    disk = make_log([b"a"])
    data = disk.read_file(FIRST)
    disk.write_file(FIRST, data[:8] + b"\x02" + data[9:])

    with pytest.raises(NewerFormatError, match="format version 2"):
        open_log(disk)


@pytest.mark.parametrize("size", [0, 1, 50, HEADER_BYTES - 1])
def test_a_segment_without_a_whole_header_is_damage(size):
    disk = make_log([b"a"])
    disk.write_file(FIRST, disk.read_file(FIRST)[:size])

    with pytest.raises(CorruptLogError, match=f"{FIRST}: at byte 0"):
        open_log(disk)


# --- Missing, swapped and foreign segments -------------------------------------------


@pytest.fixture
def chain():
    """A log of four segments: three sealed with one record each, and an empty one."""
    disk = make_log([b"a"], [b"b"], [b"c"], segment_bytes_max=100)
    assert segment_names(disk) == [f"{seq:020d}.log" for seq in (1, 2, 3, 4)]
    return disk


def path(seq):
    return LOG_FOLDER / f"{seq:020d}.log"


def require_refused(disk, text):
    with pytest.raises(CorruptLogError, match=text):
        open_log(disk)
    assert not verify_log(FOLDER, filesystem=disk).is_sound


@pytest.mark.parametrize(
    ("seq", "text"),
    [
        pytest.param(2, "segments between are missing", id="in the middle"),
        pytest.param(3, "segments between are missing", id="the last but one"),
        pytest.param(4, "no such file", id="the last"),
    ],
)
def test_a_missing_segment_is_noticed(chain, seq, text):
    chain.unlink(path(seq))

    require_refused(chain, text)
    with pytest.raises(CorruptLogError):
        list(read_records(FOLDER, filesystem=chain))


def test_a_log_whose_only_segment_is_gone_does_not_become_a_new_log():
    disk = make_log([b"a"])
    disk.unlink(FIRST)

    with pytest.raises(CorruptLogError, match="no segment, expected those of log"):
        open_log(disk)


def test_a_log_whose_oldest_segments_were_pruned_starts_later(chain):
    chain.unlink(path(1))
    chain.unlink(path(2))

    log = open_log(chain)

    assert (log.first_seq, log.last_seq) == (3, 3)
    assert read_values(chain, from_seq=3) == [b"c"]
    assert verify_log(FOLDER, filesystem=chain).is_sound


def test_swapped_segments_are_noticed(chain):
    two, three = chain.read_file(path(2)), chain.read_file(path(3))
    chain.write_file(path(2), three)
    chain.write_file(path(3), two)

    require_refused(chain, "first seq 3, expected 2, as named")


def test_a_segment_of_another_log_is_noticed(chain):
    other = make_log([b"a"], [b"b"], [b"c"], segment_bytes_max=100)
    chain.write_file(path(2), other.read_file(path(2)))

    require_refused(chain, "a segment of another log")


def test_a_segment_of_another_history_of_the_same_log_is_noticed(chain):
    other = copy_disk(chain)
    for seq in (3, 4):
        other.unlink(path(seq))
    other.write_file(path(2), other.read_file(path(2))[:HEADER_BYTES])
    log = open_log(other, 100)
    append(log, b"B")
    log.close()
    chain.write_file(path(3), other.read_file(path(3)))

    require_refused(chain, "of the segment before, expected")


def test_all_segments_of_another_log_are_noticed():
    disk, other = make_log([b"a"]), make_log([b"b"])
    disk.write_file(FIRST, other.read_file(FIRST))

    with pytest.raises(CorruptLogError, match="segments of log"):
        open_log(disk)


@pytest.mark.parametrize("size", [0, HEADER_BYTES, 120])
def test_a_sealed_segment_that_was_cut_is_damage(chain, size):
    chain.write_file(path(2), chain.read_file(path(2))[:size])

    require_refused(chain, path(2).name)


def test_bytes_behind_a_footer_are_damage(chain):
    chain.write_file(path(3), chain.read_file(path(3)) + b"more")

    require_refused(chain, "no sound footer")


# --- Crash points of a seal and of the first start -----------------------------------


def test_a_seal_that_a_crash_interrupted_before_the_rename_is_finished(chain):
    chain.rename(path(4), path(4).with_suffix(".log.new"))
    assert read_values(chain) == [b"a", b"b", b"c"]
    assert verify_log(FOLDER, filesystem=chain).is_sound

    log = open_log(chain)

    assert (log.last_seq, len(log.segments)) == (3, 4)
    append(log, b"d")
    log.close()
    assert read_values(chain) == [b"a", b"b", b"c", b"d"]


def test_a_seal_that_a_crash_interrupted_before_the_footer_is_forgotten(chain):
    chain.rename(path(4), path(4).with_suffix(".log.new"))
    chain.write_file(path(3), chain.read_file(path(3))[:-FOOTER_BYTES])

    log = open_log(chain)

    assert (log.last_seq, len(log.segments)) == (3, 3)
    assert segment_names(chain) == [path(seq).name for seq in (1, 2, 3)]


def test_frames_torn_below_a_footer_that_was_not_yet_synced_are_a_torn_tail(chain):
    # The footer's page reached the disk, a page before it did not.
    chain.rename(path(4), path(4).with_suffix(".log.new"))
    chain.write_file(path(3), flip(chain.read_file(path(3)), HEADER_BYTES + 12))

    log = open_log(chain)

    assert log.last_seq == 2
    append(log, b"d")
    assert read_values(chain) == [b"a", b"b", b"d"]


def test_a_new_segment_of_another_history_is_not_taken_into_use(chain):
    other = make_log([b"a"], [b"b"], [b"c"], segment_bytes_max=100)
    chain.unlink(path(4))
    chain.write_file(path(4).with_suffix(".log.new"), other.read_file(path(4)))

    with pytest.raises(CorruptLogError, match="another log"):
        open_log(chain)


def test_a_new_segment_without_the_ones_before_is_damage():
    disk = FaultyFileSystem()
    open_log(disk).close()
    disk.unlink(FIRST)
    disk.unlink(FOLDER / "joblog.lock")
    disk.write_file(path(9).with_suffix(".log.new"), b"")

    with pytest.raises(CorruptLogError, match="the segments before it"):
        open_log(disk)


@pytest.mark.parametrize("size", [0, 40, HEADER_BYTES])
def test_a_half_made_first_start_does_not_stop_the_second(size):
    disk = FaultyFileSystem()
    disk.mkdir(FOLDER)
    disk.mkdir(LOG_FOLDER)
    header = make_log().read_file(FIRST)
    disk.write_file(FIRST.with_suffix(".log.new"), header[:size])

    log = open_log(disk)

    append(log, b"a")
    log.close()
    assert segment_names(disk) == [FIRST.name]
    assert read_values(disk) == [b"a"]


@pytest.mark.parametrize("text", [b"", b"0123456789abcdef", b"\0" * 40])
def test_a_half_written_lock_file_names_no_log(text):
    disk = make_log([b"a"])
    disk.write_file(FOLDER / "joblog.lock", text)

    assert open_log(disk).last_seq == 1


def test_a_folder_that_is_none_is_refused_with_its_name():
    with pytest.raises(StorageError, match="not a data folder"):
        list(read_records(FOLDER, filesystem=FaultyFileSystem()))


@pytest.mark.slow
def test_random_garbage_in_the_place_of_the_tail_is_cut_or_refused():
    whole = make_log([b"a" * 9], [b"b" * 9], [b"c" * 9, b"d" * 9])
    data = whole.read_file(FIRST)
    ends = frame_ends(data)
    random = Random(7)
    for _ in range(300):
        disk = copy_disk(whole)
        place = random.randrange(HEADER_BYTES, len(data))
        garbage = random.randbytes(random.randrange(1, 60))
        disk.write_file(FIRST, data[:place] + garbage + data[place + len(garbage) :])
        try:
            log = open_log(disk)
        except CorruptLogError:
            assert place < ends[2]
            continue
        assert log.last_seq <= sum(end <= place for end in ends[1:]) + 1


def test_a_last_frame_that_is_sound_but_holds_no_record_is_damage():
    disk = make_log()
    data = disk.read_file(FIRST)
    heads = FrameHeads(int.from_bytes(data[92:96], "little"))
    disk.write_file(FIRST, data + encode_frame(b"\x96\x01\x00\xa1a", heads))

    with pytest.raises(CorruptLogError, match="a sound frame: not a record"):
        open_log(disk)
    with pytest.raises(CorruptLogError, match="a sound frame: not a record"):
        list(read_records(FOLDER, filesystem=disk))
