import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.history.notes import ScriptNote, ScriptSourceNote, TagNote, encode_note
from joblog.replay.cli import main
from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.output.texts import from_json_text
from joblog.replay.verbs import VERBS as ALL_VERBS
from joblog.replay.verbs.completing import find_jobs, find_keys
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History

ROOT = Path(__file__).resolve().parent.parent.parent


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


VERBS = [
    ["info"],
    ["log"],
    ["show", "9"],
    ["state"],
    ["keys"],
    ["get", "done"],
    ["history", "job:1"],
    ["why", "job:1"],
    ["diff", "@3", "now"],
    ["changes", "@0..now"],
    ["verify", "--deep"],
    ["index"],
    ["points"],
    ["stats"],
    ["blame", "done"],
    ["bisect", "@2..now", "--check", "EXISTS job:1"],
]


@pytest.mark.parametrize("words", VERBS, ids=[words[0] for words in VERBS])
def test_verb_answers_in_json_too(replay, words):
    result = replay(*words, "--json")

    assert result.exit_code == 0
    assert all(isinstance(answer, dict) for answer in objects(result))


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_verb_explains_itself_with_examples(replay, verb):
    result = replay(verb, "--help")

    assert result.exit_code == 0
    assert "\n  Examples:\n" in result.output
    assert f"\n    replay {verb} " in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["log", "--key", "nope"],
        ["state", "--key", "nope"],
        ["keys", "--at", "@0"],
        ["get", "nope"],
        ["history", "nope"],
        ["blame", "nope"],
        ["dump", "--at", "@0"],
        ["points", "--kind", "tag"],
        ["stats", "--since", "now"],
        ["bisect", "@2..@3", "--check", "EXISTS job:1"],
        ["bisect", "@0..now", "--check", "EXISTS job:1"],
        ["why", "nope"],
        ["diff", "now", "now"],
        ["changes", "now..now"],
        ["show", "99"],
        ["state", "--at", "@99"],
    ],
    ids=" ".join,
)
def test_exit_code_is_1_where_there_is_no_answer(replay, words):
    assert replay(*words).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["log", "--since", "soon"],
        ["log", "-r", "-f"],
        ["log", "-e", "("],
        ["show", "x"],
        ["diff", "@9", "@3"],
        ["bisect", "@9..@3", "--check", "PING"],
        ["bisect", "@2..now"],
        ["bisect", "@2..now", "--check", "NOPE"],
        ["bisect", "@2..now", "--check", "job-in-none"],
        ["changes", "@1"],
        ["verify", "--expect", "abc"],
        ["get", "done", "--raw"],
    ],
    ids=" ".join,
)
def test_exit_code_is_2_where_the_command_line_is_wrong(replay, words):
    assert replay(*words).exit_code == 2


def test_folder_without_a_log_is_one_line(replay, tmp_path):
    (tmp_path / "empty").mkdir()

    result = replay("info", folder=tmp_path / "empty")

    assert result.exit_code == 1
    assert result.stderr.startswith("replay: ")
    assert "not a data folder" in result.stderr


def test_damage_is_exit_code_3_with_the_place(replay, demo):
    (path,) = (demo.folder / "log").glob("*.log")
    data = bytearray(path.read_bytes())
    # The third frame; later ones say that it was synced.
    demo.log.sync()
    demo.run(demo.engine.server.sessions[1], "SET a 1")
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)

    for words in (["verify"], ["log"], ["log", "-n", "1"], ["state"]):
        result = replay(*words)
        assert result.exit_code == 3, words
        assert f"{path}: at byte" in result.output


def test_kept_digest_proves_that_nothing_changed(replay, demo):
    facts = objects(replay("info", "--json"))[0]
    kept = f"{facts['digest']}@{facts['last_seq']}"
    demo.run(demo.engine.server.sessions[1], "SET later 1")

    assert replay("verify", "--expect", kept).exit_code == 0
    assert replay("verify", "--expect", "0" * 64 + "@5").exit_code == 3


