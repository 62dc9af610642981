"""A copy that is made while the log is sealed and pruned is whole, or refused."""

import itertools
from pathlib import Path

import pytest

from joblog.storage.copying import backup_log
from joblog.storage.errors import PrunedError
from tests.storage.logs import (
    FOLDER,
    LOG_FOLDER,
    BusyFileSystem,
    make_sealing_log,
    read_all,
    seal_another,
    segment_names,
)

TARGET = Path("/backup")


def finish(_, log):
    log.sync()


def finish_and_seal_another(_, log):
    log.sync()
    seal_another(log)


def prune(disk, _):
    for name in [name for name in segment_names(disk) if name.endswith(".log")][:2]:
        disk.unlink(LOG_FOLDER / name)


@pytest.mark.parametrize("event", [finish, finish_and_seal_another, prune])
def test_backup_of_a_log_under_change_is_whole_or_refused(event):
    outcomes = set()
    for look in itertools.count(1):
        disk = BusyFileSystem()
        log = make_sealing_log(disk)
        for _ in range(2):
            finish_and_seal_another(disk, log)
        last_seq = log.last_seq
        disk.happens = lambda disk=disk, log=log: event(disk, log)
        disk.looks_left = look
        try:
            assert backup_log(FOLDER, TARGET, filesystem=disk).last_seq >= last_seq
            seqs = [record.seq for record in read_all(disk, folder=TARGET)]
            assert seqs[:last_seq] == list(range(1, last_seq + 1))
            outcomes.add("whole")
        except PrunedError:
            outcomes.add("refused")
        if disk.looks_left > 0:
            break

    assert outcomes == ({"whole", "refused"} if event is prune else {"whole"})
    assert look > 10
