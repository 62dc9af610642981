"""What `replay` says of each folder that a server refuses, and what repair does."""

import shutil

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.replay.cli import main
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from tests.support.damages import REFUSALS, make_folder

NOW_MS = 1_900_000_000_000


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "data")


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(folder):
    """Do what a start does: open the log to append, and recover the state."""
    Log.open(folder, filesystem=FileSystem(), now_ms=lambda: NOW_MS).close()
    return recover(folder, FileSystem())


@pytest.mark.parametrize(("do_harm", "_", "text"), REFUSALS)
@pytest.mark.parametrize("options", [[], ["--deep"]], ids=["plain", "deep"])
def test_what_a_server_refuses_is_damage_for_verify(folder, do_harm, _, text, options):
    do_harm(folder)

    result = run("verify", folder, *options)

    assert result.exit_code == 3, result.output
    assert text in result.stdout
    assert str(folder) in result.stdout
    assert "whole and unedited" not in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(("do_harm", "_", "text"), REFUSALS)
def test_repair_says_what_it_cannot_mend_and_what_it_mends_starts(
    folder, do_harm, _, text
):
    do_harm(folder)
    before = contents(folder)
    with pytest.raises(StorageError):
        start(folder)

    told = run("repair", folder)

    assert contents(folder) == before
    assert told.exit_code in (1, 3), told.output
    if told.exit_code == 3:
        assert text in told.output
        assert run("repair", folder, "--apply").exit_code == 3
        assert contents(folder) == before
    else:
        assert run("repair", folder, "--apply").exit_code == 0
        assert run("verify", folder, "--deep").exit_code == 0
        assert start(folder).last_seq > 0


def test_a_newest_segment_of_a_newer_program_is_never_set_aside(folder):
    newest = max((folder / "log").glob("*.log"))
    data = bytearray(newest.read_bytes())
    data[8] = 2
    newest.write_bytes(data)

    result = run("repair", folder, "--apply")

    assert result.exit_code == 3
    assert "newer program" in result.stderr
    assert newest.read_bytes() == data


def test_what_is_of_no_harm_is_none_for_replay(folder, tmp_path):
    """A lock that a dead server left, and a snapshot that another one stands for."""
    with (folder / "joblog.lock").open("a") as file:
        file.write(" 999999")
    snapshot = next((folder / "snapshots").glob("*.snap"))
    shutil.copy(snapshot, tmp_path)
    data = bytearray(snapshot.read_bytes())
    data[170] ^= 1
    snapshot.write_bytes(data)

    assert run("verify", folder).exit_code == 0
    deep = run("verify", folder, "--deep")
    assert deep.exit_code == 3
    assert "damaged snapshot" in deep.stdout
    assert run("repair", folder, "--apply").exit_code == 0
    assert run("verify", folder, "--deep").exit_code == 0
