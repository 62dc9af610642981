import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from joblog.storage.errors import LogLockedError, SequenceMismatchError, StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.fsync import FsyncPolicy
from joblog.storage.record import Origin, Record, encode_origin
from joblog.storage.verify import verify_log
from tests.storage.logs import (
    FIRST,
    FOLDER,
    LOG_FOLDER,
    append,
    draft,
    open_log,
    read_all,
    read_values,
    segment_names,
)
from tests.support.fakes import FakeClock, FaultyFileSystem


@pytest.fixture(params=["real", "fake"])
def disk(request, tmp_path):
    if request.param == "real":
        return FileSystem(), tmp_path / "new" / "data"
    return FaultyFileSystem(), FOLDER


def test_records_come_back_as_they_were_appended(disk):
    filesystem, folder = disk
    log = open_log(filesystem, folder=folder)
    at_ms = 1_700_000_000_005
    command = [b"EVALSHA", b"abc", b"0"]
    note = {"kind": "script", "sha": "abc"}

    last_seq = log.append(
        [
            (at_ms, 0, [[b"SET", b"k", b"\xff\0"]], 7),
            (
                at_ms,
                3,
                [[b"DEL", b"k"], [b"SET", b"j", b""]],
                encode_origin(8, command, note),
            ),
            (at_ms + 1, 0, [], encode_origin(8, None, {"kind": "client"})),
        ],
        0,
    )
    log.close()

    assert last_seq == 3
    assert read_all(filesystem, folder) == [
        Record(1, 0, at_ms, 0, [[b"SET", b"k", b"\xff\0"]], Origin(7)),
        Record(
            2,
            0,
            at_ms,
            3,
            [[b"DEL", b"k"], [b"SET", b"j", b""]],
            Origin(8, command, note),
        ),
        Record(3, 0, at_ms + 1, 0, [], Origin(8, None, {"kind": "client"})),
    ]


@pytest.mark.parametrize("us", [0, 127, 128, 300, 70_000, 1 << 32])
def test_a_number_in_place_of_a_note_is_read_as_microseconds(us):
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, folder=FOLDER)

    log.append([(1_700_000_000_000, 0, [[b"DEL", b"k"]], [8, [b"EVALSHA"], us])], 0)
    log.close()

    [record] = read_all(filesystem, FOLDER)
    assert record.origin == Origin(8, [b"EVALSHA"], {"us": us})


def test_a_log_goes_on_where_it_ended_when_it_is_opened_again(disk):
    filesystem, folder = disk
    digests = []
    for number in range(3):
        log = open_log(filesystem, folder=folder)
        assert log.last_seq == log.synced_seq == 2 * number
        append(log, b"a%d" % number, b"b%d" % number)
        log.close()
        digests.append(log.digest_hex)

    log = open_log(filesystem, folder=folder)

    assert log.digest_hex == digests[-1]
    assert len(set(digests)) == 3
    assert [record.seq for record in read_all(filesystem, folder)] == [1, 2, 3, 4, 5, 6]
    log.close()


def test_a_full_segment_is_sealed_and_the_next_one_begun(disk):
    filesystem, folder = disk
    clock = FakeClock()
    log = open_log(filesystem, 200, folder=folder, clock=clock)
    states = []
    log.keyspace_digest = lambda: (
        states.append(log.last_seq) or bytes([log.last_seq]) * 20
    )
    for number in range(7):
        clock.advance(10)
        append(log, b"v%d" % number)

    assert [info.first_seq for info in log.segments] == [1, 4, 7]
    assert [info.is_sealed for info in log.segments] == [True, True, False]
    footer = log.segments[1].footer
    assert footer.last_seq == 6
    assert footer.keyspace_digest == bytes([6]) * 20
    assert footer.sealed_at_ms == clock() - 10
    assert states == [3, 6]
    sealed = log.segments[0].path
    file = filesystem.open_to_read(sealed)
    data = filesystem.read_at(file, 10_000, 0)
    filesystem.close(file)
    assert len(data) == log.segments[0].size_bytes
    assert hashlib.sha256(data[:-84]).digest() == log.segments[0].footer.digest
    assert log.segments[1].header.previous_digest == hashlib.sha256(data[-84:]).digest()
    infos, size = log.segments, log.size_bytes
    log.close()

    again = open_log(filesystem, 200, folder=folder)
    assert (again.segments, again.size_bytes) == (infos, size)
    again.close()


def test_a_sealed_segment_is_synced_as_a_whole():
    log = open_log(FaultyFileSystem(), 200)
    append(log, b"a")
    assert log.synced_seq == 0

    append(log, b"b" * 200)

    assert log.synced_seq == log.last_seq == 2
    assert log.sync() == 2


def test_the_digest_does_not_change_when_a_segment_is_sealed():
    log = open_log(FaultyFileSystem(), 1000)
    append(log, b"a" * 800)
    before = log.digest_hex

    log._try_to_seal()

    assert len(log.segments) == 2
    assert log.digest_hex == before


