"""The verbs of `replay` over a folder that is encrypted: what they write is so too."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.storage.disk import VARIABLE, open_disk
from joblog.storage.encrypted import ENCRYPTED_MAGIC
from tests.replay.histories import History
from tests.support.encrypted import make_key_file
from tests.support.waiting import wait_until

NEEDLE = b"needle-7f3a"


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch):
    path = make_key_file(tmp_path / "key", "a")
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.delenv("REPLAY_INDEX", raising=False)
    return path


@pytest.fixture
def folder(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=900, filesystem=open_disk())
    client = history.connect(b"web")
    for number in range(40):
        history.run(client, f"SET user:{number} needle-7f3a-{number}", "SET page text")
    history.run(client, "DEL user:7")
    history.close()
    return history.folder


def replay(verb, folder, *arguments):
    words = [verb, str(folder), *map(str, arguments)]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def require_encrypted(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 1
    for path in files:
        data = path.read_bytes()
        assert NEEDLE not in data, path
        assert not data or data.startswith(ENCRYPTED_MAGIC) or "lock" in path.name, path


def test_an_index_is_encrypted_and_answers(folder):
    replay("index", folder)
    require_encrypted(folder)
    assert len(list(folder.glob("index/*.idx"))) > 2

    result = replay("history", folder, "user:7", "--plain")

    assert "needle-7f3a-7" in result.stdout
    assert "DEL" in result.stdout


def test_a_backup_is_encrypted_and_verified(folder, tmp_path):
    copy = tmp_path / "copy"
    replay("backup", folder, copy)
    require_encrypted(copy)
    replay("backup", folder, copy)
    linked = tmp_path / "linked"
    replay("backup", folder, linked, "--link")

    assert replay("verify", copy).stdout == replay("verify", folder).stdout
    assert replay("verify", linked).stdout == replay("verify", folder).stdout


def test_a_folder_is_decrypted_where_it_lies_and_encrypted_again(folder, monkeypatch):
    replay("index", folder)
    shown = replay("verify", folder).stdout, replay("log", folder, "--plain").stdout
    (folder / "users.acl").write_text("user me on")

    assert json.loads(replay("rekey", folder, "--decrypt", "--json").stdout)["changed"]
    with monkeypatch.context() as without_key:
        without_key.delenv(VARIABLE)
        told = replay("verify", folder).stdout, replay("log", folder, "--plain").stdout
        assert told == shown
    (folder / "users.acl").unlink()
    (folder / "dump.rdb").write_bytes(b"REDIS")
    again = replay("rekey", folder, "--encrypt")

    assert "dump.rdb: stays in the clear" in again.stderr
    (folder / "dump.rdb").unlink()
    require_encrypted(folder)
    told = replay("verify", folder).stdout, replay("log", folder, "--plain").stdout
    assert told == shown


def test_a_restored_log_is_encrypted(folder, tmp_path):
    target = tmp_path / "restored"

    replay("restore", folder, target, "--at", "@17")

    require_encrypted(target)
    assert "needle-7f3a-7" in replay("get", target, "user:7").stdout


def test_an_archive_of_segments_is_read_with_the_key(folder, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for path in sorted(folder.glob("log/*.log"))[:-1]:
        (archive / path.name).write_bytes(path.read_bytes())

    assert "needle-7f3a-7" in replay("log", archive, "--plain").stdout
    replay("restore", archive, tmp_path / "new", "--at", "now")

    require_encrypted(tmp_path / "new")


def test_a_repair_from_a_backup_is_encrypted(folder, tmp_path):
    before = replay("verify", folder).stdout
    copy = tmp_path / "copy"
    replay("backup", folder, copy)
    second = sorted(folder.glob("log/*.log"))[1]
    data = bytearray(second.read_bytes())
    data[-200] ^= 1
    second.write_bytes(data)

    replay("repair", folder, "--from", copy, "--apply")

    require_encrypted(folder)
    assert replay("verify", folder).stdout == before


def test_what_is_salvaged_is_encrypted(folder, tmp_path):
    second = sorted(folder.glob("log/*.log"))[1]
    data = bytearray(second.read_bytes())
    data[-300] ^= 1
    second.write_bytes(data)
    target = tmp_path / "salvaged"

    words = ["salvage", str(folder), str(target)]
    result = CliRunner().invoke(main, words, catch_exceptions=False)

    assert "needle" in replay("log", target, "--plain").stdout, result.output
    require_encrypted(target)


def test_redaction_leaves_nothing_behind(folder):
    before = replay("verify", folder).stdout.split()[-1]
    replay("redact", folder, "--key", "user:7", "--why", "asked for", "--apply")

    require_encrypted(folder)
    assert "needle-7f3a-7\n" not in replay("dump", folder, "--at", "@16").stdout
    replay("verify", folder, "--deep", "--expect", before)


def test_receipts_and_anchors_are_of_the_data(folder, tmp_path):
    receipt = tmp_path / "receipt"
    receipt.write_text(replay("prove", folder, "@10").stdout)
    digest = replay("anchor", folder).stdout.strip()

    os.environ.pop(VARIABLE)
    checked = CliRunner().invoke(main, ["check", str(receipt)])
    assert "needle-7f3a" in checked.output
    assert digest


def test_a_standby_is_encrypted(folder, tmp_path):
    target = tmp_path / "standby"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "joblog.replay", "backup"),
            *(str(folder), str(target), "--follow"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(list(target.glob("log/*.log"))) > 2)
        last = max(folder.glob("log/*.log")).name
        wait_until((target / "log" / last).exists)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()

    require_encrypted(target)
    assert replay("verify", target).exit_code == 0


def test_an_import_is_encrypted(folder, tmp_path):
    plain = tmp_path / "dump.rdb"
    replay("export", folder, "--rdb", plain)
    target = tmp_path / "imported"

    words = ["import", str(target), str(plain), "--json"]
    result = CliRunner().invoke(main, words, catch_exceptions=False)

    assert json.loads(result.stdout)["keys"] == 40
    require_encrypted(target)
