"""Repair from a backup, and what repair says where it would lose more than it must."""

import json
import shutil

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.packing import pack_segment
from tests.replay.histories import History
from tests.support.damages import REFUSALS, make_folder

DISK = FileSystem()
NOW_MS = 1_900_000_000_000


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def segments(folder):
    return sorted((folder / "log").glob("*.log"))


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def digest_of(folder):
    report = json.loads(run("verify", folder, "--json").stdout)
    assert report["is_sound"], report
    return report["digest"], report["last_seq"]


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "data", segment_bytes_max=1000)
    client = made.connect(b"web")
    made.run(client, *(f"RPUSH queue job:{number}" for number in range(90)))
    made.log.sync()
    while segments(made.folder)[-1].stat().st_size < 400:
        made.run(client, "LPUSH other job")
        made.log.sync()
    made.close()
    assert len(segments(made.folder)) > 4
    return made


@pytest.fixture
def backup(history, tmp_path):
    assert run("backup", history.folder, tmp_path / "backup").exit_code == 0
    return tmp_path / "backup"


@pytest.fixture
def copy(history, backup, tmp_path):
    """Return a copy of the history that may be damaged."""
    shutil.copytree(history.folder, tmp_path / "copy")
    return tmp_path / "copy"


def start(folder):
    Log.open(folder, filesystem=DISK, now_ms=lambda: NOW_MS).close()
    return recover(folder, DISK)


def states(folder):
    lines = run("verify", folder).stdout.splitlines()
    return [line.split("\t")[-1] for line in lines if ".log\t" in line]


MISSING = [
    pytest.param(slice(0, 1), id="the first"),
    pytest.param(slice(1, 2), id="one in the middle"),
    pytest.param(slice(1, 3), id="two in the middle"),
    pytest.param(slice(-2, -1), id="the last but one"),
    pytest.param(slice(-1, None), id="the newest"),
    pytest.param(slice(-2, None), id="the newest two"),
    pytest.param(slice(None), id="all"),
]


@pytest.mark.parametrize("which", MISSING)
@pytest.mark.parametrize("is_archive", [False, True], ids=["backup", "archive"])
def test_missing_segments_come_back_from_a_backup(copy, backup, which, is_archive):
    whole = digest_of(copy)
    source = backup / "log" if is_archive else backup
    if is_archive:
        pack_segment(DISK, segments(backup)[1])
    for path in segments(copy)[which]:
        path.unlink()

    told = run("repair", copy, "--from", source)
    done = run("repair", copy, "--from", source, "--apply")

    assert told.exit_code == 1
    assert "bring back" in told.stdout
    assert "set aside" not in told.stdout
    assert done.exit_code == 0, done.output
    assert digest_of(copy) == whole
    assert run("repair", copy).exit_code == 0
    assert start(copy).last_seq == whole[1]


def test_sound_neighbours_of_a_missing_segment_are_not_called_damaged(copy):
    missing = segments(copy)[1]
    missing.unlink()

    told = run("verify", copy)

    assert told.exit_code == 3
    assert "damaged" not in states(copy)
    assert f"damage: {missing}: at byte 0: no such file, expected seq" in told.stdout


def test_sound_neighbour_of_a_foreign_segment_is_not_called_damaged(copy, tmp_path):
    other = History(tmp_path / "other", segment_bytes_max=1000)
    client = other.connect(b"web")
    other.run(client, *(f"RPUSH queue job:{number}" for number in range(90)))
    other.close()
    second = segments(copy)[1]
    shutil.copy(segments(other.folder)[1], second)

    assert [state == "damaged" for state in states(copy)[:3]] == [False, True, False]
    assert run("repair", copy).stdout.count("cannot be mended") == 1


def test_byte_of_the_open_segment_comes_back_from_an_older_backup(history, tmp_path):
    run("backup", history.folder, tmp_path / "backup")
    log = Log.open(history.folder, filesystem=DISK, now_ms=lambda: NOW_MS)
    log.append([(NOW_MS, 0, [[b"SET", b"later", b"x"]], [0, None, None])], log.last_seq)
    log.close()
    whole = digest_of(history.folder)
    newest = segments(history.folder)[-1]
    flip(newest, 150)

    told = run("repair", history.folder, "--from", tmp_path / "backup")
    done = run("repair", history.folder, "--from", tmp_path / "backup", "--apply")

    assert "replace" in told.stdout
    assert "loses" not in told.stdout
    assert done.exit_code == 0, done.output
    assert digest_of(history.folder) == whole


