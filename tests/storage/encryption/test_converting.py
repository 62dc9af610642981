"""A folder is encrypted where it lies, and decrypted, whatever comes between."""

from __future__ import annotations

import shutil

import pytest

from joblog.storage.encrypted import ENCRYPTED_MAGIC
from joblog.storage.encryption.converting import ASIDE_SUFFIX, convert
from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.errors import LogLockedError, StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.lock import FolderLock
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.storage.logs import append, open_log
from tests.support.encrypted import KEYS

FILES = 3  # two segments, and what stands for an index


def disk(beneath=None):
    return EncryptedDisk(beneath or FileSystem(), KEYS)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    log = open_log(FileSystem(), 200, folder=folder)
    append(log, b"1", b"2", b"3", b"4")
    log.close()
    (folder / "index").mkdir()
    (folder / "index" / "x.idx").write_bytes(b"x" * 200_000)
    (folder / "index" / "building.lock").touch()
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in files(folder)}


def files(folder):
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix != ".lock")


def kinds(folder):
    return {path.read_bytes().startswith(ENCRYPTED_MAGIC) for path in files(folder)}


def told(folder):
    """Return what a log says, and its digest, as one reads it with the key."""
    report = verify_log(folder, filesystem=disk())
    assert report.is_sound, report.damage
    effects = [record.effects for record in read_records(folder, filesystem=disk())]
    return effects, report.digest_hex


def test_it_is_encrypted_whole_and_the_same_bytes_again_afterwards(folder):
    before, said = contents(folder), told(folder)

    assert convert(folder, disk(), encrypts=True) == (FILES, 0, [], [])

    assert kinds(folder) == {True}
    assert told(folder) == said
    assert all(b"x" * 20 not in data for data in contents(folder).values())
    assert convert(folder, disk(), encrypts=True) == (0, FILES, [], [])
    assert convert(folder, disk(), encrypts=False) == (FILES, 0, [], [])
    assert contents(folder) == before


class DyingDisk(FileSystem):
    """A disk under a process that is killed at one of its calls."""

    def __init__(self, calls):
        self.left = calls


def _dying(name):
    def call(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return getattr(FileSystem, name)(self, *arguments)

    return call


for _name in ("create", "write", "fsync", "rename", "unlink", "sync_directory"):
    setattr(DyingDisk, _name, _dying(_name))


@pytest.mark.parametrize("encrypts", [True, False])
def test_it_may_be_killed_at_any_call_and_begun_anew(folder, encrypts, tmp_path):
    said = told(folder)
    if not encrypts:
        convert(folder, disk(), encrypts=True)
    for calls in range(100):
        one = tmp_path / "one"
        shutil.copytree(folder, one)
        try:
            convert(one, disk(DyingDisk(calls)), encrypts=encrypts)
            break
        except KeyboardInterrupt:
            assert told(one) == said
        left = [path for path in files(one) if path.name.endswith(ASIDE_SUFFIX)]
        assert len(left) <= 1
        # A server begins, and goes on with it.
        server = shutil.copytree(one, tmp_path / "server")
        log = open_log(disk(), 200, folder=server)
        append(log, b"5")
        log.close()
        assert told(server)[0] == [*said[0], told(server)[0][-1]]
        shutil.rmtree(server)

        done = convert(one, disk(), encrypts=encrypts)
        assert done.changed + done.present == FILES
        assert kinds(one) == {encrypts}
        assert told(one) == said
        shutil.rmtree(one)
    assert calls > 4 * FILES


def test_a_folder_that_a_server_has_open_is_left_alone(folder):
    lock = FolderLock(LogFolder(folder, FileSystem()), FileSystem())
    before = contents(folder)

    with pytest.raises(LogLockedError):
        convert(folder, disk(), encrypts=True)

    assert contents(folder) == before
    lock.release()


def test_a_folder_whose_index_is_being_built_is_left_alone(folder):
    held = FileSystem().flock(folder / "index" / "building.lock")
    before = contents(folder)

    with pytest.raises(StorageError, match="another process writes to it"):
        convert(folder, disk(), encrypts=True)

    assert contents(folder) == before
    FileSystem().close(held)
    assert convert(folder, disk(), encrypts=True).changed == FILES


def test_what_is_no_file_of_the_log_stays_and_is_told(folder):
    users = folder / "users.acl"
    users.write_text("user me on")
    (folder / "schemas").mkdir()

    done = convert(folder, disk(), encrypts=True)

    assert done.others == [folder / "schemas", users]
    assert users.read_text() == "user me on"


def test_of_an_archive_only_whole_segments_are_taken(folder, tmp_path):
    archive = tmp_path / "archive"
    shutil.copytree(folder / "log", archive)
    half = min(archive.glob("*.log"))
    whole = half.read_bytes()
    half.write_bytes(whole[:-40])

    first = convert(archive, disk(), encrypts=True)

    assert (first.changed, len(first.failures)) == (0, 2)  # the other one is open
    assert half.read_bytes() == whole[:-40]
    half.write_bytes(whole)
    assert convert(archive, disk(), encrypts=True).changed == 1


def test_a_file_under_a_key_that_is_missing_stays(folder):
    convert(folder, disk(), encrypts=True)
    other = EncryptedDisk(FileSystem(), type(KEYS)(KEYS.path, [_other_key()]))
    before = contents(folder)

    done = convert(folder, other, encrypts=False)

    assert (done.changed, len(done.failures)) == (0, FILES)
    assert contents(folder) == before


def _other_key():
    from joblog.storage.encryption.keys import make_key  # noqa: PLC0415 - only here

    return make_key(b"x" * 32)
