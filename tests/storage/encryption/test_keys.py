"""The key file: what is one, and what of a bad one is said."""

import base64
import os
from pathlib import Path

import pytest

from joblog.storage.disk import VARIABLE, child_environment, open_disk
from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.encryption.keys import make_key, read_keys
from joblog.storage.errors import KeyFileError
from joblog.storage.filesystem import FileSystem
from tests.support.encrypted import make_key_file


def test_the_first_key_is_used_and_all_are_accepted(tmp_path):
    path = tmp_path / "key"
    second = base64.b64encode(b"b" * 32).decode()
    path.write_text(f"# ours\n\n{'61' * 32}  # since May\n{second}\n")
    path.chmod(0o600)

    keys = read_keys(path)

    assert keys.current.id == make_key(b"a" * 32).id
    assert keys.find(make_key(b"b" * 32).id) is not None
    assert keys.find(make_key(b"c" * 32).id) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a" * 63, "line 1 of the key file is no key"),
        ("a" * 66, "line 1 of the key file is no key"),
        ("", "there is no key in the key file"),
        ("# none\n\n", "there is no key in the key file"),
        ("a" * 64 + "\nsesame", "line 2 of the key file is no key"),
        ("\u00e9" * 64, "line 1 of the key file is no key"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(tmp_path, text, says):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(KeyFileError, match=says) as caught:
        read_keys(path)

    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o660, 0o602, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    path = make_key_file(tmp_path / "key", "a")
    path.chmod(mode)

    with pytest.raises(KeyFileError, match="others may use the key file"):
        read_keys(path)


@pytest.mark.parametrize("name", ["none", "folder", "a\0b"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    (tmp_path / "folder").mkdir()

    with pytest.raises(KeyFileError, match=r"the key file (cannot be read|is no reg)"):
        read_keys(Path(f"{tmp_path}/{name}"))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)

    with pytest.raises(KeyFileError, match="no regular file"):
        read_keys(tmp_path / "key")


def test_without_a_key_file_the_disk_is_a_plain_one(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert type(open_disk()) is type(open_disk("")) is FileSystem
    monkeypatch.setenv(VARIABLE, str(make_key_file(tmp_path / "key", "a")))

    assert type(open_disk()) is EncryptedDisk
    assert type(open_disk("")) is FileSystem
    assert VARIABLE not in child_environment("")
    assert child_environment("key")[VARIABLE] == str(Path.cwd() / "key")