def test_a_segment_without_records_is_never_sealed():
    log = open_log(FaultyFileSystem(), 1)

    log._try_to_seal()
    append(log, b"a")
    append(log, b"b")

    assert [info.first_seq for info in log.segments] == [1, 2, 3]


def test_records_carry_what_was_synced_when_they_were_written():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem)
    append(log, b"a", b"b")
    append(log, b"c")
    assert log.sync() == 3
    append(log, b"d")

    assert [record.synced_seq for record in read_all(filesystem)] == [0, 0, 0, 3]


def test_time_in_the_log_never_goes_back():
    filesystem = FaultyFileSystem()
    clock = FakeClock(1000)
    log = open_log(filesystem, clock=clock)
    log.append([draft(b"a", 2000), draft(b"b", 1500)], 0)
    log.append([draft(b"c", 1700), draft(b"d", 2001)], 2)
    log.close()
    log = open_log(filesystem, clock=clock)
    log.append([draft(b"e", 1)], 4)

    assert [record.at_ms for record in read_all(filesystem)] == [
        2000, 2000, 2000, 2001, 2001,
    ]  # fmt: skip
    assert log.last_at_ms == 2001


def test_no_record_is_earlier_than_its_segment():
    filesystem = FaultyFileSystem()
    clock = FakeClock(5000)
    log = open_log(filesystem, 1, clock=clock)
    log.append([draft(b"a", 100)], 0)
    clock.advance(1000)
    log.append([draft(b"b", 200)], 1)
    log.append([draft(b"c", 300)], 2)

    assert [record.at_ms for record in read_all(filesystem)] == [5000, 5000, 6000]
    assert [i.header.created_at_ms for i in log.segments] == [5000, 5000, 6000, 6000]


def test_an_append_behind_another_record_than_the_last_is_refused():
    log = open_log(FaultyFileSystem())
    append(log, b"a")

    with pytest.raises(
        SequenceMismatchError, match="behind seq 0, but the log ends with seq 1"
    ):
        log.append([draft(b"b")], 0)

    assert log.last_seq == 1


def test_an_append_of_nothing_changes_nothing():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem)
    before = log.digest_hex

    assert log.append([], 0) == 0

    assert log.digest_hex == before
    assert read_all(filesystem) == []


def test_one_append_is_one_write():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem)
    writes = filesystem.calls.count("write")

    append(log, *[b"%d" % number for number in range(100)])

    assert filesystem.calls.count("write") == writes + 1


def test_a_record_of_many_megabytes_is_nothing_special():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 1 << 30)
    value = bytes(17 * 1024 * 1024)
    append(log, b"a", value, b"b")
    append(log, b"c")
    log.close()

    assert read_values(filesystem) == [b"a", value, b"b", b"c"]
    assert open_log(filesystem, 1 << 30).last_seq == 4


def test_a_second_opening_is_refused_until_the_first_is_closed(disk):
    filesystem, folder = disk
    log = open_log(filesystem, folder=folder)

    with pytest.raises(LogLockedError, match=r"data folder open .* by process \d+"):
        open_log(filesystem, folder=folder)
    log.close()

    open_log(filesystem, folder=folder).close()


@pytest.mark.slow
def test_the_lock_holds_between_processes_and_ends_with_them(tmp_path):
    script = (
        "import sys, joblog.storage.log as l, joblog.storage.filesystem as f\n"
        "log = l.Log.open(sys.argv[1], filesystem=f.FileSystem(), now_ms=lambda: 1)\n"
        "log.append([(1, 0, [[b'SET', b'k', b'v']], 1)], 0)\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(LogLockedError, match=f"by process {child.pid}"):
            open_log(FileSystem(), folder=tmp_path)
        assert [r.seq for r in read_all(FileSystem(), tmp_path)] == [1]
    finally:
        child.kill()
        child.communicate()

    log = open_log(FileSystem(), folder=tmp_path)
    assert log.last_seq == 1
    log.close()


def test_closing_twice_is_closing_once_and_then_nothing_is_taken():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem)
    log.close()
    log.close()

    with pytest.raises(StorageError, match="the log is closed"):
        append(log, b"a")
    assert filesystem.open_files == 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="cannot be opened"):
        open_log(FileSystem(), folder=tmp_path / "file" / "data")


def test_files_of_others_in_the_folder_are_left_alone():
    filesystem = FaultyFileSystem()
    open_log(filesystem).close()
    for name in ("notes.txt", "1.log", "00000000000000000009.log.torn"):
        filesystem.write_file(LOG_FOLDER / name, b"?")

    assert open_log(filesystem).last_seq == 0

    assert len(segment_names(filesystem)) == 4


