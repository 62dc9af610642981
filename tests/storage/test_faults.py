"""Every I/O call of a log's life fails in turn, in every way; what must never be lost.

The promises are those of docs/log-format.md. A run opens a log, fills three segments
and closes it. Whatever happens to whichever call, the next start finds a log that has
all that it must have, nothing that was refused, and that can be appended to.
"""

import errno
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from joblog.storage.errors import (
    ReadOnlyError,
    StorageError,
    SyncFailedError,
    WriteFailedError,
)
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.support.fakes import FakeClock, Fault, FaultyFileSystem, KilledError

FOLDER = Path("/data/joblog")
SEGMENT_BYTES_MAX = 330


@dataclass
class Run:
    """What one run was told by the log: the values of its records."""

    appended: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    unanswered: list[bytes] = field(default_factory=list)
    synced_count: int = 0
    error: BaseException | None = None


def new_disk():
    filesystem = FaultyFileSystem()
    filesystem.mkdir(Path("/data"))
    filesystem.sync_directory(Path("/"))
    return filesystem


def open_log(filesystem):
    return Log.open(
        FOLDER,
        filesystem=filesystem,
        now_ms=FakeClock(),
        segment_bytes_max=SEGMENT_BYTES_MAX,
    )


def drafts(values):
    return [(1, 0, [[b"SET", value]], 7) for value in values]


def run_log(filesystem, name, *, defers_seals=False):
    """Live a log's life until something ends it.

    With `defers_seals` the waiting at a seal is left to the syncs, as in the server.
    """
    run = Run()
    try:
        log = open_log(filesystem)
        if defers_seals:
            log.defer_seals()
        for number in range(9):
            values = [b"%s-%d-%d" % (name, number, place) for place in (0, 1)]
            run.unanswered = values
            try:
                log.append(drafts(values), log.last_seq)
                run.appended += values
            except WriteFailedError:
                run.refused += values
            run.unanswered = []
            if number % 2:
                log.sync()
                run.synced_count = len(run.appended)
        log.close()
        run.synced_count = len(run.appended)
    except (StorageError, KilledError) as error:
        run.error = error
    return run


def read_values(filesystem):
    return [
        record.effects[0][1] for record in read_records(FOLDER, filesystem=filesystem)
    ]


def require_recovery(filesystem, run, must_have):
    """Start again, and check what is there; then append, and check once more."""
    log = open_log(filesystem)
    found = read_values(filesystem)
    everything = run.appended + run.unanswered
    assert found == everything[: len(found)]
    assert len(found) >= must_have
    assert log.synced_seq == log.last_seq == len(found)

    for number in range(6):
        log.append(drafts([b"after-%d" % number]), log.last_seq)
        found.append(b"after-%d" % number)
    log.close()

    assert read_values(filesystem) == found
    report = verify_log(FOLDER, filesystem=filesystem)
    assert report.damage == []
    assert report.last_seq == len(found)
    assert filesystem.open_files == 0


def count_calls(name="", *, defers_seals=False):
    filesystem = new_disk()
    before = len(filesystem.calls)
    run = run_log(filesystem, b"count", defers_seals=defers_seals)
    assert run.error is None
    assert len(read_values(filesystem)) == 18
    calls = filesystem.calls[before:]
    return sum(1 for call in calls if name in {"", call})


CALLS = max(count_calls(), count_calls(defers_seals=True))
SEALS = pytest.mark.parametrize("defers_seals", [False, True], ids=["", "deferred"])
FAULTS = [
    pytest.param(errno.EIO, id="EIO"),
    pytest.param(errno.ENOSPC, id="ENOSPC"),
    pytest.param("short", id="short write"),
    pytest.param("torn", id="half a write, then EIO"),
    pytest.param("kill", id="killed before the call"),
    pytest.param("kill half", id="killed in the middle of the call"),
    pytest.param("kill after", id="killed after the call"),
]


@pytest.mark.slow
@SEALS
@pytest.mark.parametrize("effect", FAULTS)
def test_no_record_is_lost_when_one_call_fails_and_the_machine_stays_up(
    effect, defers_seals
):
    for number in range(CALLS):
        filesystem = new_disk()
        filesystem.fail(Fault(effect, skip=number))

        run = run_log(filesystem, b"a", defers_seals=defers_seals)
        filesystem.restart()

        require_recovery(filesystem, run, must_have=len(run.appended))


