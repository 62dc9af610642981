"""An archive of segments is read as a data folder is, and never written to."""

import shutil

import pytest

from joblog.storage.archives import Archive, is_archive
from joblog.storage.errors import ReadOnlyError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.lock import FolderLock
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.replay.histories import History


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "data", segment_bytes_max=600)
    made.run(made.connect(), *(f"RPUSH queue job:{number}" for number in range(40)))
    yield made
    made.close()


@pytest.fixture
def archive(history, tmp_path):
    """Return a folder with all sealed segments, and another file besides."""
    folder = tmp_path / "archive"
    folder.mkdir()
    segments = sorted((history.folder / "log").glob("*.log"))[:-1]
    for path in segments:
        shutil.copy(path, folder)
    (folder / ".part").write_bytes(b"half a segment")
    return folder


def test_an_archive_is_told_from_a_data_folder(history, archive, tmp_path):
    (tmp_path / "empty").mkdir()

    assert is_archive(archive, FileSystem())
    assert not is_archive(history.folder, FileSystem())
    assert not is_archive(tmp_path / "empty", FileSystem())


def test_all_sealed_records_are_read_from_an_archive(history, archive):
    segments = LogFolder(history.folder, FileSystem()).find_segments()
    expected = read_records(
        history.folder, filesystem=FileSystem(), until_seq=segments[-1] - 1
    )

    found = read_records(archive, filesystem=Archive(archive))

    assert list(found) == list(expected)
    report = verify_log(archive, filesystem=Archive(archive))
    assert report.is_sound
    assert report.last_seq == segments[-1] - 1


def test_a_gap_in_an_archive_is_found(archive):
    paths = sorted(archive.glob("*.log"))
    paths[1].unlink()

    assert not verify_log(archive, filesystem=Archive(archive)).is_sound


def test_an_archive_is_not_written_to(archive):
    door = Archive(archive)
    before = sorted(archive.iterdir())

    with pytest.raises(ReadOnlyError, match="replay restore"):
        FolderLock(LogFolder(archive, door), door)
    with pytest.raises(ReadOnlyError):
        LogFolder(archive, door).make()
    with pytest.raises(ReadOnlyError):
        door.create(archive / "x")

    assert sorted(archive.iterdir()) == before
