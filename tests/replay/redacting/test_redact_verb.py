"""`replay redact`, and what the other verbs say of what is redacted."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.cli import main
from joblog.storage.archiving import find_archived, mark_archived
from joblog.storage.copying import backup_log, restore_log
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.replay.redacting.redactions import FILESYSTEM, files_with, redact, verify


@pytest.fixture
def folder(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=800)
    client = history.connect(b"web")
    for number in range(12):
        history.run(client, f"SET page text{number}", f"SET user:42 secret-{number}")
    history.run(client, "DEL user:42")
    history.close()
    return history.folder


def replay(verb, folder, *arguments):
    words = [verb, str(folder), *map(str, arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_without_apply_it_only_tells(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*.log")}

    result = replay("redact", folder, "--key", "user:42", "--why", "x", "--json")

    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert (facts["records"], facts["keys"]) == (13, ["user:42"])
    assert "nothing was changed; --apply does it" in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*.log")} == before


def test_folder_of_a_running_server_is_refused_in_clear_words_and_stays(folder):
    server = History(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.log")}

    result = replay("redact", folder, "--key", "user:42", "--why", "x", "--apply")

    assert result.exit_code == 1
    assert "a server or another tool has this log open: stop it" in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*.log")} == before
    assert not (folder / "redaction.pending").exists()
    server.close()


def test_what_is_said_of_it(folder):
    result = replay(
        *("redact", folder, "--key", "user:42", "--why", "ticket 812"),
        *("--by", "ada", "--apply"),
    )
    assert result.exit_code == 0, result.stderr
    assert "13 records" in result.stdout
    assert "not reached: copies that were not named" in result.stderr

    said = r"by ada: ticket 812"
    for verb, *words in (
        ("get", "user:42", "--at", "@10"),
        ("history", "user:42"),
        ("show", "3"),
        ("verify",),
        ("verify", "--deep"),
    ):
        result = replay(verb, folder, *words)
        assert said in result.stdout + result.stderr, verb
    last = replay("log", folder, "-n", "1", "--all").stdout
    assert "redaction by ada: ticket 812: 1 keys; 13 records" in last
    assert "redacted" in replay("log", folder, "--all", "--until", "@4").stdout
    assert json.loads(replay("verify", folder, "--json").stdout)["is_sound"]


def test_a_key_that_was_never_redacted_is_missing(folder):
    redact(folder, keys=[b"user:42"])
    assert "redacted" not in replay("get", folder, "user:43", "--at", "@10").stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "say what: --key, --job or --match"),
        (("--key", "a"), "--why is missing"),
        (("--match", "bob", "--why", "x"), "bob is too short"),
        (("--resume", "--key", "a"), "--resume goes on with what was asked for"),
        (("--resume",), "no redaction was interrupted"),
    ],
)
def test_what_is_refused(folder, words, text):
    result = replay("redact", folder, *words)
    assert result.exit_code in {1, 2}
    assert text in result.stderr


def test_receipts_of_other_records(folder, tmp_path):
    redact(folder, keys=[b"user:42"])
    redacted = replay("prove", folder, "@3")
    assert redacted.exit_code == 1
    assert "redacted" in redacted.stderr

    last_seq = verify(folder).last_seq
    receipt = tmp_path / "receipt.json"
    assert replay("prove", folder, f"@{last_seq}", "-o", receipt).exit_code == 0
    result = CliRunner().invoke(main, ["check", str(receipt), "--log", str(folder)])
    assert "every record is proven" in result.stdout


def test_an_archive_gets_the_redacted_files(folder, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for path in sorted((folder / "log").glob("*.log"))[:-1]:
        shutil.copy(path, archive)
    paths = LogFolder(folder, FILESYSTEM)
    mark_archived(paths, FILESYSTEM, paths.find_segments()[-2])
    # The log has pruned its first segment; the archive alone has it.
    second = paths.find_segments()[1]
    keyspace = recover(folder, FILESYSTEM, until_seq=second).keyspace
    save_snapshot(paths, FILESYSTEM, keyspace, second, 1)
    paths.segment_path(1).unlink()

    outcome = redact(folder, keys=[b"user:42"], archives=[archive])

    assert files_with(archive, b"secret-") == []
    assert outcome.copied == len(list(archive.glob("*.log"))) - 1
    assert outcome.records == 13
    assert files_with(folder, b"secret-") == []
    assert find_archived(paths, FILESYSTEM) == 0


def test_a_backup_gets_the_redacted_files(folder, tmp_path):
    copy = tmp_path / "copy"
    backup_log(folder, copy, filesystem=FILESYSTEM)
    redact(folder, keys=[b"user:42"])

    backup_log(folder, copy, filesystem=FILESYSTEM)

    assert files_with(copy, b"secret-") == []
    assert verify(copy).undone == []


def test_a_copy_ends_with_a_redacted_segment_and_not_within(folder, tmp_path):
    redact(folder, keys=[b"user:42"])
    last_seq = verify(folder).segments[0].last_seq
    restore_log(folder, tmp_path / "whole", last_seq, filesystem=FILESYSTEM)

    assert verify(tmp_path / "whole").last_seq == last_seq
    history = History(tmp_path / "whole")
    history.run(history.connect(), "SET a b")
    history.close()
    assert verify(tmp_path / "whole").last_seq == last_seq + 2
    with pytest.raises(StorageError, match=r"only be copied whole: not up to seq 3"):
        restore_log(folder, tmp_path / "part", 3, filesystem=FILESYSTEM)


def test_a_job_with_a_short_id_needs_an_option(tmp_path):
    history = History(tmp_path / "data")
    history.run(
        history.connect(),
        *("HSET bull:mail:42 data secret-1", "RPUSH bull:mail:wait 42"),
        *("HSET bull:mail:142 data other", "RPUSH bull:mail:wait 142"),
        *("LPOP bull:mail:wait", "DEL bull:mail:42"),
    )
    history.close()
    words = ("redact", history.folder, "--job", "42", "--why", "x", "--apply")

    refused = replay(*words)
    done = replay(*words, "--short-ids")

    assert refused.exit_code == 2
    assert "name the keys (--key), or say --short-ids" in refused.stderr
    assert done.exit_code == 0, done.stderr
    assert files_with(history.folder, b"secret-") == []
    values = recover(history.folder, FILESYSTEM).keyspace.databases[0].values
    assert sorted(values) == [b"bull:mail:142", b"bull:mail:wait"]


def test_a_log_in_use_is_refused_with_what_to_do(tmp_path):
    history = History(tmp_path / "data")
    history.run(history.connect(), "SET user:42 secret", "DEL user:42")

    words = ("--key", "user:42", "--why", "x", "--apply")
    result = replay("redact", history.folder, *words)

    history.close()
    assert result.exit_code == 1
    assert "stop it, redact, and start it over what is left" in result.stderr