@pytest.mark.slow
@SEALS
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("effect", FAULTS)
def test_no_synced_record_is_lost_when_the_power_fails_at_one_call(
    effect, seed, defers_seals
):
    for number in range(CALLS):
        filesystem = new_disk()
        filesystem.fail(Fault(effect, skip=number))

        run = run_log(filesystem, b"a", defers_seals=defers_seals)
        filesystem.cut_power(None if seed is None else Random(seed * 1000 + number))

        require_recovery(filesystem, run, must_have=run.synced_count)


@pytest.mark.slow
@pytest.mark.parametrize("effect", FAULTS)
def test_recovery_can_be_interrupted_at_each_call_and_done_again(effect):
    first = new_disk()
    run_log(first, b"a")
    calls = len(first.calls)
    open_log(first)
    recovery_calls = len(first.calls) - calls
    for number in range(recovery_calls + 8):
        filesystem = new_disk()
        run = run_log(filesystem, b"a")
        # A torn tail, so that the repair is interrupted too.
        last = FOLDER / "log" / max(filesystem.listdir(FOLDER / "log"))
        filesystem.write_file(last, filesystem.read_file(last) + b"torn" * 9)
        filesystem.fail(Fault(effect, skip=number))
        try:
            open_log(filesystem)
        except (StorageError, KilledError):
            filesystem.cut_power(Random(number))
        filesystem.restart()

        require_recovery(filesystem, run, must_have=18)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, "torn", errno.EROFS])
def test_a_refused_append_may_be_tried_again_and_is_there_once(error):
    filesystem = new_disk()
    log = open_log(filesystem)
    log.append(drafts([b"1"]), 0)
    filesystem.fail(Fault(error, "write", times=3))
    for _ in range(3):
        with pytest.raises(WriteFailedError, match="cannot append"):
            log.append(drafts([b"2", b"3"]), 1)
        assert log.last_seq == 1

    assert log.append(drafts([b"2", b"3"]), 1) == 3
    log.close()

    assert read_values(filesystem) == [b"1", b"2", b"3"]
    assert verify_log(FOLDER, filesystem=filesystem).digest_hex == log.digest_hex


class EagerDisk(FaultyFileSystem):
    """A disk that writes back at once, so that only what is undone needs a sync."""

    def write(self, file, data):
        try:
            return super().write(file, data)
        finally:
            inode = self._at(file)
            inode.durable = bytes(inode.data)


def test_a_refused_append_does_not_come_back_after_a_power_cut():
    filesystem = EagerDisk()
    filesystem.mkdir(Path("/data"))
    filesystem.sync_directory(Path("/"))
    log = open_log(filesystem)
    log.append(drafts([b"1"]), 0)
    log.sync()
    filesystem.fail(Fault("torn", "write"))
    with pytest.raises(WriteFailedError):
        log.append(drafts([b"2", b"3", b"4"]), 1)

    filesystem.cut_power()
    open_log(filesystem)

    assert read_values(filesystem) == [b"1"]


def test_what_a_start_found_is_durable_from_then_on():
    filesystem = new_disk()
    log = open_log(filesystem)
    log.append(drafts([b"1", b"2"]), 0)
    filesystem.restart()

    log = open_log(filesystem)
    assert log.synced_seq == 2
    filesystem.cut_power()

    assert read_values(filesystem) == [b"1", b"2"]


def test_nothing_is_appended_while_a_failed_write_cannot_be_cut_off():
    filesystem = new_disk()
    log = open_log(filesystem)
    filesystem.fail(Fault("torn", "write"))
    filesystem.fail(Fault(errno.EIO, "truncate", times=2))
    for text in ("cannot append", "refuses to cut"):
        with pytest.raises(WriteFailedError, match=text):
            log.append(drafts([b"1"]), 0)

    assert log.append(drafts([b"1"]), 0) == 1
    log.close()

    assert read_values(filesystem) == [b"1"]


