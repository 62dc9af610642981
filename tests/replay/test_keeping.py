"""`replay backup`, `restore`, `repair` and `salvage`."""

import json
import shutil

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import Fold
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.cli import main
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.log import Log
from joblog.storage.mending import apply_repair
from joblog.storage.packing import pack_segment
from joblog.storage.reader import read_records
from joblog.storage.repairing import plan_repair
from joblog.storage.verify import verify_log
from tests.replay.histories import History
from tests.support.folding import live_digest
from tests.support.servers import start_joblog

DISK = FileSystem()


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def segments(folder):
    paths = LogFolder(folder, DISK)
    return [paths.segment_path(first_seq) for first_seq in paths.find_segments()]


def digest_of(folder, until_seq=None):
    fold = Fold()
    fold.apply(read_records(folder, filesystem=DISK, until_seq=until_seq))
    return dataset_digest(fold.keyspace).hex()


@pytest.fixture
def history(tmp_path):
    """Return a history over several segments, its log still open."""
    made = History(tmp_path / "joblog-data", segment_bytes_max=600)
    client = made.connect(b"web")
    made.run(client, *(f"RPUSH queue job:{number}" for number in range(40)))
    assert len(segments(made.folder)) > 3
    yield made
    made.close()


# --- backup ----------------------------------------------------------------------


def test_backup_is_the_log_as_it_was(history, tmp_path):
    target = tmp_path / "copy"

    result = run("backup", history.folder, target, "--json")

    facts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert facts["last_seq"] == history.log.last_seq
    assert facts["digest_hex"] == history.log.digest_hex
    assert digest_of(target) == digest_of(history.folder)


@pytest.mark.parametrize("option", [[], ["--link"]], ids=["copied", "linked"])
def test_second_backup_takes_what_is_new(history, tmp_path, option):
    target = tmp_path / "copy"
    run("backup", history.folder, target, *option)
    client = history.connect(b"later")
    history.run(client, *(f"SADD done job:{number}" for number in range(20)))

    result = run("backup", history.folder, target, "--json", *option)

    facts = json.loads(result.stdout)
    assert facts["kept"] > 0
    assert facts["digest_hex"] == history.log.digest_hex
    assert verify_log(target, filesystem=DISK).is_sound


def test_server_starts_over_a_backup_and_goes_on(history, tmp_path):
    run("backup", history.folder, tmp_path / "copy")

    log = Log.open(tmp_path / "copy", filesystem=DISK, now_ms=history.clock)
    log.append([(log.last_at_ms, 0, [[b"SET", b"a", b"1"]], 1)], log.last_seq)
    log.close()

    assert verify_log(tmp_path / "copy", filesystem=DISK).is_sound


def test_backup_of_another_log_is_not_mixed_in(history, tmp_path):
    other = History(tmp_path / "other")
    other.run(other.connect(), "SET a 1")
    run("backup", history.folder, tmp_path / "copy")

    result = run("backup", other.folder, tmp_path / "copy")

    assert result.exit_code == 1
    assert "another log" in result.stderr
    other.close()


def test_damaged_source_is_no_good_copy(history, tmp_path):
    path = segments(history.folder)[1]
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.write_bytes(data)

    result = run("backup", history.folder, tmp_path / "copy")

    assert result.exit_code == 1
    assert "not sound" in result.stderr


@pytest.mark.slow
def test_backup_while_a_server_writes(tmp_path):
    with start_joblog("--segment-bytes-max", "100000") as server:
        connection = server.connect()
        for number in range(4000):
            connection.ask("RPUSH", f"queue:{number % 7}", f"job:{number}" * 5)
            if number % 1000 == 500:
                result = run("backup", server.folder, tmp_path / "copy", "--json")
                assert result.exit_code == 0, result.output
        result = run("backup", server.folder, tmp_path / "copy")

        assert result.exit_code == 0, result.output
        assert digest_of(tmp_path / "copy") == live_digest(server)


# --- restore ---------------------------------------------------------------------


def test_restore_at_every_record_gives_the_state_then(history, tmp_path):
    for seq in range(history.log.last_seq + 1):
        target = tmp_path / f"at-{seq}"

        result = run("restore", history.folder, target, "--at", f"@{seq}", "--json")

        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["last_seq"] == seq
        assert digest_of(target) == digest_of(history.folder, seq)
        Log.open(target, filesystem=DISK, now_ms=history.clock).close()


