"""A redaction that dies at any call of the file system can be finished."""

from __future__ import annotations

import os
import shutil
from functools import partial

import pytest

from joblog.actors.service.start_lines import unsafe_settings
from joblog.app.config import Config
from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.redacting.running import Run, begin
from joblog.replay.redacting.selection import Selection
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.replay.redacting.redactions import (
    FILESYSTEM,
    digests,
    files_with,
    run,
    verify,
)


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class DyingFileSystem(FileSystem):
    """A file system that a process uses so often, and then it is killed."""

    def __init__(self, calls):
        self.left = calls

    def _is_alive(self):
        if self.left == 0:
            self.left = -1
            raise Killed
        self.left = max(self.left - 1, -1)
        return self.left >= 0


def _dying(name, dead):
    def call(self, *arguments):
        if not self._is_alive():
            return dead(*arguments)
        return getattr(FileSystem, name)(self, *arguments)

    return call


for _name, _dead in {
    "create": lambda _: os.open(os.devnull, os.O_WRONLY),
    "write": lambda _, data: len(data),
    "truncate": lambda *_: None,
    "fsync": lambda *_: None,
    "fdatasync": lambda *_: None,
    "rename": lambda *_: None,
    "unlink": lambda *_: None,
    "sync_directory": lambda *_: None,
}.items():
    setattr(DyingFileSystem, _name, _dying(_name, _dead))


@pytest.fixture
def source(tmp_path):
    history = History(tmp_path / "source", segment_bytes_max=900)
    client = history.connect(b"web")
    for number in range(12):
        history.run(client, f"SET page text{number}")
        if number % 4 == 1:
            history.run(client, f"SET gone secret-{number:04d}")
    history.close()
    paths = LogFolder(history.folder, FILESYSTEM)
    keyspace = recover(history.folder, FILESYSTEM, until_seq=8).keyspace
    save_snapshot(paths, FILESYSTEM, keyspace, 8, 1)
    return history.folder


def test_at_every_call(source, tmp_path):
    folder = tmp_path / "data"
    last_seq = verify(source).last_seq
    before = digests(source, last_seq)
    calls, is_over, resumed = 0, False, 0
    while not is_over:
        shutil.copytree(source, folder)
        is_over = _die_after(folder, calls)
        verify(folder)
        recover(folder, FILESYSTEM)
        if not is_over:
            resumed += _finish(folder)
        assert files_with(folder, b"secret-") == [], calls
        assert list(folder.rglob("*redact*")) == []
        assert digests(folder, last_seq) == before
        assert verify(folder).undone == []
        values = recover(folder, FILESYSTEM).keyspace.databases[0].values
        assert list(values) == [b"page"]
        shutil.rmtree(folder)
        calls += 1
    assert resumed > 30


def _wanted():
    return begin(Selection((b"gone",)), "ada", "ticket 812", ())


def _die_after(folder, calls):
    """Redact until so many calls were made; tell whether it ended before."""
    filesystem = DyingFileSystem(calls)
    try:
        started = Run(folder, filesystem)
    except Killed:
        return False
    try:
        started.run(_wanted(), may_delete=True)
        is_over = filesystem.left > 0
    except Killed:
        is_over = False
    _bury(started)
    return is_over


def _bury(started):
    """Let a killed process give back its lock, and nothing more."""
    started._filesystem.left = -1
    started._log._lock.release()


def _finish(folder):
    """Run once more; tell whether there was something to go on with."""
    is_pending = (folder / "redaction.pending").exists()
    outcome = run(folder, None if is_pending else _wanted(), may_delete=True)
    if not is_pending and not outcome.seq:
        # It was over but for the removal of a name that was gone already.
        assert files_with(folder, b"secret-") == []
    return is_pending


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.95])
def test_a_server_may_run_in_between(source, tmp_path, share):
    shutil.copytree(source, tmp_path / "counted")
    counted = DyingFileSystem(10_000)
    started = Run(tmp_path / "counted", counted)
    started.run(_wanted(), may_delete=True)
    filesystem = DyingFileSystem(int((10_000 - counted.left) * share))
    started.close()
    started = Run(source, filesystem)
    with pytest.raises(Killed):
        started.run(_wanted(), may_delete=True)
    _bury(started)
    config = Config({"dir": str(source)})
    assert any("redaction was interrupted" in line for line in unsafe_settings(config))
    history = History(source, segment_bytes_max=900)
    history.run(history.connect(), *(f"SET page later-{n}" for n in range(20)))
    history.close()

    run(source, None, may_delete=True)

    assert files_with(source, b"secret-") == []
    values = recover(source, FILESYSTEM).keyspace.databases[0].values
    assert values == {b"page": b"later-19"}
    assert dataset_digest(recover(source, FILESYSTEM).keyspace)


def test_what_clients_write_in_between_is_theirs(source):
    """The record is there, a client writes the same key, a snapshot is made of that."""
    filesystem = DyingFileSystem(10_000)
    filesystem.rename = partial(_rename_unless_staged, filesystem)
    started = Run(source, filesystem)
    with pytest.raises(Killed):
        started.run(_wanted(), may_delete=True)
    _bury(started)
    history = History(source, segment_bytes_max=900)
    history.run(history.connect(), "SET gone anew", "SET page x")
    history.close()
    paths = LogFolder(source, FILESYSTEM)
    last_seq = verify(source).last_seq
    keyspace = recover(source, FILESYSTEM).keyspace
    save_snapshot(paths, FILESYSTEM, keyspace, last_seq, 1)

    run(source, None)

    values = recover(source, FILESYSTEM).keyspace.databases[0].values
    assert values == {b"page": b"x", b"gone": b"anew"}
    assert files_with(source, b"secret-") == []


def _rename_unless_staged(filesystem, source, target):
    """Die when the first segment is to take its place."""
    if source.name.endswith(".log.redacted-new"):
        raise Killed
    FileSystem.rename(filesystem, source, target)


class RecordingFileSystem(FileSystem):
    """Notes which names were made durable, and what stood staged at each write."""

    def __init__(self):
        self.unsynced = set()
        self.staged_unsynced = []

    def create(self, path):
        if "redacted-new" in path.name:
            self.unsynced.add(path.parent)
        return super().create(path)

    def sync_directory(self, folder):
        self.unsynced.discard(folder)
        super().sync_directory(folder)

    def fdatasync(self, file):
        self.staged_unsynced.append(set(self.unsynced))
        super().fdatasync(file)


def test_the_record_is_durable_behind_all_that_is_staged(source):
    filesystem = RecordingFileSystem()
    started = Run(source, filesystem)
    started.run(_wanted(), may_delete=True)
    started.close()

    assert filesystem.staged_unsynced[-2:] == [set(), set()]


def test_a_snapshot_alone_is_redacted_too(source):
    """The records are pruned, and an old snapshot has the key still."""
    history = History(source, segment_bytes_max=900)
    client = history.connect()
    history.write((history.clock.at_ms, 0, [[b"DEL", b"gone"]], client.id))
    history.run(client, *(f"SET page {n:0100}" for n in range(12)))
    history.close()
    paths = LogFolder(source, FILESYSTEM)
    segments = paths.find_segments()
    kept = segments[-2]
    keyspace = recover(source, FILESYSTEM, until_seq=kept - 1).keyspace
    save_snapshot(paths, FILESYSTEM, keyspace, kept - 1, 1)
    for seq in segments:
        if seq < kept:
            paths.segment_path(seq).unlink()
    assert files_with(source, b"secret-")

    outcome = run(source, _wanted())

    assert (outcome.records, outcome.segments) == (0, 0)
    assert files_with(source, b"secret-") == []
