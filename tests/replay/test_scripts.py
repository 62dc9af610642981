"""Scripts by name: what they are called, and who called them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.history.notes import TagNote, encode_note
from joblog.replay.cli import main
from joblog.replay.records.scripts import script_name
from tests.replay.histories import History

DATA = Path(__file__).resolve().parent.parent / "data"
TWO = "bullmq", "asynq"
LICENCE = b"-- This file is free software.\n-- See the licence.\n\n"
ENQUEUE = b"-- name: enqueue\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"
PLAIN = b"return redis.call('SET', KEYS[1], ARGV[1])"
FAILING = b"-- Breaks off.\nredis.call('SET', KEYS[1], 1) return redis.call('INCR')"
LIBRARY = (
    b"#!lua name=lib\nredis.register_function('take', function(keys)"
    b" return redis.call('LPOP', keys[1]) end)"
)

NAMES = [
    pytest.param(b"#!lua name=sweep\nreturn 1", b"sweep", id="shebang"),
    pytest.param(b"#!lua flags=no-writes name=a.b\n", b"a.b", id="shebang's second"),
    pytest.param(b"-- name: enqueue\n-- Adds it.", b"enqueue", id="name line"),
    pytest.param(b"\n\n  -- @name: x\nreturn 1", b"x", id="name line behind blanks"),
    pytest.param(b"#!lua\n-- name: y\n", b"y", id="name line behind a shebang"),
    pytest.param(b"--[[ name: z ]]", b"z", id="name in a long comment"),
    pytest.param(
        b"--[[\n  Adds a job to the queue by doing the following:\n  - x",
        b"adds-job-to-queue",
        id="description",
    ),
    pytest.param(b"--[==[ Drains ]] all. ]==]", b"drains-all", id="level of a comment"),
    pytest.param(b"-- Move (or drop) jobs.\n", b"move-jobs", id="aside"),
    pytest.param(b"-- KEYS[1] = lock\nreturn 1", None, id="keys are no description"),
    pytest.param(LICENCE + b"-- Sends it on.", b"sends-it-on", id="behind a licence"),
    pytest.param(b"-- Verschickt B\xc3\xa4lle", b"verschickt-b\xc3\xa4lle", id="UTF-8"),
    pytest.param(b"local a = 1 -- name: b\n", None, id="comment behind code"),
    pytest.param(b"--\nreturn 1", None, id="empty comment"),
    pytest.param(b"", None, id="empty text"),
    pytest.param(b"-- \xff\xfe\x00 !\nreturn 1", None, id="bytes that are no text"),
]


@pytest.mark.parametrize(("source", "name"), NAMES)
def test_script_is_called_by_what_its_head_says(source, name):
    assert script_name(source) == name


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def listed(*words):
    lines = run("scripts", *words, "--json").stdout.splitlines()
    return {each["name"]: each for each in map(json.loads, lines)}


@pytest.fixture
def folder(tmp_path):
    """Return a history with scripts of each kind."""
    history = History(tmp_path / "data")
    web = history.connect(b"web", address="10.0.0.1:1")
    worker = history.connect(b"", address="10.0.0.2:2")
    for number in (b"1", b"2"):
        history.run(web, [b"EVAL", ENQUEUE, b"1", b"queue", number])
    history.write(
        (history.clock.at_ms, 0, [], [1, None, encode_note(TagNote(b"deploy-2"))])
    )
    history.run(worker, [b"EVAL", PLAIN, b"1", b"key", b"value"])
    history.run(worker, "MULTI")
    history.run(worker, [b"EVAL", ENQUEUE, b"1", b"queue", b"3"], "EXEC")
    history.run(web, [b"FUNCTION", b"LOAD", LIBRARY], "FCALL take 1 queue")
    history.engine.run(web, [[b"EVAL", FAILING, b"1", b"other"]])
    history.write()
    history.log.close()
    return str(history.folder)


def test_scripts_are_listed_with_their_calls_and_callers(folder):
    found = listed(folder)

    assert list(found) == ["enqueue", None, "take", "breaks-off"]
    assert found["enqueue"]["calls"] == 3
    assert found["enqueue"]["callers"] == {"web": 2, "10.0.0.2": 1}
    assert found["take"]["kind"] == "function"
    assert found["take"]["sha"] is None
    assert found["breaks-off"]["failed"] == 1
    assert found["enqueue"]["since_tag"] is None
    assert found[None]["since_tag"] == "deploy-2"


def call(history, note):
    effects = [[b"SET", b"key", b"1"]]
    command = [b"EVALSHA", b"ab" * 20, b"0"]
    history.write((history.clock.at_ms, 0, effects, [1, command, note]))


def test_what_calls_took_is_added_up_where_records_tell_it(tmp_path):
    history = History(tmp_path / "data")
    history.connect(b"web", address="10.0.0.1:1")
    call(history, None)
    folder = str(history.folder)
    before, plain = listed(folder)[None], run("scripts", folder).stdout
    for note in ({"us": 57}, {"us": 1500}, {"kind": "script", "sha": "ab" * 20}):
        call(history, note)
    queued = [[b"EVALSHA", b"ab" * 20, b"0"], [b"GET", b"key"], 0]
    note = {"kind": "exec", "queued": queued, "took": [43]}
    history.write(
        (history.clock.at_ms, 0, [[b"SET", b"x", b"1"]], [1, [b"EXEC"], note])
    )
    history.log.close()

    found = listed(folder)[None]

    assert (before["timed"], before["took_us"], before["mean_us"]) == (0, None, None)
    assert "took" not in plain
    assert found["calls"] == 5
    assert found["timed"] == 3
    assert found["took_us"] == 1600
    assert found["longest_us"] == 1500
    assert found["mean_us"] == 533.3
    assert "1.6 ms\t533 µs" in run("scripts", folder).stdout
    [told] = [
        json.loads(line)
        for line in run(
            "sql", folder, "select took_us, longest_us from scripts", "--json"
        ).stdout.splitlines()
    ]
    assert told == {"took_us": 1600, "longest_us": 1500}


def test_calls_are_those_of_a_range(folder):
    assert listed(folder, "--until", "deploy-2")["enqueue"]["calls"] == 2
    assert listed(folder, "--since", "deploy-2")["enqueue"]["calls"] == 1
    assert run("scripts", folder, "--until", "@0").exit_code == 1


def test_files_are_found_by_their_bytes(folder, tmp_path):
    source = tmp_path / "lua" / "jobs"
    source.mkdir(parents=True)
    (source / "enqueue.lua").write_bytes(ENQUEUE)
    (source / "old.lua").write_bytes(ENQUEUE + b"\n")

    found = listed(folder, "--files", str(tmp_path / "lua"))

    assert found["enqueue"]["file"] == "jobs/enqueue.lua"
    assert found[None]["file"] is None


def test_every_verb_shows_names_in_place_of_digests(folder):
    sha = listed(folder)["enqueue"]["sha"]
    answers = [
        run("log", folder, "--key", "queue").output,
        run("show", folder, "3").output.split("note")[0],
        run("why", folder, "queue", "--at", "deploy-2").output.split("script\t")[0],
        run("history", folder, "queue", "-n", "9").output,
    ]

    for answer in answers:
        assert "EVALSHA enqueue 1 queue" in answer
        assert sha not in answer
    assert f"script\tenqueue {sha}\t2" in run("stats", folder).output
    first = json.loads(run("log", folder, "--json").stdout.splitlines()[0])
    assert first["script"] == "enqueue"
    assert first["command"][1] == sha


def test_receipts_and_losses_show_names_too(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect(b"worker")
    for job in (b"a", b"b", b"c"):
        history.run(session, [b"EVAL", ENQUEUE, b"1", b"queue", job])
    history.close()
    receipt = str(tmp_path / "receipt.json")
    folder = str(history.folder)
    run("prove", folder, "--key", "queue", "-o", receipt)

    told = run("check", receipt).stdout
    facts = json.loads(run("check", receipt, "--json").stdout)
    [log] = (history.folder / "log").glob("*.log")
    damaged = bytearray(log.read_bytes())
    damaged[damaged.rindex(b"RPUSH", 0, -100)] ^= 1
    log.write_bytes(damaged)
    lost = run("repair", folder).stdout

    assert told.count("EVALSHA enqueue 1 queue") == 3
    assert [each.get("script") for each in facts["records"]].count("enqueue") == 3
    assert "EVALSHA enqueue 1 queue c" in lost


def test_one_without_a_name_is_told_by_its_digest(folder):
    sha = listed(folder)[None]["sha"]

    assert f"EVALSHA {sha} 1 key value" in run("log", folder).output


def test_names_find_records(folder):
    lines = run("log", folder, "--script", "breaks*").output.splitlines()

    assert len(lines) == 1
    assert "EVALSHA breaks-off" in lines[0]


RECORDED = sorted([*DATA.glob("tours/*/data"), *DATA.glob("histories/*/data")])


@pytest.mark.parametrize("data", RECORDED, ids=lambda data: data.parent.name)
def test_scripts_of_each_library_have_names(data):
    lines = run("scripts", str(data), "--json").stdout.splitlines()
    names = [json.loads(line)["name"] for line in lines]

    assert None not in names
    assert len(names) == len(set(names))


def test_names_are_what_the_scripts_do():
    bullmq, asynq = (listed(str(DATA / "tours" / name / "data")) for name in TWO)

    assert {"adds-job-to-queue", "move-stalled-jobs-to-wait"} <= set(bullmq)
    assert asynq["asynq:dequeue"]["calls"] > asynq["asynq:retry"]["calls"] > 0
