"""A log that takes another's frames and seals is the same bytes, whatever fails."""

import errno
from pathlib import Path
from random import Random

import pytest

from joblog.storage.copying import backup_log
from joblog.storage.errors import (
    ForeignFramesError,
    PrunedError,
    StorageError,
    WriteFailedError,
)
from joblog.storage.folder import LogFolder, read_segment_info
from joblog.storage.giving import Frames, LogBytes, Seal, find_place
from joblog.storage.opening import finish
from joblog.storage.taking import TakingLog
from joblog.storage.verify import verify_log
from tests.storage.logs import FOLDER, append, open_log, read_values
from tests.support.fakes import Fault, FaultyFileSystem, KilledError

COPY = Path("/copy")
EFFECTS = [
    *(errno.EIO, errno.ENOSPC, "short", "torn"),
    *("kill", "kill half", "kill after"),
]


def place_of(disk, log, digest=None):
    """Return where the other log has what a log ends with."""
    place = log.open_first_seq, log.last_seq, digest or log.place.digest
    return finish(find_place(FOLDER, disk, *place))


class Given:
    """A log that grows, and another one that takes what it has."""

    def __init__(self, segment_bytes_max=400, *, defers_seals=False):
        self.disk = FaultyFileSystem()
        self.log = open_log(self.disk, segment_bytes_max)
        self.written = []
        self.defers_seals = defers_seals
        self.write(1)
        backup_log(FOLDER, COPY, filesystem=self.disk)
        self.start()

    def start(self):
        self.taker = TakingLog.open(COPY, filesystem=self.disk, now_ms=lambda: 1)
        if self.defers_seals:
            self.taker.defer_seals()
        taker = self.taker
        self.source = place_of(self.disk, taker)

    def write(self, count):
        for _ in range(count):
            value = b"%04d" % len(self.written) + b"v" * 20
            append(self.log, value)
            self.log.sync()
            self.written.append(value)

    def step(self):
        """Take all that there is, and make it durable."""
        while (piece := self.source.read(self.log.synced_seq)) is not None:
            if isinstance(piece, Seal):
                self.taker.take_seal(*piece)
                continue
            rest = self.taker.take(piece.data)
            while rest:
                self.taker.sync()
                rest = self.taker.take(rest)
        self.taker.sync()

    def require_same(self):
        """Assert that the segments of both are the same bytes."""
        source, copy = (LogFolder(path, self.disk) for path in (FOLDER, COPY))
        assert source.find_segments() == copy.find_segments()
        for first_seq in source.find_segments():
            assert self.disk.read_file(
                source.segment_path(first_seq)
            ) == self.disk.read_file(copy.segment_path(first_seq))


@pytest.mark.parametrize("defers_seals", [False, True], ids=["", "deferred"])
def test_a_log_that_takes_anothers_frames_and_seals_is_the_same_bytes(defers_seals):
    given = Given(defers_seals=defers_seals)
    for count in (0, 1, 30, 2, 17):
        given.write(count)

        given.step()

        assert given.taker.synced_seq == given.taker.last_seq == len(given.written)
        assert given.taker.digest_hex == given.log.digest_hex
        given.require_same()
    assert len(given.taker.segments) > 3
    given.taker.close()
    assert verify_log(COPY, filesystem=given.disk).is_sound


def test_no_frame_is_written_before_what_it_says_is_durable_is_so_here():
    given = Given(1 << 20)
    given.write(3)  # each synced before the next
    piece = given.source.read(given.log.synced_seq)

    rest = given.taker.take(piece.data)

    assert 0 < len(rest) < len(piece.data)
    assert given.taker.take(rest) == rest
    assert given.taker.last_seq == 2
    given.taker.sync()
    assert len(given.taker.take(rest)) < len(rest)
    assert given.taker.last_seq == 3


def test_only_what_is_durable_there_is_given():
    given = Given(1 << 20)
    append(given.log, b"a")
    append(given.log, b"b")

    assert given.source.read(given.log.synced_seq) is None
    assert given.source.read(2).last_seq == 2
    assert given.source.read(2) is None
    assert given.source.read(3).last_seq == 3


def test_a_log_that_took_and_opens_again_goes_on():
    given = Given()
    given.write(20)
    given.step()
    given.taker.close()
    given.write(20)

    given.start()
    given.step()

    given.require_same()


def other(value):
    disk = FaultyFileSystem()
    log = open_log(disk)
    append(log, value)
    append(log, value)
    log.sync()
    source = LogBytes(FOLDER, disk, 1)
    source.read(1)
    return source.read(2).data


FOREIGN = [
    pytest.param(lambda data: b"no frames at all", id="no frames"),
    pytest.param(lambda data: data[:-1], id="cut short"),
    pytest.param(lambda data: data[:-1] + b"\0", id="damaged"),
    pytest.param(lambda data: data + data, id="twice the same number"),
    pytest.param(lambda data: other(b"x"), id="of another log"),
]


@pytest.mark.parametrize("spoil", FOREIGN)
def test_what_does_not_go_on_from_this_log_changes_nothing(spoil):
    given = Given(1 << 20)
    append(given.log, b"a")
    given.log.sync()
    data = given.source.read(2).data
    before = given.disk.read_file(LogFolder(COPY, given.disk).segment_path(1))

    with pytest.raises(ForeignFramesError):
        given.taker.take(spoil(data))

    after = given.disk.read_file(LogFolder(COPY, given.disk).segment_path(1))
    assert (given.taker.last_seq, after) == (1, before)
    assert given.taker.take(data) == b""
    given.taker.sync()
    given.require_same()