def test_cut_that_loses_more_than_salvage_is_not_made_unasked(copy, tmp_path):
    newest = segments(copy)[-1]
    flip(newest, 150)
    before = newest.read_bytes()

    told = run("repair", copy, "--apply")
    saved = json.loads(run("salvage", copy, tmp_path / "saved", "--json").stdout)

    [[first, last]] = saved["gaps"]
    plan = json.loads(run("repair", copy, "--json").stdout)
    [step] = plan["steps"]
    assert (told.exit_code, newest.read_bytes()) == (1, before)
    assert step["gone"] == last - first + 1 == 1
    # A tag stands where the record is gone.
    assert len(step["lost_seqs"]) == digest_of(tmp_path / "saved")[1] - first
    assert "'replay salvage" in told.stderr
    assert run("repair", copy, "--apply", "--cut").exit_code == 0
    assert run("repair", copy).exit_code == 0


def test_verify_tells_of_records_that_read_behind_a_torn_one(tmp_path):
    history = History(tmp_path / "never-synced")
    client = history.connect()
    history.run(client, *(f"SET key {number}" for number in range(9)))
    history.log.close()
    [path] = segments(history.folder)
    flip(path, path.read_bytes().index(b"key") + 5)

    told = run("verify", history.folder)

    assert "in which 8 records still read" in told.stdout
    assert "the log is whole" not in told.stdout
    assert told.exit_code == 1


def test_copy_of_another_history_of_this_log_replaces_nothing(copy, tmp_path):
    fork = tmp_path / "fork"
    last_seq = digest_of(copy)[1]
    run("restore", copy, fork, "--at", "@5")
    log = Log.open(fork, filesystem=DISK, now_ms=lambda: NOW_MS, segment_bytes_max=1000)
    while log.last_seq < last_seq:
        log.append(
            [(NOW_MS, 0, [[b"SET", b"k", b"v" * 9]], [0, None, None])], log.last_seq
        )
    log.close()
    segments(copy)[2].unlink()

    told = run("repair", copy, "--from", fork)

    assert told.exit_code == 3
    assert "bring back" not in told.stdout


def swap(folder):
    first, second = segments(folder)[1:3]
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def double(folder):
    path = segments(folder)[1]
    shutil.copy(path, path.with_name(f"{int(path.name[:20]) + 1:020d}.log"))


def damage_and_remove(folder):
    flip(segments(folder)[0], 150)
    segments(folder)[1].unlink()


def take_the_newest_of_another(folder):
    other = History(folder.with_name("other"), segment_bytes_max=1000)
    client = other.connect(b"web")
    newest = segments(folder)[-1]
    while other.log.last_seq < int(newest.name[:20]) + 30:
        other.run(client, "RPUSH queue job")
    other.close()
    found = [path for path in segments(other.folder) if path.name == newest.name]
    shutil.copy((found or segments(other.folder))[0], newest)


HARMS = [swap, double, damage_and_remove, take_the_newest_of_another]


@pytest.mark.parametrize("do_harm", HARMS)
def test_backup_mends_what_is_beside_damage_too_in_one_run(copy, backup, do_harm):
    whole = digest_of(copy)
    do_harm(copy)
    assert run("verify", copy).exit_code == 3

    done = run("repair", copy, "--from", backup, "--apply")

    assert done.exit_code == 0, done.output
    assert digest_of(copy) == whole


def test_segment_that_is_there_twice_is_set_aside_without_a_backup(copy):
    whole = digest_of(copy)
    double(copy)

    assert run("repair", copy, "--apply").exit_code == 0
    assert digest_of(copy) == whole


@pytest.mark.parametrize(("do_harm", "_", "__"), REFUSALS)
def test_repair_never_sends_to_repair(tmp_path, do_harm, _, __):
    folder = make_folder(tmp_path / "data")
    run("backup", folder, tmp_path / "backup")
    do_harm(folder)

    for words in ([], ["--apply"], ["--from", tmp_path / "backup", "--apply"], []):
        told = run("repair", folder, *words)
        assert "run 'replay repair" not in told.output
        is_newer = "newer program" in told.output
        assert told.exit_code != 3 or is_newer or "replay salvage" in told.output
    if not is_newer:
        assert told.exit_code in (0, 3), told.output
        assert told.exit_code == 3 or start(folder).last_seq > 0
