"""Ranges and folders are said in one way: each verb that takes one is asked each form.

A new verb is in the tables here, or the first tests fail.
"""

import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from joblog.app import clock
from joblog.app.history.notes import TagNote, encode_note
from joblog.replay.cli import main
from joblog.replay.verbs import Verbs
from joblog.replay.verbs.folders import FolderArgument, find_folder
from tests.replay.histories import make_demo

OF_A_RANGE = {
    "audit": [],
    "bisect": ["--check", "EXISTS nowhere"],
    "blame": ["queue"],
    "changes": [],
    "clients": [],
    "diff": [],
    "export": ["--aof", "made.aof"],
    "history": ["queue"],
    "jobs": ["--all"],
    "keys": [],
    "log": [],
    "metrics": ["--step", "1000h"],
    "points": [],
    "revert": [],
    "scripts": [],
    "spans": [],
    "sql": ["SELECT seq, command FROM records ORDER BY seq"],
    "stats": [],
    "test": [],
    "top": [],
    "whatif": [],
}
"""The verbs that take a range, and what else each needs."""

OF_ONE_MOMENT = {
    *(
        "anchor",
        "backup",
        "check",
        "completion",
        "demo",
        "dump",
        "follow",
        "get",
        "import",
    ),
    *("index", "info", "job", "prove", "redact", "rekey", "repair", "restore"),
    *("salvage",),
    *("serve", "show", "state", "ui", "verify", "web", "why"),
}
"""The others: of one moment, one record, or all of the log."""

OF_NO_FOLDER = {"check", "completion", "demo", "follow", "import", "ui", "web"}
MORE_WORDS = {
    "backup": ["copy"],
    "get": ["queue"],
    "job": ["job:1"],
    "prove": ["@2"],
    "redact": ["--key", "queue", "--why", "a request"],
    "restore": ["copy", "--at", "@3"],
    "salvage": ["saved"],
    "show": ["2"],
    "why": ["job:1"],
}
HELP = {
    "since": "Only what came after this moment, as A in A..B.",
    "until": "Only what came up to this moment, as B in A..B.",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Be in a folder with `joblog-data`, the demo's log with two tags."""
    history = make_demo(tmp_path / "joblog-data")
    for name in (b"first", b"second"):
        note = encode_note(TagNote(name))
        history.write((history.clock.at_ms, 0, [], [1, None, note]))
        history.run(history.connect(b"late"), f"RPUSH queue {name.decode()}")
    history.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPLAY_DIR", raising=False)
    return tmp_path


def ask(*words):
    return CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)


def answer(*words):
    """Return what a verb answers, its exit code, and the file that it made."""
    result = ask(*words)
    made = b""
    if "made.aof" in words:
        made = Path("made.aof").read_bytes()
        Path("made.aof").unlink()
    return result.stdout, result.exit_code, made


def parameters(verb):
    return {param.name: param for param in Verbs()[verb].params}


def test_each_verb_is_known_to_take_a_range_or_not():
    assert set(Verbs()) == {*OF_A_RANGE, *OF_ONE_MOMENT}


@pytest.mark.parametrize("verb", sorted(OF_A_RANGE))
def test_range_has_the_same_words_in_every_help(verb):
    known = parameters(verb)

    for name, text in HELP.items():
        assert known[name].help == text
        assert f"--{name}" in known[name].opts
    assert known["word"].shell_complete is not None


@pytest.mark.parametrize("verb", sorted(OF_ONE_MOMENT))
def test_verb_without_a_range_has_none_of_its_options(verb):
    assert not {"since", "word"} & parameters(verb).keys()


FORMS = [
    pytest.param("@4", "@9", id="records"),
    pytest.param("2023-11-14T22:13:20.003Z", "2023-11-14T22:13:20.02Z", id="times"),
    pytest.param("first", "second", id="tags"),
    pytest.param("@2", "now", id="open end"),
]


@pytest.mark.parametrize("verb", sorted(OF_A_RANGE))
@pytest.mark.parametrize(("first", "last"), FORMS)
def test_range_means_the_same_in_each_form(home, monkeypatch, verb, first, last):
    monkeypatch.setattr(clock, "now_ms", lambda: 1_800_000_000_000)
    more = [*OF_A_RANGE[verb], "--json"]
    dotted = answer(verb, "joblog-data", *more, f"{first}..{last}")
    options = answer(verb, "joblog-data", *more, "--since", first, "--until", last)

    assert dotted[1] in {0, 1}, dotted
    if verb == "log":  # the record of that moment is shown by --since too, as ever
        lines = options[0].splitlines(keepends=True)
        options = "".join(lines[1:]), *options[1:]
    assert options == dotted
    # The same without a folder.
    assert answer(verb, *more, f"{first}..{last}") == dotted
    # Metrics go on until now where that is said, else to a step behind the last record.
    if last == "now" and verb != "metrics":
        assert answer(verb, *more, f"{first}..") == dotted
        if verb != "log":
            assert answer(verb, *more, "--since", first) == dotted