def test_restore_out_of_packed_segments(history, tmp_path):
    pack_segment(DISK, segments(history.folder)[1])
    first_seq = int(segments(history.folder)[1].name[:20])

    result = run(
        "restore", history.folder, tmp_path / "then", "--at", f"@{first_seq + 1}"
    )

    assert result.exit_code == 0, result.output
    assert verify_log(tmp_path / "then", filesystem=DISK).last_seq == first_seq + 1


def test_restore_wants_an_empty_folder(history, tmp_path):
    run("restore", history.folder, tmp_path / "then", "--at", "@3")

    result = run("restore", history.folder, tmp_path / "then", "--at", "@4")

    assert result.exit_code == 1
    assert "empty folder" in result.stderr


# --- repair ----------------------------------------------------------------------


@pytest.fixture
def copy(history, tmp_path):
    """Return a copy of the history that may be damaged."""
    shutil.copytree(history.folder, tmp_path / "copy")
    return tmp_path / "copy"


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_sound_log_needs_no_repair(copy):
    result = run("repair", copy)

    assert result.exit_code == 0
    assert "sound up to seq" in result.stdout


def test_damage_before_a_synced_record_is_cut_and_what_is_lost_is_listed(tmp_path):
    history = History(tmp_path / "bad")
    client = history.connect(b"late")
    history.run(client, "SET first 1", "SET second 2")
    history.log.sync()
    history.run(client, "SET third 3")
    history.close()
    [path] = segments(history.folder)
    flip(path, path.read_bytes().index(b"first"))
    untouched = path.read_bytes()
    with pytest.raises(StorageError, match="replay"):
        Log.open(history.folder, filesystem=DISK, now_ms=history.clock)

    told = run("repair", history.folder, "--json")
    kept_as_it_is = run("repair", history.folder, "--apply")
    assert path.read_bytes() == untouched
    done = run("repair", history.folder, "--apply", "--cut")

    assert kept_as_it_is.exit_code == 1
    assert "salvage loses 1 that does not" in kept_as_it_is.stdout
    assert "replay salvage" in kept_as_it_is.stderr
    [step] = json.loads(told.stdout)["steps"]
    assert told.exit_code == 1
    assert (step["action"], step["lost_seqs"]) == ("cut", [3, 4])
    assert done.exit_code == 0, done.output
    assert "loses seq 3: SET second 2" in done.stdout
    kept = path.with_name(path.name + ".torn").read_bytes()
    assert path.read_bytes() + kept == untouched
    Log.open(history.folder, filesystem=DISK, now_ms=history.clock).close()


def test_missing_newest_segment_lets_the_one_before_go_on(copy, history):
    newest = segments(copy)[-1]
    first_seq = int(newest.name[:20])
    newest.unlink()

    assert run("repair", copy).exit_code == 1
    assert run("repair", copy, "--apply").exit_code == 0

    log = Log.open(copy, filesystem=DISK, now_ms=history.clock)
    assert log.last_seq == first_seq - 1
    log.close()


def test_newest_segment_without_a_sound_header_is_set_aside(copy, history):
    newest = segments(copy)[-1]
    flip(newest, 3)

    assert run("repair", copy, "--apply").exit_code == 0

    assert newest.with_name(newest.name + ".damaged").exists()
    Log.open(copy, filesystem=DISK, now_ms=history.clock).close()


def test_sealed_segment_is_replaced_from_a_backup(copy, history, tmp_path):
    run("backup", history.folder, tmp_path / "backup")
    flip(segments(copy)[1], 150)
    assert run("repair", copy).exit_code == 3

    told = run("repair", copy, "--from", tmp_path / "backup")
    done = run("repair", copy, "--from", tmp_path / "backup", "--apply")

    assert told.exit_code == 1
    assert done.exit_code == 0, done.output
    assert digest_of(copy) == digest_of(history.folder)


def test_copy_of_another_log_replaces_nothing(copy, tmp_path):
    other = History(tmp_path / "other", segment_bytes_max=600)
    client = other.connect(b"web")
    other.run(client, *(f"RPUSH queue job:{number}" for number in range(40)))
    flip(segments(copy)[1], 150)

    assert run("repair", copy, "--from", other.folder).exit_code == 3
    other.close()