def test_deep_verify_compares_the_state_at_each_seal(replay, tmp_path):
    history = History(tmp_path / "log", segment_bytes_max=400)
    digests = iter(range(1, 100))
    history.log.keyspace_digest = lambda: next(digests).to_bytes(20, "big")
    session = history.connect()
    for number in range(10):
        history.run(session, f"SET key {number}")
    history.close()

    result = replay("verify", "--deep", folder=history.folder)

    assert result.exit_code == 3
    assert "NOT AS RECORDED" in result.output
    assert replay("verify", folder=history.folder).exit_code == 0


def test_last_records_come_in_order_and_reversed(replay):
    def seqs(*words):
        return [answer["seq"] for answer in objects(replay("log", "--json", *words))]

    assert seqs("-n", 3) == [12, 13, 14]
    assert seqs("-n", 3, "-r") == [14, 13, 12]
    assert seqs("--to", 4, "-n", 2) == [3, 4]
    assert seqs("--from", "@12") == [12, 13, 14]
    assert seqs("--since", "2023-11-14T22:13:20.021Z") == [12, 13, 14]
    assert seqs("--until", "2023-11-14T22:13:20.001Z") == [2, 3]
    assert seqs("--since", "@13", "--until", "@13") == [13]
    # The sixth takes it out of a list, and does not name it.
    assert seqs("--job", "job:1") == [2, 3, 6, 7, 9, 14]
    assert seqs("--job", "3", "-r") == [11]
    assert seqs("--job", "job:1", "--client", "worker-1", "-n", 1) == [9]


def test_long_last_record_is_the_last(replay, demo):
    demo.run(demo.engine.server.sessions[1], [b"SET", b"big", b"x" * 300_000])

    assert objects(replay("log", "-n", 1, "--json"))[0]["keys"] == ["big"]
    assert objects(replay("info", "--json"))[0]["last_seq"] == demo.log.last_seq


def test_raw_value_is_its_bytes(replay):
    result = replay("get", r"bin\x00\xff", "--raw")

    assert result.stdout_bytes == b"\xe2\x82\xac \x1b[31m\\"


def test_expired_key_is_shown_on_demand_until_its_removal(replay):
    at = ["--at", "2023-11-14T22:13:20.010Z"]

    assert replay("keys", *at, "--key", "lock:*").exit_code == 1
    assert replay("get", "lock:a", *at).exit_code == 1
    assert replay("state", *at, "--key", "lock:*", "--expired").exit_code == 0
    assert "expired at" in replay("why", "lock:a", *at).output


