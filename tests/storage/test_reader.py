import itertools

import pytest

from joblog.storage.errors import CorruptLogError, PrunedError
from joblog.storage.places import find_seq_at, last_seq_hint
from joblog.storage.reader import (
    LogReader,
    RecordEnd,
    follow_records,
    read_records,
)
from joblog.storage.segment import CHUNK_BYTES
from tests.storage.logs import (
    FIRST,
    FOLDER,
    LOG_FOLDER,
    BusyFileSystem,
    append,
    draft,
    make_log,
    make_sealing_log,
    open_log,
    read_all,
    read_values,
)
from tests.support.fakes import FakeClock, FaultyFileSystem

VALUES = [b"%d" % number for number in range(1, 21)]


@pytest.fixture
def disk():
    """A log of 20 records in several segments; the value is the number."""
    return make_log(*[[value] for value in VALUES], segment_bytes_max=260)


@pytest.mark.parametrize("from_seq", [0, 1, 2, 3, 4, 5, 6, 19, 20, 21, 99])
@pytest.mark.parametrize("until_seq", [None, 0, 1, 4, 5, 20, 21])
@pytest.mark.parametrize("verify", [True, False])
def test_any_part_of_a_log_can_be_read(disk, from_seq, until_seq, verify):
    found = read_values(disk, from_seq=from_seq, until_seq=until_seq, verify=verify)

    start = max(from_seq, 1) - 1
    assert found == VALUES[start : until_seq if until_seq is not None else 20]


def test_reading_closes_its_files_also_when_it_is_left_early(disk):
    records = read_records(FOLDER, filesystem=disk)
    next(records)

    records.close()
    read_all(disk)

    assert disk.open_files == 0


def test_a_part_of_a_segment_of_many_chunks_can_be_read():
    disk = make_log([b"x" * 9000] * 100)

    seqs = [record.seq for record in read_all(disk, from_seq=60, until_seq=95)]

    assert seqs == list(range(60, 96))


@pytest.mark.parametrize("chunk_bytes", [30, 100, 5000, 20_000])
def test_chunks_of_any_size_give_the_same_records(chunk_bytes):
    values = [b"x" * size for size in (1, 9000, 20, 20, 300, 9000, 1)]
    disk = make_log(*[[value] for value in values], segment_bytes_max=10_000)
    reader = LogReader(FOLDER, filesystem=disk, chunk_bytes=chunk_bytes)
    found = []

    while batch := reader.read_batch():
        found += [record.effects[0][-1] for record in batch]
    reader.close()

    assert found == values


def test_a_log_is_read_while_it_is_written():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 200)
    reader = LogReader(FOLDER, filesystem=filesystem)
    assert reader.read_batch() == []
    for number in range(1, 30):
        append(log, b"%d" % number)
        batch = reader.read_batch()
        assert [record.seq for record in batch] == [number]
        assert reader.next_seq == number + 1
        assert reader.read_batch() == []
    assert len(log.segments) > 5
    reader.close()


def test_following_goes_on_for_as_long_as_poll_says_so():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 200)
    written = iter(range(1, 9))

    def poll():
        number = next(written, None)
        if number is not None:
            append(log, b"%d" % number)
        return number is not None

    found = follow_records(FOLDER, filesystem=filesystem, poll=poll, from_seq=3)

    assert [record.seq for record in found] == [3, 4, 5, 6, 7, 8]


def test_following_stops_at_the_last_record_that_was_asked_for(disk):
    polls = []
    found = follow_records(
        FOLDER, filesystem=disk, poll=lambda: polls.append(1), until_seq=4
    )

    assert [record.seq for record in found] == [1, 2, 3, 4]
    assert polls == []


def test_half_a_frame_at_the_end_is_left_out_and_read_when_it_is_whole():
    whole = make_log([b"a"], [b"b"])
    data = whole.read_file(FIRST)
    filesystem = make_log()
    reader = LogReader(FOLDER, filesystem=filesystem)
    seen = []
    # The file grows a byte at a time, as a reader beside a writer may see it.
    for size in range(96, len(data) + 1):
        filesystem.write_file(FIRST, data[:size])
        reader.close()
        reader = LogReader(FOLDER, filesystem=filesystem, from_seq=len(seen) + 1)
        seen += reader.read_batch()

    assert [record.seq for record in seen] == [1, 2]