def test_what_is_made_is_for_its_owner_alone(tmp_path):
    folder = tmp_path / "data"

    open_log(FileSystem(), folder=folder).close()

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes.pop("log") == 0o700
    assert FIRST.name in modes
    assert set(modes.values()) == {0o600}


class SlowDisk(FileSystem):
    """A disk whose fdatasync waits until the test lets it go on."""

    def __init__(self):
        self.may_go_on = threading.Event()
        self.began = threading.Event()

    def fdatasync(self, file):
        self.began.set()
        assert self.may_go_on.wait(60)
        super().fdatasync(file)


@pytest.mark.parametrize("segment_bytes_max", [1 << 20, 150])
def test_appends_and_seals_go_on_while_a_thread_syncs(tmp_path, segment_bytes_max):
    filesystem = SlowDisk()
    log = open_log(filesystem, segment_bytes_max, folder=tmp_path)
    append(log, b"a")
    synced = []
    thread = threading.Thread(target=lambda: synced.append(log.sync()))
    thread.start()
    assert filesystem.began.wait(60)

    for number in range(40):
        append(log, b"%d" % number)
    filesystem.may_go_on.set()
    thread.join()

    assert synced == [1]
    assert log.synced_seq >= 1
    assert log.sync() == log.synced_seq == 41
    log.close()
    assert len(read_all(filesystem, tmp_path)) == 41


def test_without_syncs_the_files_of_sealed_segments_are_closed_too():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 1)

    for number in range(30):
        append(log, b"%d" % number)

    assert filesystem.open_files < 10
    log.close()
    assert filesystem.open_files == 0


def test_fsync_policies_are_the_words_of_the_setting():
    assert [policy.value for policy in FsyncPolicy] == ["always", "everysec", "no"]
    assert FsyncPolicy("everysec") is FsyncPolicy.EVERYSEC


def deferring(filesystem, segment_bytes_max=1000):
    log = open_log(filesystem, segment_bytes_max)
    log.defer_seals()
    return log


def test_a_deferred_seal_syncs_nothing_on_the_appending_thread():
    filesystem = FaultyFileSystem()
    log = deferring(filesystem)
    sealed = 0
    for number in range(200):
        before = len(filesystem.calls)
        append(log, b"%d" % number)
        calls = filesystem.calls[before:]
        assert set(calls) == {"write"}
        sealed += len(calls) > 1
        if log.needs_sync:
            log.sync()
    assert sealed > 5
    assert len(log.segments) == sealed + 1
    log.close()
    assert read_values(filesystem) == [b"%d" % number for number in range(200)]
    assert all(name.endswith(".log") for name in segment_names(filesystem))


def test_nothing_behind_a_seal_is_durable_before_the_sealed_segment_is():
    filesystem = FaultyFileSystem()
    log = deferring(filesystem)
    while not log.needs_sync:
        append(log, b"x")
    log.sync()
    while not log.needs_sync:
        append(log, b"x")
    assert len(log.segments) == 2
    last_seq = append(log, b"behind")
    assert log.synced_seq < log.segments[-1].first_seq - 1

    filesystem.cut_power()

    log = open_log(filesystem)
    assert log.last_seq < last_seq
    assert [n for n in segment_names(filesystem) if not n.endswith(".log")] == []


def test_records_behind_a_seal_that_is_not_over_can_be_read_and_survive_a_kill():
    filesystem = FaultyFileSystem()
    log = deferring(filesystem)
    while len(log.segments) == 1:
        append(log, b"x")
        if log.needs_sync and len(log.segments) == 1:
            log.sync()
    append(log, b"behind")
    values = read_values(filesystem)
    assert values[-1] == b"behind"
    assert len(values) == log.last_seq

    filesystem.restart()

    log = open_log(filesystem)
    assert read_values(filesystem) == values
    assert len(log.segments) == 2


def test_without_syncs_a_segment_grows_on_where_seals_are_deferred():
    filesystem = FaultyFileSystem()
    log = deferring(filesystem, 500)

    for _ in range(100):
        append(log, b"x" * 20)

    assert len(log.segments) == 1
    assert log.needs_sync
    log.close()
    assert len(read_values(filesystem)) == 100


def test_one_thread_appends_and_seals_while_the_other_syncs_all_the_time(tmp_path):
    log = open_log(FileSystem(), 2000, folder=tmp_path)
    log.defer_seals()
    is_over = threading.Event()
    durable = []

    def sync():
        while not is_over.is_set():
            durable.append(log.sync())

    thread = threading.Thread(target=sync)
    thread.start()
    number = 0
    while number < 2000 or len(log.segments) < 5:
        number = append(log, b"%d" % (number + 1))
    is_over.set()
    thread.join()
    log.close()

    assert durable == sorted(durable)
    assert read_values(FileSystem(), folder=tmp_path)[-1] == b"%d" % number
    assert verify_log(tmp_path, filesystem=FileSystem()).damage == []