def test_a_failed_sync_ends_the_log_and_is_never_tried_again():
    filesystem = new_disk()
    log = open_log(filesystem)
    log.append(drafts([b"1"]), 0)
    filesystem.fail(Fault(errno.EIO, "fdatasync"))
    with pytest.raises(SyncFailedError, match="fdatasync failed"):
        log.sync()
    syncs = filesystem.calls.count("fdatasync")

    with pytest.raises(SyncFailedError, match="takes nothing more"):
        log.append(drafts([b"2"]), 1)
    with pytest.raises(SyncFailedError, match="takes nothing more"):
        log.sync()
    with pytest.raises(SyncFailedError, match="takes nothing more"):
        log.close()

    assert log.synced_seq == 0
    assert filesystem.calls.count("fdatasync") == syncs
    assert filesystem.open_files == 0


def test_a_log_that_failed_right_after_a_seal_leaves_no_file_open():
    filesystem = new_disk()
    log = open_log(filesystem)
    while len(log.segments) == 1:
        log.append(drafts([b"x"]), log.last_seq)
    log._failure = "the disk is gone"

    with pytest.raises(SyncFailedError, match="the disk is gone"):
        log.close()

    assert filesystem.open_files == 0


def test_a_failed_close_is_an_error_and_gives_the_lock_back():
    filesystem = new_disk()
    log = open_log(filesystem)
    filesystem.fail(Fault(errno.EIO, "close"))

    with pytest.raises(StorageError, match="close failed"):
        log.close()

    filesystem.restart()
    open_log(filesystem).close()


@pytest.mark.parametrize("call", ["create", "write"])
def test_a_seal_that_fails_is_put_off_and_costs_no_record(call, caplog):
    filesystem = new_disk()
    log = open_log(filesystem)
    # The write after the next is the new segment's header, the third is the footer.
    skip = {"create": 0, "write": 2}[call]
    filesystem.fail(Fault(errno.ENOSPC, call, skip=skip))

    for number in range(1, 40):
        log.append(drafts([b"%d" % number, b"x" * 200]), log.last_seq)

    assert "cannot begin the next segment" in caplog.text
    assert len(log.segments) == 1
    assert [n for n in filesystem.listdir(FOLDER / "log") if n.endswith(".new")] == []
    log.close()
    assert len(read_values(filesystem)) == 78
    assert verify_log(FOLDER, filesystem=filesystem).is_sound


@pytest.mark.parametrize("call", ["fsync", "rename", "sync_directory"])
def test_a_seal_that_cannot_be_made_durable_ends_the_log(call):
    filesystem = new_disk()
    log = open_log(filesystem)
    log.defer_seals()
    while len(log.segments) == 1:
        log.append(drafts([b"x"]), log.last_seq)
        if log.needs_sync and len(log.segments) == 1:
            log.sync()
    synced_seq, count = log.synced_seq, log.last_seq
    filesystem.fail(Fault(errno.EIO, call))

    with pytest.raises(SyncFailedError):
        log.sync()
    with pytest.raises(SyncFailedError, match="takes nothing more"):
        log.append(drafts([b"y"]), log.last_seq)
    with pytest.raises(SyncFailedError, match="takes nothing more"):
        log.sync()

    assert log.synced_seq == synced_seq
    filesystem.restart()
    log = open_log(filesystem)
    assert log.last_seq == count
    assert read_values(filesystem) == [b"x"] * count


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["create", "write"])
def test_a_deferred_seal_that_finds_no_room_is_put_off(error, call, caplog):
    filesystem = new_disk()
    log = open_log(filesystem)
    log.defer_seals()
    appended = 0
    while not log.needs_sync:
        log.append(drafts([b"x"]), log.last_seq)
    if call == "create":
        filesystem.fail(Fault(error, call))
        log.sync()
        assert "cannot begin the next segment" in caplog.text
    else:
        log.sync()
        while log._open.size < SEGMENT_BYTES_MAX - 60:
            log.append(drafts([b"x"]), log.last_seq)
        filesystem.fail(Fault(error, call, skip=1))
        log.append(drafts([b"x" * 60]), log.last_seq)
    log.append(drafts([b"y" * 1_100_000]), log.last_seq)
    for _ in range(6):
        log.append(drafts([b"x" * 200]), log.last_seq)
        log.sync()
    assert len(log.segments) > 1
    appended = log.last_seq
    log.close()

    assert len(read_values(filesystem)) == appended
    assert verify_log(FOLDER, filesystem=filesystem).is_sound


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_read_only(error):
    filesystem = new_disk()
    open_log(filesystem).close()
    filesystem.fail(Fault(error, "open_to_append"))

    with pytest.raises(ReadOnlyError, match="read-only for this process"):
        open_log(filesystem)