class RacingDisk(FaultyFileSystem):
    """A disk on which a writer acts in the middle of what a reader does."""

    race = None

    def read_at(self, file, length, offset):
        data = super().read_at(file, length, offset)
        race, self.race = self.race, None
        if race is not None:
            race()
        return data


@pytest.mark.parametrize("segment_bytes_max", [1 << 20, 150])
def test_a_record_finished_while_a_reader_looks_is_no_damage(segment_bytes_max):
    disk = RacingDisk()
    log = open_log(disk, segment_bytes_max)
    append(log, b"a")
    reader = LogReader(FOLDER, filesystem=disk)
    assert len(reader.read_batch()) == 1

    def write():
        append(log, b"b")
        log.sync()
        append(log, b"c")

    disk.race = write
    found = reader.read_batch()
    while batch := reader.read_batch():
        found += batch

    assert [record.seq for record in found] == [2, 3]


def test_a_tail_read_while_it_was_half_written_is_no_damage():
    disk = RacingDisk()
    log = open_log(disk)
    append(log, b"a")
    reader = LogReader(FOLDER, filesystem=disk)
    reader.read_batch()
    append(log, b"b")
    log.sync()
    append(log, b"c")
    whole = disk.read_file(FIRST)
    start = reader._segment.offset
    damaged = whole[: start + 9] + b"????" + whole[start + 13 :]
    disk.write_file(FIRST, whole)
    # The reader holds the file that it opened: that one is half written, then whole.
    inode = disk._at(reader._segment._file._file)
    inode.data[:] = damaged
    original = reader._segment.read_rest

    def read_rest(length=-1):
        rest = original(length)
        if length == -1:
            inode.data[:] = whole
        return rest

    reader._segment.read_rest = read_rest

    assert [record.seq for record in reader.read_batch()] == [2, 3]


def test_what_was_pruned_is_refused_and_the_floor_is_named(disk):
    first, second = sorted(disk.listdir(LOG_FOLDER))[:2]
    disk.unlink(LOG_FOLDER / first)
    floor = int(second[:20])

    with pytest.raises(PrunedError, match=f"the log starts at seq {floor}") as caught:
        read_all(disk)

    assert caught.value.floor_seq == floor
    assert read_values(disk, from_seq=floor)[0] == b"%d" % floor


def test_a_reader_that_pruning_overtakes_says_so_and_speaks_of_no_damage(disk):
    names = sorted(disk.listdir(LOG_FOLDER))
    floor = int(names[3][:20])
    reader = LogReader(FOLDER, filesystem=disk)
    reader.read_batch()
    for name in names[:3]:
        disk.unlink(LOG_FOLDER / name)

    with pytest.raises(PrunedError, match=f"the log starts at seq {floor}"):
        list(iter(reader.read_batch, []))

    reader.close()


@pytest.mark.parametrize("removed", [1, 2, 3])
def test_a_reader_takes_what_was_pruned_under_it_for_no_end(removed):
    outcomes = set()
    for look in itertools.count(1):
        disk = make_log(
            *[[value] for value in VALUES],
            segment_bytes_max=260,
            filesystem=BusyFileSystem(),
        )
        names = sorted(disk.listdir(LOG_FOLDER))

        def prune(disk=disk, names=names):
            for name in names[:removed]:
                disk.unlink(LOG_FOLDER / name)

        disk.happens, disk.looks_left = prune, look
        try:
            assert read_values(disk) == VALUES
            outcomes.add("whole")
        except PrunedError:
            outcomes.add("pruned")
        if disk.looks_left > 0:
            break

    assert outcomes == {"whole", "pruned"}


def test_a_reader_takes_a_seal_that_ends_under_it_for_no_end():
    for look in itertools.count(1):
        disk = BusyFileSystem()
        log = make_sealing_log(disk)
        disk.happens, disk.looks_left = log.sync, look

        seqs = [record.seq for record in read_all(disk)]

        assert seqs == list(range(1, log.last_seq + 1))
        if disk.looks_left > 0:
            break

    assert look > 3


def test_a_place_that_was_pruned_is_refused_and_the_floor_is_named(disk):
    names = sorted(disk.listdir(LOG_FOLDER))
    first_seq, floor = int(names[1][:20]), int(names[2][:20])
    place = RecordEnd(first_seq=first_seq, seq=first_seq, offset=0)
    for name in names[:2]:
        disk.unlink(LOG_FOLDER / name)

    with pytest.raises(PrunedError, match=f"the log starts at seq {floor}"):
        read_all(disk, after=place)


