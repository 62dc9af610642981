"""`replay backup --set-aside`: an old master's folder becomes a standby again."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.cli import main
from joblog.storage.copying import backup_log
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder, find_set_aside
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from joblog.storage.setting_aside import set_aside
from joblog.storage.verify import compute_digest, verify_log
from tests.replay.histories import START_MS, History, go_on
from tests.support.encrypted import make_key_file
from tests.support.servers import require_package

DISK = FileSystem()


class Crash(BaseException):
    """The process is gone."""


class CrashingDisk(FileSystem):
    """Crashes before the n-th call that changes something."""

    def __init__(self, calls):
        self.left = calls
        self.locks = []

    def flock(self, path):
        self.locks.append(super().flock(path))
        return self.locks[-1]

    def close(self, file):
        super().close(file)
        self.locks = [lock for lock in self.locks if lock != file]

    def let_go(self):
        """Give up the locks, as the end of a process does."""
        for lock in self.locks:
            os.close(lock)

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise Crash

    def mkdir(self, folder):
        self._count()
        super().mkdir(folder)

    def write(self, file, data):
        self._count()
        return super().write(file, data)

    def rename(self, source, target):
        self._count()
        super().rename(source, target)

    def link(self, source, target):
        self._count()
        super().link(source, target)

    def unlink(self, path):
        self._count()
        super().unlink(path)

    def truncate(self, file, size):
        self._count()
        super().truncate(file, size)


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def effects(folder):
    return [record.effects for record in read_records(folder, filesystem=DISK)]


def snapshot(folder):
    fold = recover(folder, DISK)
    paths = LogFolder(folder, DISK)
    save_snapshot(paths, DISK, fold.keyspace, fold.last_seq, 1)


@pytest.fixture
def beginning(tmp_path):
    """Return a data folder of several segments, with a snapshot."""
    history = History(tmp_path / "beginning", segment_bytes_max=2000)
    client = history.connect(b"web")
    history.run(client, *(f"SET key:{number} {number}" for number in range(80)))
    history.close()
    snapshot(history.folder)
    return history.folder


@pytest.fixture
def parted(beginning, tmp_path):
    """Return the folders of an old master and of the one that took over."""
    old = shutil.copytree(beginning, tmp_path / "old")
    new = shutil.copytree(beginning, tmp_path / "new")
    go_on(old, *(f"SET lost:{number} 1" for number in range(60)))
    go_on(new, *(f"SET kept:{number} 1" for number in range(90)))
    snapshot(old)
    snapshot(new)
    return old, new


def require_standby(old, new, before, digest):
    """Assert that one is the other's copy, and that its own history is whole."""
    assert effects(old) == effects(new)
    assert not verify_log(old, filesystem=DISK).damage
    log = Log.open(old, filesystem=DISK, now_ms=lambda: START_MS)
    log.close()
    (kept,) = find_set_aside(old, DISK)
    assert effects(kept) == before
    assert compute_digest(kept, len(before), filesystem=DISK) == digest
    recover(kept, DISK)
    recover(old, DISK)


def test_an_old_master_becomes_a_standby(parted):
    old, new = parted
    before = effects(old)
    digest = compute_digest(old, len(before), filesystem=DISK)
    refused = run("backup", new, old)
    assert refused.exit_code == 1

    done = run("backup", new, old, "--set-aside")

    assert done.exit_code == 0
    assert "it had records of its own" in done.output
    require_standby(old, new, before, digest)
    (kept,) = find_set_aside(old, DISK)
    assert str(kept) in run("info", old).output
    assert "SET lost:0 1" in run("log", kept).output
    assert "lost:59" in run("keys", kept).output
    told = json.loads(run("verify", old, "--against", kept, "--json").output)
    assert (told["against"]["parts_at"], told["against"]["there"]) == (
        82,
        "SET lost:0 1",
    )
    refused = run("redact", old, "--key", "key:1", "--why", "x", "--apply", "--delete")
    assert (refused.exit_code, len(find_set_aside(old, DISK))) == (1, 1)


