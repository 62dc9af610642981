"""`replay demo`: its walk is the golden one, and what it finds is true."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.demo import MENDED_SWEEP, STEPS, SWEEP, make_demo
from joblog.storage.filesystem import FileSystem
from tests.replay import sessions


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def steps():
    """Return the steps of the walk, by their verb."""
    lines = run("demo", "--json").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert len(found) == len(STEPS) + 1
    assert found[-1]["next"]
    return {tuple(step["command"].split()[1:4:2]): step for step in found[:-1]}


def test_walk_is_the_golden_one():
    result = run("demo")

    assert result.exit_code == 0
    assert result.output == sessions.DEMO.read_text()


def test_each_fault_is_found_and_named(steps):
    everything = steps["jobs", "--lost"]
    verdicts = {job["id"]: job["verdict"] for job in everything["answer"]}

    assert verdicts == {
        "mail-2": "lost",
        "mail-3": "delivered twice",
        "mail-5": "stuck",
    }
    assert all(step["exit_code"] == 0 for step in steps.values())


def test_loss_is_traced_to_the_line_of_the_script_that_did_it(steps):
    why = steps["why", "mail-2"]["answer"][0]
    job = steps["job", "mail-2"]["answer"][0]
    bisected = steps["bisect", "@0..alarm"]["answer"][0]

    assert why["record"]["client"]["name"] == "cron"
    assert [SWEEP.splitlines()[number - 1] for number in why["script"]["lines"]] == [
        "local id = redis.call('RPOP', KEYS[1])"
    ]
    assert job["by"]["seq"] == why["record"]["seq"]
    assert str(why["record"]["seq"]) in json.dumps(bisected)


def test_mended_script_would_have_kept_the_job(steps):
    rehearsed = next(step for words, step in steps.items() if words[0] == "whatif")
    undone = next(step for words, step in steps.items() if words[0] == "revert")

    assert ["LPUSH", "rq:queue:mail", "mail-2"] in rehearsed["answer"][0]["outcomes"][
        0
    ]["now"]
    assert undone["answer"][0]["commands"][0]["argv"][-1] == "mail-2"
    assert Path("joblog-demo/sweep-mended.lua").read_text() == MENDED_SWEEP != SWEEP


def test_command_lines_can_be_typed_again_for_the_same_answer(steps):
    for step in steps.values():
        again = sessions.run(f"{step['command']} --json")

        assert [json.loads(line) for line in again.splitlines()] == step["answer"]


def test_history_is_whole_and_the_same_each_time(tmp_path):
    found = [make_demo(tmp_path / name, FileSystem()) for name in ("one", "two")]

    assert found[0] == found[1]
    assert run("verify", "one").exit_code == 0
    assert run("log", "one").output == run("log", "two").output


def test_folder_with_something_in_it_is_left_alone():
    Path("full").mkdir()
    Path("full/file").write_text("mine")

    result = run("demo", "full")

    assert result.exit_code == 1
    assert "full is not empty" in result.stderr
    assert [path.name for path in Path("full").iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("options", "typed", "steps"),
    [([], "\n" * 20, len(STEPS)), ([], "\nq\n", 2), (["--no-pause"], "", len(STEPS))],
)
def test_terminal_waits_for_enter_between_the_steps(options, typed, steps):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "joblog.replay", "demo", "there", *options]
    environment = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = _read_all(ours)
    os.close(ours)

    assert process.returncode == 0, shown
    assert shown.count("$ replay ") == steps
    assert shown.count("Enter goes on") == (0 if options else steps)
    assert "What to try next" in shown


def _read_all(terminal):
    """Return what was written to a terminal until whoever writes has gone."""
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return shown.decode()
        if not piece:
            return shown.decode()
        shown += piece