def test_a_seal_of_another_history_changes_nothing():
    given = Given()
    given.write(30)
    while isinstance(piece := given.source.read(given.log.synced_seq), Frames):
        rest = piece.data
        while rest:
            given.taker.sync()
            rest = given.taker.take(rest)
    footer, header = piece
    for spoiled in (
        (footer[:-1] + b"?", header),
        (footer, header[:-1] + b"?"),
        (b"", header),
        (footer, b""),
    ):
        with pytest.raises(ForeignFramesError):
            given.taker.take_seal(*spoiled)

    given.taker.take_seal(footer, header)
    given.step()
    given.require_same()


def test_a_segment_that_is_gone_is_told_of():
    given = Given()
    given.write(30)
    folder = LogFolder(FOLDER, given.disk)
    for first_seq in folder.find_segments()[:2]:
        given.disk.unlink(folder.segment_path(first_seq))

    with pytest.raises(PrunedError):
        LogBytes(FOLDER, given.disk, 1)
    assert place_of(given.disk, given.taker) is None


def about_to_take(*, defers_seals):
    given = Given(300, defers_seals=defers_seals)
    given.write(7)
    return given


def count_calls(begin, run):
    one = begin()
    before = len(one.disk.calls)
    run(one)
    return len(one.disk.calls) - before


def fail_each_call(effect, seed, begin, run):
    """Yield each run of which one call failed, after a restart or a power cut."""
    for number in range(count_calls(begin, run)):
        one = begin()
        one.disk.fail(Fault(effect, skip=number))
        try:
            run(one)
            has_failed = False
        except (StorageError, KilledError, OSError):
            has_failed = True
        if seed is None:
            one.disk.restart()
        else:
            one.disk.cut_power(Random(seed * 1000 + number))
        yield one, has_failed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "defers_seals"),
    [pytest.param(None, True, id="restart"), pytest.param(1, False, id="power cut")],
)
@pytest.mark.parametrize("effect", EFFECTS)
def test_whatever_call_fails_what_was_durable_stays_and_the_rest_is_taken_again(
    effect, seed, defers_seals
):
    def begin():
        return about_to_take(defers_seals=defers_seals)

    for given, _ in fail_each_call(effect, seed, begin, Given.step):
        durable = given.taker.synced_seq
        values = read_values(given.disk, folder=COPY)
        assert len(values) >= durable
        assert values == given.written[: len(values)]

        given.start()
        given.step()

        given.require_same()
    assert len(given.taker.segments) > 2


def raise_epoch(disk):
    log = TakingLog.open(FOLDER, filesystem=disk, now_ms=lambda: 1)
    append(log, b"before")
    log.raise_epoch()
    return log


def test_a_log_that_changes_hands_goes_on_in_a_segment_of_the_next_term():
    disk = FaultyFileSystem()

    log = raise_epoch(disk)
    append(log, b"after")

    assert log.epoch == 2
    log.close()
    log = raise_epoch(disk)
    assert log.epoch == 3
    log.close()
    folder = LogFolder(FOLDER, disk)
    infos = [
        read_segment_info(disk, folder.segment_path(seq))
        for seq in folder.find_segments()
    ]
    assert [info.header.epoch for info in infos] == [1, 2, 3]
    assert read_values(disk) == [b"before", b"after", b"before"]
    assert verify_log(FOLDER, filesystem=disk).is_sound


class Handed:
    """A log with a record, before it changes hands."""

    def __init__(self):
        self.disk = FaultyFileSystem()
        self.start()
        self.log.defer_seals()
        append(self.log, b"before")
        self.log.sync()
        self.is_raised = False

    def start(self):
        self.log = TakingLog.open(FOLDER, filesystem=self.disk, now_ms=lambda: 1)

    def change_hands(self):
        self.log.raise_epoch()
        self.is_raised = True
        append(self.log, b"after")
        self.log.sync()


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("effect", EFFECTS)
def test_a_change_of_hands_can_be_broken_off_at_each_call_and_done_again(effect, seed):
    for handed, has_failed in fail_each_call(effect, seed, Handed, Handed.change_hands):
        handed.start()

        values = read_values(handed.disk)
        assert values in ([b"before"], [b"before", b"after"])
        assert has_failed or len(values) == 2
        assert handed.log.epoch == 2 or not handed.is_raised
        if handed.log.epoch == 1:
            handed.log.raise_epoch()
        append(handed.log, b"again")
        handed.log.close()
        assert handed.log.epoch == 2
        assert verify_log(FOLDER, filesystem=handed.disk).is_sound


def test_a_change_of_hands_that_the_disk_refuses_may_be_tried_again():
    disk = FaultyFileSystem()
    log = TakingLog.open(FOLDER, filesystem=disk, now_ms=lambda: 1)
    append(log, b"before")
    disk.fail(Fault(errno.ENOSPC, "write"))
    with pytest.raises(WriteFailedError):
        log.raise_epoch()
    append(log, b"between")

    log.raise_epoch()

    append(log, b"after")
    log.close()
    assert log.epoch == 2
    assert read_values(disk) == [b"before", b"between", b"after"]
    assert verify_log(FOLDER, filesystem=disk).is_sound