def test_damage_is_an_error_after_all_records_before_it(disk):
    names = sorted(disk.listdir(LOG_FOLDER))
    path = LOG_FOLDER / names[1]
    data = disk.read_file(path)
    disk.write_file(path, data[:-90] + b"?" + data[-89:])
    last_before = int(names[2][:20]) - 2
    seqs = []

    with pytest.raises(CorruptLogError, match=names[1]):
        seqs.extend(record.seq for record in read_records(FOLDER, filesystem=disk))

    assert seqs in (list(range(1, last_before + 1)), [])
    assert disk.open_files == 0


def test_a_folder_without_segments_has_no_records():
    filesystem = FaultyFileSystem()
    filesystem.mkdir(FOLDER)
    filesystem.mkdir(LOG_FOLDER)

    assert read_all(filesystem) == []
    assert last_seq_hint(FOLDER, filesystem=filesystem) == 0
    assert find_seq_at(FOLDER, 5, filesystem=filesystem) == 0


@pytest.mark.parametrize("records", [0, 1, 2, 5, 3000])
def test_the_hint_is_the_last_number(records):
    disk = make_log([b"x" * 40] * records)

    assert last_seq_hint(FOLDER, filesystem=disk) == records


def test_the_hint_is_right_for_sealed_and_torn_segments(disk):
    last = LOG_FOLDER / max(disk.listdir(LOG_FOLDER))
    disk.write_file(last, disk.read_file(last) + b"torn")
    assert last_seq_hint(FOLDER, filesystem=disk) == 20

    disk.unlink(last)
    assert last_seq_hint(FOLDER, filesystem=disk) == int(last.name[:20]) - 1


@pytest.fixture
def timed():
    """A log of 30 records, 10 ms apart from 1010 on, in several segments."""
    filesystem = FaultyFileSystem()
    clock = FakeClock(1000)
    log = open_log(filesystem, 400, clock=clock)
    for number in range(30):
        clock.advance(10)
        log.append([draft(b"%d" % number, clock())], number)
    assert len(log.segments) > 3
    return filesystem


@pytest.mark.parametrize(
    ("at_ms", "seq"),
    [
        (0, 0),
        (1009, 0),
        (1010, 1),
        (1019, 1),
        (1020, 2),
        (1155, 15),
        (1300, 30),
        (9999, 30),
    ],
)
def test_a_time_finds_the_last_record_that_is_not_later(timed, at_ms, seq):
    assert find_seq_at(FOLDER, at_ms, filesystem=timed) == seq


def test_a_time_finds_the_last_record_behind_a_seal_that_is_not_over():
    for look in itertools.count(1):
        disk = BusyFileSystem()
        log = make_sealing_log(disk)
        disk.happens, disk.looks_left = log.sync, look

        assert find_seq_at(FOLDER, 10**15, filesystem=disk) == log.last_seq
        if disk.looks_left > 0:
            break

    assert look > 2


def test_a_seal_of_which_a_power_cut_left_the_footer_only_is_no_damage():
    disk = FaultyFileSystem()
    make_sealing_log(disk)
    (temporary,) = [name for name in disk.listdir(LOG_FOLDER) if name.endswith(".next")]
    disk.write_file(LOG_FOLDER / temporary, b"")

    assert find_seq_at(FOLDER, 10**15, filesystem=disk) == read_all(disk)[-1].seq


def test_every_time_finds_the_same_as_a_look_at_all_records(timed):
    times = [record.at_ms for record in read_all(timed)]

    for at_ms in range(1000, 1310, 5):
        expected = sum(time <= at_ms for time in times)
        assert find_seq_at(FOLDER, at_ms, filesystem=timed) == expected


def test_a_time_in_a_segment_of_many_chunks_is_found():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 1 << 30, clock=FakeClock(0))
    log.append(
        [draft(b"x" * (CHUNK_BYTES // 10), number) for number in range(1, 50)], 0
    )

    for number in (1, 9, 10, 11, 25, 49):
        assert find_seq_at(FOLDER, number, filesystem=filesystem) == number


def test_a_time_before_what_was_pruned_is_refused(timed):
    first, second = sorted(timed.listdir(LOG_FOLDER))[:2]
    timed.unlink(LOG_FOLDER / first)

    with pytest.raises(PrunedError) as caught:
        find_seq_at(FOLDER, 1010, filesystem=timed)

    assert caught.value.floor_seq == int(second[:20])