@pytest.mark.parametrize("verb", sorted(OF_A_RANGE))
def test_range_that_is_said_wrongly_is_a_wrong_command_line(home, verb):
    more = OF_A_RANGE[verb]

    for words, reason in (
        (["@9..@4"], "A must not be later than B"),
        (["@4..@9", "--since", "@4"], "say the range once"),
        (["soon-..@4", *more[1:1]], "no moment"),
        (["--since", "not now"], "no moment"),
    ):
        result = ask(verb, "joblog-data", *more, *words)
        assert (result.exit_code, result.stdout) == (2, ""), words
        assert reason in result.stderr


@pytest.mark.parametrize("verb", sorted({*OF_A_RANGE, *OF_ONE_MOMENT} - OF_NO_FOLDER))
def test_folder_may_be_left_out_of_every_verb(home, monkeypatch, verb):
    if verb in {"rekey", "serve"}:  # they want a key first, and would not end
        folder = parameters(verb)["folder"]
        assert isinstance(folder, FolderArgument)
        return
    more = OF_A_RANGE.get(verb, MORE_WORDS.get(verb, []))
    span = ["@2..@9"] if verb in OF_A_RANGE else []

    result = ask(verb, *more, *span)

    assert "replay: joblog-data (the nearest data folder)\n" in result.stderr
    assert result.exit_code in {0, 1}, result.output


def test_folder_is_found_as_git_finds_its_own(home, monkeypatch):
    def found():
        return ask("points", "--kind", "start").stderr.splitlines()[0]

    below = home / "joblog-data" / "schemas" / "mine"
    below.mkdir(parents=True)
    monkeypatch.chdir(home / "joblog-data")
    assert found() == "replay: . (the nearest data folder)"
    monkeypatch.chdir(below)
    assert found() == "replay: ../.. (the nearest data folder)"
    monkeypatch.chdir(home)
    (home / "joblog-data").rename(home / "data")
    assert found() == "replay: data (the nearest data folder)"
    (home / "src").mkdir()
    monkeypatch.chdir(home / "src")
    assert found() == "replay: ../data (the nearest data folder)"
    shutil.copytree(home / "data", home / "other")
    monkeypatch.setenv("REPLAY_DIR", str(home / "other"))
    assert found() == f"replay: {home / 'other'} (by REPLAY_DIR)"


def test_named_folder_is_taken_and_not_told(home, monkeypatch):
    monkeypatch.setenv("REPLAY_DIR", "nowhere")

    assert ask("stats", "joblog-data").stderr == ""
    assert ask("get", "joblog-data", "queue").stderr == ""
    result = ask("stats")
    assert result.exit_code == 2
    assert "'nowhere' does not exist" in result.stderr


def test_no_folder_is_a_wrong_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPLAY_DIR", raising=False)
    if find_folder() is not None:
        pytest.skip("this machine has a data folder above its temporary ones")

    result = ask("history", "queue")

    assert result.exit_code == 2
    assert "no data folder is here or above: name one, or set REPLAY_DIR" in (
        result.stderr
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["stats", "joblog-dta"], "'joblog-dta' does not", id="misspelt"),
        pytest.param(
            ["history", "joblog-dta", "queue"], "'joblog-dta' does not", id="with key"
        ),
        pytest.param(
            ["diff", "joblog-dta", "@2..@3"], "'joblog-dta' does not", id="with range"
        ),
        pytest.param(["get", "joblog-data"], "Missing argument 'KEY'", id="no key"),
        pytest.param(["restore", "joblog-data", "--at", "@3"], "TARGET", id="target"),
        pytest.param(["log", "a", "b", "c"], "'a' does not exist", id="too many"),
    ],
)
def test_misspelt_folder_is_not_taken_for_another_argument(home, words, reason):
    result = ask(*words)

    assert result.exit_code == 2
    assert reason in result.stderr
    assert not any(click.unstyle(line) for line in result.stdout.splitlines())


def test_key_that_looks_like_a_range_is_a_key(home):
    history = make_demo(home / "dotted")
    history.run(history.connect(b"x"), "SET a..b 1")
    history.close()

    assert ask("history", "dotted", "a..b").exit_code == 0
    assert ask("history", "dotted", "a..b", "@1..now").exit_code == 0
    assert ask("get", "dotted", "a..b").stdout == "1\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("replay history que", "queue", id="key"),
        pytest.param("replay stats --since fir", "first", id="tag of an option"),
        pytest.param("replay log @2..sec", "@2..second", id="range"),
    ],
)
def test_shell_completes_without_a_folder(home, monkeypatch, line, offered):
    words = line.split()
    monkeypatch.setenv("_REPLAY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))

    output = CliRunner().invoke(main, prog_name="replay").output

    assert f"plain,{offered}" in output.splitlines()