def test_repair_of_a_folder_in_use_is_refused(history):
    path = segments(history.folder)[-1]
    whole = path.read_bytes()
    flip(path, 120)
    plan = plan_repair(history.folder, filesystem=DISK)

    with pytest.raises(StorageError, match="open"):
        apply_repair(history.folder, plan, filesystem=DISK)

    path.write_bytes(whole)


# --- salvage ---------------------------------------------------------------------


def test_all_but_the_damaged_record_is_saved(copy, history, tmp_path):
    path = segments(copy)[1]
    first_seq = int(path.name[:20])
    flip(path, 110)

    result = run("salvage", copy, tmp_path / "saved", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["gaps"] == [[first_seq, first_seq]]
    assert found["records"] == history.log.last_seq - 1
    times = [
        record.at_ms for record in read_records(tmp_path / "saved", filesystem=DISK)
    ]
    assert times[0] == next(iter(read_records(history.folder, filesystem=DISK))).at_ms
    Log.open(tmp_path / "saved", filesystem=DISK, now_ms=history.clock).close()


def test_sound_log_is_salvaged_whole(copy, history, tmp_path):
    result = run("salvage", copy, tmp_path / "saved")

    assert result.exit_code == 0
    assert digest_of(tmp_path / "saved") == digest_of(history.folder)


def test_log_with_a_gap_says_that_jobs_may_have_been_others(tmp_path):
    made = History(tmp_path / "data")
    client = made.connect(b"worker")
    made.run(client, "RPUSH rq:queue:mail a b c", "LPOP rq:queue:mail")
    lost_seq = made.log.last_seq
    made.run(client, "SET other 1", "LPOP rq:queue:mail", "SET other 2")
    made.close()
    path = segments(made.folder)[0]
    flip(path, path.read_bytes().index(b"LPOP"))

    run("salvage", made.folder, tmp_path / "saved")
    told = [run(verb, tmp_path / "saved") for verb in ("jobs", "top", "audit")]
    points = run("points", tmp_path / "saved", "--kind", "tag").stdout

    # Without the first pop the second took another: nobody can tell any more.
    assert points.split()[0] == f"@{lost_seq}"
    assert points.split()[-1] == f"gap-{lost_seq}-{lost_seq}"
    for each in told:
        assert f"1 record is gone at seq {lost_seq}: what pops took" in each.stderr
    assert run("jobs", made.folder, "--until", "@2").stderr == ""


def test_segment_without_a_header_is_a_gap(copy, tmp_path):
    path = segments(copy)[1]
    first_seq, following = (int(each.name[:20]) for each in segments(copy)[1:3])
    flip(path, 3)

    found = json.loads(run("salvage", copy, tmp_path / "saved", "--json").stdout)

    assert found["gaps"] == [[first_seq, following - 1]]
    assert len(found["damage"]) == 1


def test_record_that_needs_a_lost_one_is_left_out_and_told(tmp_path):
    made = History(tmp_path / "joblog-data")
    client = made.connect()
    made.run(client, "XADD s 1-1 f v", "XGROUP CREATE s g 0", "SET a 1", "XACK s g 1-1")
    made.run(client, "XGROUP CREATECONSUMER s g me", "SET b 2")
    path = segments(made.folder)[0]
    data = path.read_bytes()
    flip(path, data.index(b"CREATE") + 1)

    result = run("salvage", made.folder, tmp_path / "saved", "--json")

    found = json.loads(result.stdout)
    assert found["gaps"] == [[3, 3]]
    assert {seq for seq, _ in found["refused"]} == {5}
    assert digest_of(tmp_path / "saved")
    made.close()


def test_bit_flips_never_lose_more_than_what_they_touch(copy, history, tmp_path):
    sealed = segments(copy)[2]
    whole = sealed.read_bytes()
    first_seq, following = (int(each.name[:20]) for each in segments(copy)[2:4])
    for at in range(96, len(whole), 7):
        flip(sealed, at)
        target = tmp_path / f"saved-{at}"

        found = json.loads(run("salvage", copy, target, "--json").stdout)

        lost = history.log.last_seq - found["records"]
        assert lost <= 2, at
        for first, last in found["gaps"]:
            assert first_seq <= first <= last < following
        shutil.rmtree(target)
        sealed.write_bytes(whole)
