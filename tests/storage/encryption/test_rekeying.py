"""Files under another key: whatever comes between, one of both reads each."""

from pathlib import Path

import pytest

from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.encryption.envelope import ENVELOPE_BYTES
from joblog.storage.encryption.keys import Keys, make_key, read_keys
from joblog.storage.encryption.rekeying import Rekeyed, keys_in_use, rekey
from joblog.storage.errors import WrongKeyError
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.storage.logs import append, open_log
from tests.support.encrypted import make_key_file

OLD, NEW, OTHER = (make_key(letter * 32) for letter in (b"o", b"n", b"x"))
FILES = 2


def keys(*several):
    return Keys(Path("/none"), list(several))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    log = open_log(EncryptedDisk(FileSystem(), keys(OLD)), 200, folder=folder)
    append(log, b"1", b"2", b"3", b"4")
    log.close()
    assert len(list(folder.glob("log/*"))) == FILES
    return folder


def read_with(folder, *several):
    disk = EncryptedDisk(FileSystem(), keys(*several))
    return b"".join(
        record.effects[0][-1] for record in read_records(folder, filesystem=disk)
    )


def test_the_files_are_under_the_first_key_then_and_no_other(folder):
    before = {path: path.read_bytes() for path in folder.glob("log/*")}

    assert rekey(folder, FileSystem(), keys(NEW, OLD)) == Rekeyed(FILES, 0, 0, [])

    assert keys_in_use(folder, FileSystem()) == {NEW.id: FILES}
    assert read_with(folder, NEW) == b"1234"
    with pytest.raises(WrongKeyError):
        read_with(folder, OLD)
    for path, data in before.items():
        assert path.read_bytes()[ENVELOPE_BYTES:] == data[ENVELOPE_BYTES:]
    assert rekey(folder, FileSystem(), keys(NEW)) == Rekeyed(0, FILES, 0, [])


def test_a_file_under_a_key_that_is_missing_is_told_and_stays(folder):
    done = rekey(folder, FileSystem(), keys(NEW, OTHER))

    assert len(done.failures) == FILES
    assert OLD.id.hex() in done.failures[0]
    assert read_with(folder, OLD) == b"1234"


def test_what_is_in_the_clear_is_counted(folder):
    (folder / "index").mkdir()
    (folder / "index" / "x.idx").write_bytes(b"in the clear")

    assert rekey(folder, FileSystem(), keys(NEW, OLD)).plain == 1


class KilledDisk(FileSystem):
    """A disk that is no more at one of its writes, of which a part may be there."""

    def __init__(self, calls, share):
        self.left, self.share = calls, share

    def overwrite(self, file, data, offset):
        self.left -= 1
        if self.left < 0:
            super().overwrite(file, data[: int(len(data) * self.share)], offset)
            raise KeyboardInterrupt
        super().overwrite(file, data, offset)


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("calls", range(2 * FILES))
def test_it_may_be_interrupted_anywhere_and_begun_anew(folder, calls, share):
    with pytest.raises(KeyboardInterrupt):
        rekey(folder, KilledDisk(calls, share), keys(NEW, OLD))

    assert read_with(folder, NEW, OLD) == read_with(folder, OLD, NEW) == b"1234"
    # Another part of the same write, with yet another key.
    with pytest.raises(KeyboardInterrupt):
        rekey(folder, KilledDisk(0, share), keys(OTHER, NEW, OLD))
    assert read_with(folder, NEW, OLD, OTHER) == b"1234"

    done = rekey(folder, FileSystem(), keys(NEW, OTHER, OLD))
    assert done.failures == []
    assert read_with(folder, NEW) == b"1234"
    assert keys_in_use(folder, FileSystem()) == {NEW.id: FILES}


def test_who_has_a_log_open_goes_on_while_its_files_change(folder):
    disk = EncryptedDisk(FileSystem(), keys(OLD))
    log = open_log(disk, 1 << 20, folder=folder)
    append(log, b"5")

    rekey(folder, FileSystem(), keys(NEW, OLD))
    append(log, b"6")
    log.close()

    assert read_with(folder, NEW) == b"123456"


def test_a_key_file_that_has_got_another_key_is_read_anew(folder, tmp_path):
    path = make_key_file(tmp_path / "key", "a")
    disk = EncryptedDisk(FileSystem(), read_keys(path))
    with pytest.raises(WrongKeyError):
        list(read_records(folder, filesystem=disk))
    path.write_text("a" * 64 + "\n" + (b"o" * 32).hex())

    assert len(list(read_records(folder, filesystem=disk))) == 4
