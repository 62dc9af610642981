"""What proves that a log is unedited: snapshots, kept digests, anchors, copies."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.frame import FRAME_HEAD_BYTES, encode_frame, frame_bytes_at
from joblog.storage.packing import pack_segment
from joblog.storage.segment import SegmentReader
from tests.replay.histories import History
from tests.support.servers import require_package, require_program

DISK = FileSystem()


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def segments(folder):
    return sorted((folder / "log").glob("*.log"))


@pytest.fixture
def folder(tmp_path):
    """Return a data folder whose last segment is open, with a snapshot in it."""
    history = History(tmp_path / "data", segment_bytes_max=2000)
    client = history.connect(b"web")
    history.run(client, *(f"SET key:{number} {number}" for number in range(100)))
    history.log.sync()
    fold = recover(history.folder, DISK)
    save_snapshot(
        LogFolder(history.folder, DISK), DISK, fold.keyspace, fold.last_seq, 1
    )
    history.run(client, *(f"SET late:{number} {number}" for number in range(5)))
    history.close()
    return history.folder


def forge(folder, old, new):
    """Change words of the open segment, and make its checksums fit again."""
    path = segments(folder)[-1]
    reader = SegmentReader(DISK, path)
    data = path.read_bytes()
    reader.close()
    made, offset = data[: reader.offset], reader.offset
    while offset < len(data):
        size = frame_bytes_at(data[offset:])
        payload = data[offset + FRAME_HEAD_BYTES : offset + size]
        made += encode_frame(payload.replace(old, new), reader.heads)
        offset += size
    assert made != data
    assert len(made) == len(data)
    path.write_bytes(made)


def verified(folder, *words):
    result = run("verify", folder, *words, "--json")
    return result.exit_code, json.loads(result.stdout)


def test_log_that_nothing_anchors_is_not_called_unedited(folder):
    shutil.rmtree(folder / "snapshots")
    told = run("verify", folder)

    assert told.exit_code == 0
    assert "the log is whole\nnothing anchors seq 1 to 106: " in told.stdout
    assert "unedited" not in told.stdout
    forge(folder, b"key:99", b"kez:99")
    assert run("verify", folder).exit_code == 0


def test_snapshot_beside_the_log_binds_what_it_was_folded_from(folder):
    told = run("verify", folder).stdout
    assert "as it was up to seq 101: snapshot" in told
    assert "nothing anchors seq 102 to 106" in told

    forge(folder, b"key:99", b"kez:99")
    code, facts = verified(folder)

    assert code == 3
    assert "is not the one that the snapshot was folded from" in facts["damage"][0]


def test_edit_behind_the_snapshot_is_found_by_what_is_kept_elsewhere(folder, tmp_path):
    run("anchor", folder, "--append", tmp_path / "anchors")
    run("backup", folder, tmp_path / "backup")
    run("prove", folder, "@106", "-o", tmp_path / "receipt.json")
    digest = run("verify", folder).stdout.splitlines()[-1]
    archive = tmp_path / "archive"
    shutil.copytree(folder / "log", archive)
    pack_segment(DISK, min(archive.glob("*.log")))
    kept = {
        "--anchors": tmp_path / "anchors",
        "--backup": tmp_path / "backup",
        "--receipt": tmp_path / "receipt.json",
        "--expect": digest,
    }
    for option, what in (*kept.items(), ("--backup", archive)):
        told = run("verify", folder, option, what)
        assert told.exit_code == 0, told.output
        assert "the log is whole and unedited\nunedited up to seq 106" in told.stdout
        assert "nothing anchors" not in told.stdout

    forge(folder, b"late:3", b"lazy:3")

    assert verified(folder)[0] == 0
    for option, what in (*kept.items(), ("--backup", archive)):
        code, facts = verified(folder, option, what)
        assert code == 3, option
        [damage] = facts["damage"]
        assert "the digest at seq 106 is" in damage


def test_edit_is_placed_between_two_anchors(folder, tmp_path):
    path = tmp_path / "anchors"
    digests = {
        seq: json.loads(run("check", _receipt(folder, seq), "--json").stdout)[
            "digests"
        ][-1]["digest"]
        for seq in (50, 100, 103, 105, 106)
    }
    log_id = json.loads(run("info", folder, "--json").stdout)["log_id"]
    path.write_text(
        "# kept by hand\n\n"
        + "".join(
            f"joblog-anchor 1 {log_id} {seq} {digest.partition('@')[0]} 1\n"
            for seq, digest in digests.items()
        )
    )
    assert verified(folder, "--anchors", path)[1]["anchored_seq"] == 106

    forge(folder, b"late:3", b"lazy:3")

    code, facts = verified(folder, "--anchors", path)
    assert (code, facts["anchored_seq"]) == (3, 103)
    [damage] = facts["damage"]
    assert "a record from seq 104 to 105 was changed" in damage
    assert "1 later ones do not fit either" in damage


def _receipt(folder, seq):
    path = folder.with_name(f"receipt-{seq}.json")
    assert run("prove", folder, f"@{seq}", "-o", path).exit_code == 0
    return path


def test_records_that_were_anchored_and_are_gone_are_damage(folder, tmp_path):
    run("anchor", folder, "--append", tmp_path / "anchors")
    run("restore", folder, tmp_path / "short", "--at", "@102")

    code, facts = verified(tmp_path / "short", "--anchors", tmp_path / "anchors")

    assert code == 3
    assert "records that were there are gone" in facts["damage"][0]


def test_anchors_of_other_logs_and_of_pruned_records_are_told(folder, tmp_path):
    other = History(tmp_path / "other")
    other.run(other.connect(), "SET a 1")
    other.close()
    path = tmp_path / "anchors"
    run("anchor", other.folder, "--append", path)
    run("anchor", folder, "--append", path)
    log_id = json.loads(run("info", folder, "--json").stdout)["log_id"]
    with path.open("a") as file:
        file.write(f"joblog-anchor 1 {log_id} 1 {'0' * 64} 1\n")
    segments(folder)[0].unlink()

    code, facts = verified(folder, "--anchors", path)

    assert code == 0, facts["damage"]
    assert list(facts["strange_anchors"].values()) == [1]
    assert facts["pruned_anchors"] == 1


def test_edited_log_is_not_anchored_behind_what_it_was(folder, tmp_path):
    path = tmp_path / "anchors"
    run("anchor", folder, "-o", path)
    before = path.read_text()
    forge(folder, b"late:3", b"lazy:3")

    told = run("anchor", folder, "-o", path)

    assert told.exit_code == 3
    assert "no longer has the digest" in told.stderr
    assert path.read_text() == before


@pytest.mark.parametrize(
    "text", ["joblog-anchor 2 x", "hello", "joblog-anchor 1 0 1 2 3"]
)
def test_line_that_is_no_anchor_is_named(folder, tmp_path, text):
    (tmp_path / "anchors").write_text(f"# all of them\n{text}\n")

    code, facts = verified(folder, "--anchors", tmp_path / "anchors")

    assert code == 3
    assert "anchors: line 2: this is no anchor" in facts["damage"][0]


# --- signatures ------------------------------------------------------------------


def make_key(path: Path):
    """Return a private key's file and a public one's, as OpenSSL makes them."""
    public = path.with_suffix(".pub")
    openssl = require_program("openssl")
    command = [openssl, "genpkey", "-algorithm", "ed25519", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    command = [openssl, "pkey", "-in", str(path), "-pubout", "-out", str(public)]
    subprocess.run(command, check=True, capture_output=True)
    return path, public


@pytest.fixture
def signed(folder, tmp_path):
    require_package("cryptography")
    key, public = make_key(tmp_path / "auditor.pem")
    path = tmp_path / "anchors"
    done = run("anchor", folder, "--sign", key, "--append", path)
    assert done.exit_code == 0, done.output
    return folder, path, public


def test_signed_anchor_proves_the_log_to_who_has_the_public_key(signed):
    folder, path, public = signed
    digits = path.read_text().split()[-2]

    for key in (public, digits):
        told = run("verify", folder, "--anchors", path, "--key", key)
        assert told.exit_code == 0, told.output
        assert "the log is whole and unedited" in told.stdout


def test_every_field_of_a_signed_anchor_is_bound(signed):
    folder, path, public = signed
    words = path.read_text().split()
    for place in range(len(words)):
        digit = "1" if words[place][-1] != "1" else "2"
        changed = [*words[:place], words[place][:-1] + digit, *words[place + 1 :]]
        path.write_text(" ".join(changed) + "\n")

        code, facts = verified(folder, "--anchors", path, "--key", public)

        assert code == 3, changed[place]
        assert "anchors: line 1: " in facts["damage"][0]


def test_anchor_without_the_wanted_signature_counts_for_nothing(signed, tmp_path):
    folder, path, public = signed
    other, _ = make_key(tmp_path / "other.pem")
    for words in ([], ["--sign", other]):
        path.unlink()
        run("anchor", folder, *words, "--append", path)

        code, facts = verified(folder, "--anchors", path, "--key", public)

        assert (code, facts["anchored_seq"]) == (3, 0)
        assert "it is not signed with the key" in facts["damage"][0]


def test_key_that_is_none_is_a_wrong_command_line(signed):
    folder, path, public = signed

    assert run("anchor", folder, "--sign", public).exit_code == 2
    assert run("verify", folder, "--anchors", path, "--key", path).exit_code == 2
    assert run("verify", folder, "--key", public).exit_code == 2