def test_it_is_done_whatever_a_crash_leaves(parted, tmp_path):
    before = effects(parted[0])
    digest = compute_digest(parted[0], len(before), filesystem=DISK)
    for calls in range(200):
        old = shutil.copytree(parted[0], tmp_path / f"old-{calls}")
        disk = CrashingDisk(calls)
        try:
            set_aside(parted[1], old, filesystem=disk, now_ms=START_MS)
        except Crash:
            disk.let_go()
            # Nothing that was there is gone: here, or beside.
            folders = [old, *find_set_aside(old, DISK)]
            there = [record for folder in folders for record in read_or_none(folder)]
            assert all(record in there for record in before)
        set_aside(parted[1], old, filesystem=DISK, now_ms=START_MS)
        backup_log(parted[1], old, filesystem=DISK)
        require_standby(old, parted[1], before, digest)
        if disk.left > 0:
            return
        shutil.rmtree(old)
    raise AssertionError("it never came to an end")


def read_or_none(folder):
    try:
        return effects(folder)
    except StorageError:
        return []


def test_a_second_history_lies_beside_the_first(parted):
    old, new = parted
    run("backup", new, old, "--set-aside")
    go_on(old, "SET lost:again 1")
    go_on(new, "SET kept:again 1")

    assert run("backup", new, old, "--set-aside").exit_code == 0

    assert effects(old) == effects(new)
    assert len(find_set_aside(old, DISK)) == 2


def test_a_copy_has_nothing_to_set_aside(beginning, tmp_path):
    copy = tmp_path / "copy"
    assert run("backup", beginning, copy, "--set-aside").exit_code == 0
    go_on(beginning, *(f"SET more:{number} 1" for number in range(50)))

    assert run("backup", beginning, copy, "--set-aside").exit_code == 0

    assert effects(copy) == effects(beginning)
    assert find_set_aside(copy, DISK) == []


def test_a_log_of_one_segment_is_set_aside_whole(tmp_path):
    history = History(tmp_path / "old")
    history.run(history.connect(b"web"), "SET a 1")
    history.close()
    new = shutil.copytree(history.folder, tmp_path / "new")
    go_on(history.folder, "SET a 2", segment_bytes_max=1 << 20)
    go_on(new, "SET a 3", segment_bytes_max=1 << 20)
    before = effects(history.folder)
    digest = compute_digest(history.folder, len(before), filesystem=DISK)

    assert run("backup", new, history.folder, "--set-aside").exit_code == 0

    require_standby(history.folder, new, before, digest)


def test_another_log_is_refused(beginning, tmp_path):
    history = History(tmp_path / "other")
    history.run(history.connect(b"web"), "SET a 1")
    history.close()
    before = effects(history.folder)

    refused = run("backup", beginning, history.folder, "--set-aside")

    assert refused.exit_code == 1
    assert "holds another log" in refused.output
    assert effects(history.folder) == before


def test_a_folder_in_use_is_refused(parted):
    old, new = parted
    log = Log.open(old, filesystem=DISK, now_ms=lambda: START_MS)

    refused = run("backup", new, old, "--set-aside")
    log.close()

    assert refused.exit_code == 1
    assert "has this data folder open" in refused.output
    assert find_set_aside(old, DISK) == []


def test_a_new_key_reaches_what_was_set_aside(parted, tmp_path, monkeypatch):
    require_package("cryptography")
    old, new = parted
    key_file = make_key_file(tmp_path / "key", "1")
    monkeypatch.setenv("JOBLOG_KEY_FILE", str(key_file))
    for folder in (old, new):
        assert run("rekey", folder, "--encrypt").exit_code == 0
    assert run("backup", new, old, "--set-aside").exit_code == 0
    make_key_file(key_file, "2", "1")
    assert run("rekey", old).exit_code == 0
    make_key_file(key_file, "2")

    (kept,) = find_set_aside(old, DISK)

    assert "SET lost:0 1" in run("log", kept).output
    assert "SET kept:0 1" in run("log", old).output
