"""A log finds where another parts from it, goes back there, and keeps what it had."""

from pathlib import Path
from random import Random

import pytest

from joblog.storage.comparing import Comparison
from joblog.storage.copying import backup_log
from joblog.storage.cutting import Cutter
from joblog.storage.errors import BusyError, StorageError
from joblog.storage.folder import LogFolder, find_set_aside
from joblog.storage.giving import LogBytes, Seal
from joblog.storage.parting import PARTING_NAME, Parting
from joblog.storage.reader import read_records
from joblog.storage.taking import TakingLog
from joblog.storage.verify import verify_log
from tests.storage.logs import FOLDER, append, open_log
from tests.support.fakes import Fault, FaultyFileSystem, KilledError

OLD = Path("/old")
SEGMENT_BYTES = 400


def values(folder, disk):
    records = read_records(folder, filesystem=disk)
    return [record.effects[0][2] for record in records if record.effects]


def write(log, words):
    for word in words:
        append(log, word)
        log.sync()


class Parted:
    """Two logs with one beginning: what took over, and an old master's."""

    def __init__(self, common=7, more=9, other=11, segment_bytes_max=SEGMENT_BYTES):
        self.disk = FaultyFileSystem()
        log = open_log(self.disk, segment_bytes_max)
        self.common = [b"common %04d" % number for number in range(common)]
        write(log, self.common)
        log.close()
        backup_log(FOLDER, OLD, filesystem=self.disk)
        self.new = TakingLog.open(
            FOLDER,
            filesystem=self.disk,
            now_ms=lambda: 2,
            segment_bytes_max=segment_bytes_max,
        )
        self.others = [b"new %04d" % number for number in range(other)]
        write(self.new, self.others[:1])
        self.new.begin_taking()
        self.new.end_taking({"kind": "replication"})
        write(self.new, self.others[1:])
        old = self.open_old()
        self.tail = [b"old %04d" % number for number in range(more)]
        write(old, self.tail)
        old.close()

    def open_old(self):
        return TakingLog.open(
            OLD,
            filesystem=self.disk,
            now_ms=lambda: 3,
            segment_bytes_max=SEGMENT_BYTES,
        )

    def find(self, old, piece_bytes=100_000):
        """Find where the two part, as a link does; return that and what comes then."""
        for first_seq, digest in old.find_begins():
            try:
                source = LogBytes(FOLDER, self.disk, first_seq)
            except (StorageError, OSError):
                continue
            found = source.go_to(first_seq)
            try:
                next(found)
            except StopIteration as ended:
                if ended.value == digest:
                    break
            source.close()
        comparison = Comparison(OLD, self.disk, first_seq)
        cutter = Cutter(comparison.header, first_seq - 1, 0)
        cuts = []
        while (piece := source.read(self.new.synced_seq)) is not None:
            data = b"".join(piece) if isinstance(piece, Seal) else piece.data
            for at in range(0, len(data), piece_bytes):
                cuts = cutter.feed(data[at : at + piece_bytes])
                parted = comparison.take(cuts) if cuts else None
                if parted is not None:
                    rest = data[at + piece_bytes :]
                    return parted.parting, parted.cuts + cutter.feed(rest), source
        return None, [], source

    def take(self, old, cuts, source):
        """Have the old log take what the new one has."""
        while cuts:
            for cut in cuts:
                if isinstance(cut, Seal):
                    old.take_seal(*cut)
                    continue
                rest = old.take(cut.data)
                while rest:
                    old.sync()
                    rest = old.take(rest)
            piece = source.read(self.new.synced_seq)
            cuts = [] if piece is None else [piece]
        old.sync()


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 100_000])
@pytest.mark.parametrize("common", [1, 5, 6, 7, 8, 12, 13])
def test_a_log_goes_back_to_where_it_parts_and_becomes_the_other(common, piece_bytes):
    both = Parted(common)
    old = both.open_old()

    parting, cuts, source = both.find(old, piece_bytes)
    kept = old.go_back(parting)
    both.take(old, cuts, source)

    assert parting.last_seq == common
    assert old.digest_hex == both.new.digest_hex
    assert values(OLD, both.disk) == both.common + both.others
    assert values(kept, both.disk) == both.common + both.tail
    assert verify_log(OLD, filesystem=both.disk).is_sound
    assert verify_log(kept, filesystem=both.disk).is_sound
    append(old, b"goes on")
    old.close()
    assert values(OLD, both.disk)[-1] == b"goes on"


