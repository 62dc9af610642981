"""A log that has lost its beginning: what is still known is told, the rest refused."""

import itertools
import json
import shutil

import pytest

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.verbs import options
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.support.pruning import OvertakenFileSystem, prune


@pytest.fixture
def pruned(tmp_path):
    """Return a folder, the last record before its floor, and the log's last one."""
    folder = tmp_path / "pruned-data"
    history = History(folder, segment_bytes_max=400)
    session = history.connect(b"web")
    history.run(session, "HSET job:1 state new", "RPUSH queue job:1")
    for number in range(30):
        history.run(session, f"SET key {number}")
    history.run(session, "HSET job:1 tries 1", "DEL key", "RPOP queue")
    history.close()
    return folder, prune(folder), history.log.last_seq


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def require_refused(result, reason, words):
    """Check that a verb said why it has no answer, and nothing else."""
    assert result.exit_code == 1, words
    assert reason in result.stderr, words
    assert result.stdout == "", words


def test_moment_below_the_floor_is_refused_by_every_verb(replay, pruned):
    folder, floor, _ = pruned
    below = f"@{floor - 1}"

    for words in (
        ["get", "key", "--at", below],
        ["state", "--at", below],
        ["keys", "--at", below],
        ["dump", "--at", below],
        ["history", "key", "--at", below],
        ["history", "key", "--since", below],
        ["blame", "key", "--at", below],
        ["why", "key", "--at", below],
        ["diff", below, "now"],
        ["changes", f"{below}..now"],
        ["stats", "--since", below],
        ["bisect", f"{below}..now", "--check", "PING"],
        ["show", floor - 1],
    ):
        require_refused(
            replay(*words, folder=folder), f"the log starts at seq {floor + 1}", words
        )


def test_what_the_snapshot_stands_for_is_known(replay, pruned):
    folder, floor, last_seq = pruned

    assert replay("get", "job:1", "--at", f"@{floor}", folder=folder).exit_code == 0
    assert replay("get", "job:1", folder=folder).output == "state\tnew\ntries\t1\n"
    points = objects(replay("points", "--json", folder=folder))
    assert {"seq": floor, "kind": "snapshot"}.items() <= {
        **next(point for point in points if point["kind"] == "snapshot")
    }.items()
    assert "key" in replay("why", "key", folder=folder).output
    assert replay("show", last_seq, folder=folder).exit_code == 0


def test_history_and_blame_tell_that_more_was_before(replay, pruned):
    folder, floor, _ = pruned

    history = replay("history", "job:1", "--json", folder=folder)
    blame = replay("blame", "job:1", "--json", folder=folder)

    assert f"what was before seq {floor + 1} is pruned" in history.stderr
    assert [answer["after"]["value"] for answer in objects(history)] == [
        {"state": "new", "tries": "1"}
    ]
    by_field = {answer["place"]: answer["record"] for answer in objects(blame)}
    assert by_field["state"] is None
    assert by_field["tries"]["command"] == ["HSET", "job:1", "tries", "1"]


def test_copy_gives_the_same_answers(replay, pruned, tmp_path):
    folder, _, _ = pruned
    shutil.copytree(folder, tmp_path / "copy")

    for words in (["state"], ["history", "job:1"], ["log"], ["why", "key"]):
        assert (
            replay(*words, folder=tmp_path / "copy").stdout
            == replay(*words, folder=folder).stdout
        )


@pytest.fixture
def behind(pruned):
    """Return a folder whose one snapshot is of later than its first records."""
    folder, floor, last_seq = pruned
    disk = FileSystem()
    paths = LogFolder(folder, disk)
    later = floor + 8
    fold = recover(folder, disk, until_seq=later)
    save_snapshot(paths, disk, fold.keyspace, later, 0)
    paths.snapshot_path(floor).unlink()
    return folder, later, last_seq


def test_moment_of_which_only_records_are_kept_is_refused_by_every_verb(replay, behind):
    folder, floor, _ = behind
    below = f"@{floor - 3}"

    for words in (
        ["get", "key", "--at", below],
        ["keys", "--at", below],
        ["history", "key", "--at", below],
        ["history", "key", "--since", below],
        ["blame", "key", "--at", below],
        ["why", "key", "--at", below],
        ["diff", below, "now"],
        ["jobs", "--at", below],
        ["job", "job:1", "--at", below],
        ["audit", f"{below}..now"],
        ["bisect", f"{below}..now", "--check", "PING"],
        ["show", floor - 3],
        ["whatif", f"{below}..now"],
        ["revert", below],
    ):
        require_refused(
            replay(*words, folder=folder),
            f"first moment that can be opened is @{floor}",
            words,
        )


@pytest.mark.parametrize(
    "words",
    [
        ["audit", ".."],
        ["audit", "..now", "--json"],
        ["changes", ".."],
        ["diff", ".."],
        ["revert", ".."],
        ["revert", "--client", "1"],
    ],
)
def test_range_without_a_beginning_begins_with_what_can_be_opened(
    replay, behind, words
):
    folder, floor, _ = behind
    told = [word.replace("..", f"@{floor}..") for word in words]

    result = replay(*words, folder=folder)

    assert result.exit_code == 0
    assert f"what was before seq {floor + 1} is pruned" in result.stderr
    if told != words:
        assert result.stdout == replay(*told, folder=folder).stdout


def test_nothing_to_revert_is_no_failure_of_a_pruned_log(replay, behind):
    result = replay("revert", "--client", "nobody", folder=behind[0])

    assert result.exit_code == 1
    assert "pruned: the first" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["get", "job:1"],
        ["keys"],
        ["state"],
        ["history", "key", "-n", "1"],
        ["why", "key"],
        ["blame", "job:1"],
        ["show", "LAST"],
        ["diff", "@BEFORE", "now"],
        ["log", "--key", "job:1"],
        ["log", "--since", "1970-01-02", "--reverse", "-n", "2"],
        ["bisect", "@BEFORE..now", "--check", "PING"],
        ["verify"],
        ["prove", "LAST"],
    ],
)
def test_verb_begins_anew_where_pruning_overtakes_it(
    replay, pruned, tmp_path, monkeypatch, words
):
    folder, _, last_seq = pruned
    words = [
        word.replace("LAST", str(last_seq)).replace("BEFORE", str(last_seq - 1))
        for word in words
    ]
    expected = replay(*words, folder=folder)
    for point in itertools.count(1):
        copy = shutil.copytree(folder, tmp_path / f"copy-{point}")
        filesystem = OvertakenFileSystem(copy, point)
        with monkeypatch.context() as patch:
            patch.setattr(options, "open_disk", lambda fs=filesystem, **_: fs)
            result = replay(*words, folder=copy)
        if filesystem.looks_left > 0:
            break  # it looked less often than that

        assert result.exit_code == expected.exit_code, (point, result.output)
        if words[0] not in ("verify", "state", "prove"):  # which tell of the segments
            assert result.stdout == expected.stdout
    assert point > 3
