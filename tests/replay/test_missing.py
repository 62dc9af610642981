"""Where nothing is found, verbs say so, and what there is of a like name."""

import pytest
from click.testing import CliRunner

from joblog.app.history.notes import TagNote, encode_note
from joblog.replay.cli import main
from tests.replay.histories import History

SCRIPT = b"-- name: enqueue\nredis.call('LPUSH', KEYS[1], ARGV[1])"


@pytest.fixture
def folder(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect(b"web")
    history.run(
        session,
        "HSET rq:job:mail-17 status queued origin mail",
        "RPUSH rq:queue:mail mail-17",
        "SADD rq:queues rq:queue:mail",
        "SET counter:visits 1",
        [b"EVAL", SCRIPT, b"1", b"plain", b"job-9"],
    )
    for name in (b"deploy-41", b"deploy-41"):
        note = encode_note(TagNote(name))
        history.write((history.clock.at_ms, 0, [], [1, None, note]))
        history.run(session, "INCR counter:visits")
    history.close()
    return history.folder


def ask(folder, verb, *words):
    return CliRunner().invoke(
        main, [verb, str(folder), *map(str, words)], catch_exceptions=False
    )


MISSING = [
    (["get", "counter:visit"], "is missing at seq", "counter:visits"),
    (["blame", "counter:visit"], "is missing at seq", "counter:visits"),
    (["history", "counter:visit"], "no record there changed a key", "counter:visits"),
    (["why", "counter:visit"], "ever set counter:visit", "counter:visits"),
    (["keys", "--key", "zzz:*"], "no key is like zzz:*", None),
    (["keys", "--key", "counter:vsits*"], "no key is like", "counter:visits"),
    (["state", "--key", "counter:vsits*"], "no key is like", "counter:visits"),
    (["changes", "--key", "counter:vsit*"], "was changed", "counter:visits"),
    (["log", "--key", "counter:vsit*"], "no record is like that", "counter:visits"),
    (["log", "--script", "enqeue"], "no record is like that", "enqueue"),
    (["log", "--job", "mail-71"], "no record is like that", "mail-17"),
    (["log", "--client", "nobody"], "no record is like that", None),
    (["job", "mail-71"], "tells of a job mail-71", "mail-17"),
    (["jobs", "--queue", "male"], "of a queue male", "mail"),
    (["jobs", "--queue", "zzz"], "there are mail", None),
    (["why", "mail-71"], "ever set mail-71", "mail-17"),
    (["clients", "--client", "nobody"], "there is nothing of that kind", None),
    (["jobs", "--lost"], "there is no such job", None),
    (["stats", "--since", "now"], "there is nothing of that kind", None),
    (["points", "--kind", "snapshot"], "there is nothing of that kind", None),
    (["diff", "now", "now"], "there is nothing of that kind", None),
    (["scripts", "--since", "now"], "there is nothing of that kind", None),
]


@pytest.mark.parametrize(("words", "said", "near"), MISSING)
def test_verb_that_finds_nothing_says_so_with_names_that_are_near(
    folder, words, said, near
):
    for form in ([], ["--json"]):
        result = ask(folder, *words, *form)

        assert (result.exit_code, result.stdout) == (1, ""), result.output
        assert said in result.stderr
        assert ("did you mean" in result.stderr) == (near is not None)
        assert (near or "") in result.stderr


def test_first_screen_names_the_queues_that_there_are(folder):
    result = ask(folder, "top", "--queue", "male")

    assert result.exit_code == 1
    assert "there is no job of a queue male; did you mean mail?" in result.stderr


@pytest.mark.parametrize("verb", ["test", "whatif"])
def test_stretch_without_a_record_to_run_is_no_success(folder, verb):
    result = ask(folder, verb, "now..")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no record there changed anything: nothing was run" in result.stderr


@pytest.mark.parametrize(
    ("seq", "said"), [("9", "only seq 1 to 4 are run"), ("1", "changed nothing")]
)
def test_record_that_is_not_run_cannot_be_left_out(folder, seq, said):
    result = ask(folder, "whatif", "..@4", "--drop", seq)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--drop {seq}: " in result.stderr
    assert said in result.stderr


@pytest.mark.parametrize("verb", ["get", "blame", "history", "why"])
def test_key_of_another_database_is_told_with_its_number(tmp_path, verb):
    history = History(tmp_path / "data")
    session = history.connect(b"web")
    history.run(session, "SET a 1", "SELECT 3", "SET only:there 1", "FLUSHDB")
    history.close()

    result = ask(history.folder, verb, "only:there")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "; it was in db3: --db 3" in result.stderr


@pytest.mark.parametrize("word", ["deploy-14", "Deploy-41", "dploy-41"])
def test_tag_that_is_not_there_is_answered_with_those_that_are_near(folder, word):
    result = ask(folder, "log", "--since", word)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean deploy-41?" in result.stderr


def test_script_that_never_ran_is_answered_with_those_that_did(folder, tmp_path):
    new = tmp_path / "new.lua"
    new.write_bytes(SCRIPT)

    result = ask(folder, "whatif", "..", "--script", f"enque={new}")

    assert result.exit_code == 2
    assert "did you mean enqueue?" in result.stderr


def test_id_of_a_job_is_understood_by_history(folder):
    result = ask(folder, "history", "mail-17")

    assert result.exit_code == 0
    assert "mail-17 is a job, and its key is rq:job:mail-17" in result.stderr
    assert result.stdout == ask(folder, "history", "rq:job:mail-17").stdout


def test_job_without_a_key_of_its_own_is_shown_by_history_as_by_job(tmp_path):
    history = History(tmp_path / "data")
    history.run(history.connect(b"web"), "RPUSH rq:queue:mail m1")
    history.close()

    result = ask(history.folder, "history", "m1")

    assert "m1 is no key, but a job" in result.stderr
    assert result.stdout == ask(history.folder, "job", "m1").stdout


def test_tag_that_was_moved_is_told_and_its_old_moment_is_reached(folder):
    moved = ask(folder, "get", "counter:visits", "--at", "deploy-41")
    before = ask(folder, "get", "counter:visits", "--at", "deploy-41~1")
    points = ask(folder, "points", "--kind", "tag")

    assert moved.stdout == "2\n"
    assert before.stdout == "1\n"
    seqs = [line.split("\t")[0] for line in points.stdout.splitlines()]
    assert moved.stderr == (
        f"replay: deploy-41 is {seqs[1]}; it was moved, and deploy-41~1 is {seqs[0]}\n"
    )
    assert before.stderr == ""
    names = [line.split("\t")[-1] for line in points.stdout.splitlines()]
    assert names == ["deploy-41~1", "deploy-41"]
    result = ask(folder, "get", "counter:visits", "--at", "deploy-41~2")
    assert result.exit_code == 2
    assert "deploy-41 was given 2 times: no deploy-41~2" in result.stderr