def test_nothing_is_set_aside_where_nothing_stands_behind():
    both = Parted(more=0)
    old = both.open_old()

    parting, _, _ = both.find(old)

    assert parting.last_seq == old.last_seq
    assert old.go_back(parting) is None
    assert find_set_aside(OLD, both.disk) == []


def test_going_back_waits_for_a_snapshot():
    both = Parted()
    old = both.open_old()
    folder = LogFolder(OLD, both.disk)
    folder.make_snapshots()
    lock = both.disk.flock(folder.snapshot_lock_path)
    parting, _, _ = both.find(old)

    with pytest.raises(BusyError):
        old.go_back(parting)
    both.disk.close(lock)

    assert old.last_seq == len(both.common + both.tail)
    assert old.go_back(parting) is not None


def test_a_promotion_whose_note_fills_the_segment_begins_the_next_term():
    for common in range(1, 9):
        both = Parted(common)

        assert both.new.epoch == 2
        both.new.close()
        assert verify_log(FOLDER, filesystem=both.disk).is_sound


def test_each_history_that_a_log_had_is_kept():
    """Also where two of them part at the same record."""
    both = Parted(common=6)
    old = both.open_old()
    parting, _, _ = both.find(old)
    first = old.go_back(parting)
    write(old, [b"another %04d" % number for number in range(9)])

    second = old.go_back(parting)

    assert find_set_aside(OLD, both.disk) == sorted([first, second])
    assert values(first, both.disk) == both.common + both.tail
    assert values(second, both.disk)[-1] == b"another 0008"


def _count_calls():
    """Return how many calls of the disk it takes to go back."""
    both = Parted()
    old = both.open_old()
    parting, _, _ = both.find(old)
    before = len(both.disk.calls)
    old.go_back(parting)
    return len(both.disk.calls) - before


@pytest.mark.parametrize("is_powerless", [False, True], ids=["killed", "power cut"])
@pytest.mark.parametrize("effect", ["kill", "kill after"])
def test_what_a_crash_leaves_half_way_back_the_next_start_finishes(
    effect, is_powerless
):
    """Nothing is written to it before, so what is there is in one history or both."""
    crashes = 0
    for skip in range(_count_calls()):
        both = Parted()
        disk, whole = both.disk, both.common + both.tail
        old = both.open_old()
        parting, _, source = both.find(old)
        source.close()
        disk.fail(Fault(effect, skip=skip))
        try:
            old.go_back(parting)
        except KilledError:
            disk.cut_power(Random(skip)) if is_powerless else disk.restart()
        else:
            continue  # a call that nothing comes behind
        crashes += 1

        old = both.open_old()

        assert PARTING_NAME not in disk.listdir(OLD)
        if old.last_seq == parting.last_seq:
            assert values(find_set_aside(OLD, disk)[0], disk) == whole
        else:
            assert values(OLD, disk) == whole
        parting, cuts, source = both.find(old)
        old.go_back(parting)
        both.take(old, cuts, source)
        assert values(OLD, disk) == both.common + both.others
        (kept,) = find_set_aside(OLD, disk)
        assert values(kept, disk) == whole
        old.close()
    assert crashes > 20


def test_where_the_place_cannot_be_read_the_log_is_not_opened():
    both = Parted()
    both.open_old().close()
    both.disk.write_file(OLD / PARTING_NAME, b"")

    with pytest.raises(StorageError, match="up to where the log is to be kept"):
        both.open_old()


def test_a_place_behind_the_end_is_refused():
    both = Parted()
    old = both.open_old()

    with pytest.raises(StorageError, match="it ends before byte"):
        old.go_back(Parting(1, 1 << 20, 1))