def test_every_type_has_a_value_and_differences(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.run(
        session,
        "SET t:string 1",
        "RPUSH t:list a b",
        "SADD t:set a b",
        "ZADD t:zset 1 a inf b",
        "HSET t:hash f v",
        "XADD t:stream 1-1 f v",
        "XGROUP CREATE t:stream g 0",
    )

    answers = objects(replay("state", "--key", "t:*", "--json"))

    assert {answer["key"]: answer["value"] for answer in answers} == {
        "t:string": "1",
        "t:list": ["a", "b"],
        "t:set": ["a", "b"],
        "t:zset": {"a": 1.0, "b": "inf"},
        "t:hash": {"f": "v"},
        "t:stream": {
            "entries": {"1-1": ["f", "v"]},
            "last_id": "1-1",
            "groups": {"g": {"last_id": "0-0", "consumers": [], "pending": {}}},
        },
    }
    lines = replay("diff", "@14", "now", "--key", "t:*").output
    assert '+ 1-1: "f v"' in lines
    assert "+ b: inf" in lines
    assert all(replay("get", answer["key"]).exit_code == 0 for answer in answers)


def test_dump_makes_another_server_what_this_one_was(replay, demo, tmp_path):
    session = demo.engine.server.sessions[1]
    demo.run(session, "RPUSH l a b", "XADD x 1-1 f v", "PEXPIRE l 100000", "SADD s m")
    lines = objects(replay("dump", "--json"))
    other = History(tmp_path / "other")

    other.run(other.connect(), *[[from_json_text(word) for word in it] for it in lines])

    other.close()
    theirs = objects(replay("state", "--json", folder=other.folder))
    assert theirs == objects(replay("state", "--json"))
    resp = replay("dump", "--resp", "--key", "other").stdout_bytes
    assert resp == (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
        b"*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$1\r\nx\r\n"
    )


def test_tag_is_a_moment(replay, demo):
    session = demo.engine.server.sessions[1]
    note = encode_note(TagNote(b"before-deploy"))
    demo.write((demo.clock.at_ms, 0, [], [session.id, None, note]))
    seq = demo.log.last_seq
    demo.run(session, "SET after 1")

    assert objects(replay("points", "--kind", "tag", "--json"))[0]["seq"] == seq
    assert replay("get", "after", "--at", "before-deploy").exit_code == 1
    assert replay("get", "after", "--at", "no-such-tag").exit_code == 2
    assert "+ after (string)" in replay("diff", "before-deploy", "now").output
    assert "tag before-deploy" in replay("log", "--since", "before-deploy").output
    assert replay("changes", "before-deploy..now").output.startswith("0\tafter")


def test_why_takes_a_job_and_tells_the_line_of_the_script(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.run(session, "RPUSH queue 7f3a 8b1c")
    source = b"-- name: take\nlocal id = ARGV[1]\nredis.call('LREM', KEYS[1], 1, id)"
    sha = "a" * 40
    text = encode_note(ScriptSourceNote(sha, source))
    command = [b"EVALSHA", sha.encode(), b"1", b"queue", b"7f3a"]
    effect = [[b"LREM", b"queue", b"1", b"7f3a"]]
    demo.write(
        (demo.clock.at_ms, 0, [], [session.id, None, text]),
        (
            demo.clock.at_ms,
            0,
            effect,
            [session.id, command, encode_note(ScriptNote(sha))],
        ),
    )

    answer = replay("why", "7f3a").output

    assert "removed from\tqueue\n" in answer
    assert "line 3\tredis.call('LREM', KEYS[1], 1, id)\n" in answer
    facts = objects(replay("why", "7f3a", "--json"))[0]
    assert facts["script"]["lines"] == [3]
    assert facts["before"]["value"] == ["7f3a", "8b1c"]
    assert replay("why", "8b1c").exit_code == 1


def test_why_shows_no_line_that_touched_another_key(replay, demo):
    text = (
        b"redis.call('DEL', KEYS[1])\n"
        b"redis.call('LREM', KEYS[2], 1, KEYS[1])\n"
        b"redis.call('DEL', 'lock:' .. ARGV[1])\n"
        b"redis.call('SELECT', 1) redis.call('DEL', KEYS[1])"
    )
    ops = demo.connect(b"ops")
    demo.run(ops, "SET job:9 x", "SET lock:9 x", "RPUSH active job:9 job:8")
    demo.run(ops, "SELECT 1", "SET job:9 x", "SELECT 0")
    demo.run(ops, [b"EVAL", text, b"2", b"job:9", b"active", b"9"])

    answers = {
        (key, db): objects(replay("why", key, "--db", db, "--json"))[0]
        for key, db in (("job:9", 0), ("job:9", 1), ("active", 0), ("lock:9", 0))
    }

    assert {key: each["script"]["lines"] for key, each in answers.items()} == {
        ("job:9", 0): [1, 4],
        ("job:9", 1): [1, 4],
        ("active", 0): [2],
        ("lock:9", 0): [3],
    }


def test_why_follows_a_job_through_pops_that_do_not_mention_it(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.run(session, "RPUSH q:a j1 j2", "LMOVE q:a q:b LEFT LEFT", "LPUSH q:c other")

    moved = replay("why", "j1", "--json")
    demo.run(session, "RPOPLPUSH q:b q:c", "RPOP q:c", "RPOP q:c")
    popped = replay("why", "j1", "--json")

    assert (objects(moved)[0]["key"], objects(popped)[0]["key"]) == ("q:a", "q:c")
    assert objects(popped)[0]["before"]["value"] == ["j1"]
    assert replay("why", "j2").exit_code == 1


def test_why_finds_a_pop_far_behind_the_push(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.run(session, *[f"RPUSH q:long j{number}" for number in range(400)])
    demo.run(session, *["LPOP q:long", "RPUSH q:long other"] * 400)

    answer = objects(replay("why", "j333", "--json"))[0]

    assert answer["before"]["value"][:2] == ["j333", "j334"]
    assert answer["record"]["effects"] == [["LPOP", "q:long"]]
    assert replay("why", "j0", "--json").exit_code == 0


def test_end_of_a_log_whose_clock_ran_ahead_is_its_last_record(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.clock.at_ms = (int(time.time()) + 86_400) * 1000
    demo.run(session, "SET late 1", "SET gone x PX 60000")

    assert replay("get", "late").output == "1\n"
    assert replay("get", "late", "--at", "now").output == "1\n"
    assert replay("get", "gone").output == "x\n"
    assert replay("log", "--until", "now", "-n", "1").output.count("gone") == 2
    assert "late" in replay("changes", "@0..").output
    assert replay("get", "late", "--at", "1s ago").exit_code == 1


def test_last_values_of_a_key_need_no_more_of_its_history(replay, demo):
    session = demo.engine.server.sessions[1]
    demo.run(session, *[f"SET n {number}" for number in range(30)])

    values = [
        answer["after"]["value"]
        for answer in objects(replay("history", "n", "-n", 3, "--json"))
    ]

    assert values == ["27", "28", "29"]
    assert replay("history", "n", "--since", "now").exit_code == 1


def test_exec_and_show_tell_the_queued_commands(replay):
    assert "queued\n  LREM active 1 job:1\n  SADD done job:1\n" in (
        replay("show", 9).output
    )


def test_show_and_log_mark_the_commands_of_a_transaction_that_failed(replay, demo):
    session = demo.connect()
    script = b"redis.call('SET', KEYS[1], 1) return cjson.encode(1/0)"
    lines = ["MULTI", "SET a x", "INCR a", [b"EVAL", script, b"1", b"b"], "GET a"]
    demo.run(session, *lines)
    demo.engine.run(session, [[b"EXEC"]])
    demo.write()
    seq = demo.log.last_seq

    shown = replay("show", seq).output
    queued = shown[shown.index("queued") : shown.index("effects")].splitlines()[1:]
    failed = [line.endswith(" (failed)") for line in queued]
    assert failed == [False, True, True, False]
    assert "; INCR a (failed); EVAL" in replay("log", "-n", 1).output


def complete(monkeypatch, line):
    """Return what a shell offers for the last word of a command line."""
    words = line.split(" ")
    monkeypatch.setenv("_REPLAY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    output = CliRunner().invoke(main, prog_name="replay").output
    return [offer.split(",", 1)[1] for offer in output.splitlines()]


def test_shell_completes_moments_with_the_tags_of_the_log(demo, monkeypatch):
    for name in (b"before-deploy", b"tuesday", b"tuesday"):
        note = encode_note(TagNote(name))
        demo.write((demo.clock.at_ms, 0, [], [1, None, note]))
    folder = demo.folder

    assert complete(monkeypatch, f"replay get {folder} key --at ") == [
        *("now", "today", "yesterday", "before-deploy", "tuesday"),
    ]
    assert complete(monkeypatch, f"replay bisect {folder} @2..b") == [
        "@2..before-deploy"
    ]
    assert complete(monkeypatch, f"replay log {folder} --since t") == [
        "today",
        "tuesday",
    ]
    assert complete(monkeypatch, "replay get nowhere key --at n") == ["now"]


def test_shell_completes_keys_and_job_ids(demo, monkeypatch):
    web = demo.connect(b"web")
    demo.run(web, "RPUSH rq:queue:mail m1 m2", "HSET rq:job:m2 status queued")
    folder = demo.folder

    for verb in ("get", "history", "why", "blame"):
        assert complete(monkeypatch, f"replay {verb} {folder} rq:") == [
            *("rq:job:m2", "rq:queue:mail"),
        ]
    assert complete(monkeypatch, f"replay get {folder} bin") == ["bin\\x00\\xff"]
    assert complete(monkeypatch, f"replay job {folder} m") == ["m1", "m2"]
    assert complete(monkeypatch, f"replay log {folder} --job m1") == ["m1"]


def test_shell_completes_keys_that_only_a_checkpoint_has(demo):
    build_index(demo.folder, FileSystem(), print, print, part_bytes=64)
    index = LogIndex(demo.folder, FileSystem())

    assert b"bin\x00\xff" in find_keys(index, b"bin")
    assert find_keys(index, b"no such") == []


def test_completion_ends_in_time_on_damage(demo):
    (segment,) = (demo.folder / "log").glob("*.log")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    index = LogIndex(demo.folder, FileSystem())

    assert isinstance(find_keys(index, b"", seconds=0), list)
    assert isinstance(find_jobs(index, b""), list)


def test_shell_completes_names_of_schemas(monkeypatch):
    assert complete(monkeypatch, "replay jobs x --schema bull") == ["bull", "bullmq"]
    assert complete(monkeypatch, "replay jobs x --schema mine.t") == ["mine.t"]


def test_two_moments_may_be_written_as_a_range(replay):
    assert replay("diff", "@4..@9").output == replay("diff", "@4", "@9").output
    assert replay("diff", "@4").exit_code == 2
    assert replay("diff", "@4..@9", "@10").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell):
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert "_REPLAY_COMPLETE" in result.output


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from joblog.replay.cli import main
main(prog_name="replay")
"""
"""The tool, also where a shell's background job passes on that Ctrl-C is ignored."""


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "0"},
    )


@pytest.mark.slow
def test_reader_that_has_seen_enough_ends_it_quietly(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.write(*[(0, 0, [[b"SET", b"k", b"v" * 50]], 1)] * 20_000)
    history.run(session, "SET a 1")
    history.close()
    process = start("log", tmp_path)

    process.stdout.readline()
    process.stdout.close()

    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.slow
def test_follow_shows_a_record_soon_after_it_is_written(demo):
    process = start("log", demo.folder, "--follow", "-n", 1)
    try:
        assert process.stdout.readline().startswith(b"14\t")
        demo.run(demo.engine.server.sessions[1], "SET new 1")
        started = time.monotonic()
        assert b"SET new 1" in process.stdout.readline()
        assert time.monotonic() - started < 20
    finally:
        process.send_signal(2)
        assert process.wait(60) == 0
        process.stdout.close()
        process.stderr.close()


def test_why_tells_the_line_of_the_function(replay, demo):
    web = demo.connect(b"web")
    library = (
        b"#!lua name=mail\n"
        b"redis.register_function('drop', function(keys)\n"
        b"  return redis.call('DEL', keys[1])\n"
        b"end)\n"
    )
    load = [b"FUNCTION", b"LOAD", library]
    demo.run(web, load, "SET gone 1", "FCALL drop 1 gone")

    shown = replay("why", "gone").output

    assert "function\tdrop\n" in shown
    assert "line 3\treturn redis.call('DEL', keys[1])\n" in shown
    facts = json.loads(replay("why", "gone", "--json").output)
    assert facts["script"]["lines"] == [3]
    seq = facts["record"]["seq"]
    assert "  return redis.call('DEL', keys[1])" in replay("show", seq).output
