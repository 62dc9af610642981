"""On a terminal: no line is wider than it, long answers are paged, and all ends well.

The verbs run in a child process whose terminal is a pseudo terminal of a given width.
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest
from rich.cells import cell_len

from joblog.replay import demo as demo_history
from joblog.replay.verbs import Verbs
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History, make_demo
from tests.support.waiting import wait_until

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
MANY = """
import json, sys
from joblog.replay.cli import main
for words in json.loads(sys.argv[1]):
    print("\\n$ " + " ".join(words), flush=True)
    code = main(words, prog_name="replay", standalone_mode=False)
    print(f"[{code}]", flush=True)
"""
MORE_WORDS = {
    "anchor": [],
    "audit": [],
    "clients": [],
    "bisect": ["..", "--check", "EXISTS nowhere-" + "x" * 90],
    "blame": ["job:1", "--at", "@9"],
    "changes": [],
    "diff": ["@2..now"],
    "get": ["queue", "--at", "@3"],
    "history": ["job:1"],
    "info": [],
    "job": ["job:1"],
    "jobs": ["--all"],
    "keys": [],
    "log": ["--all"],
    "points": [],
    "repair": [],
    "scripts": [],
    "show": ["11"],
    "sql": ["SELECT seq, command FROM records ORDER BY seq"],
    "state": [],
    "stats": [],
    "test": [],
    "top": [],
    "verify": [],
    "whatif": ["..", "--drop", "3"],
    "why": ["job:1"],
}
NO_ROWS = {
    # Commands to be pasted, which must not be broken.
    *("dump", "revert"),
    # What other programs read.
    *("metrics", "spans"),
    # Of files or other folders, in facts about them, or of no end.
    *("backup", "check", "completion", "demo", "export", "follow", "import", "index"),
    *("prove", "redact", "rekey", "restore", "salvage", "serve", "ui", "web"),
}


def start(words, width=80, height=24, **environment):
    """Start a program on a terminal; return it, and the terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    unset = {"COLUMNS", "LINES", "NO_COLOR", "REPLAY_PAGER", "LESS", "PAGER"}
    known = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=known | {"TERM": "xterm-256color", "TZ": "UTC"} | environment,
    )
    os.close(theirs)
    return process, ours


def read_until_end(process, terminal):
    parts = []
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while part := os.read(terminal, 1 << 16):
            parts.append(part)
    process.wait()
    os.close(terminal)
    return b"".join(parts).decode()


def shown(process, terminal):
    """Return the lines that a program wrote, without colours."""
    text = ESCAPE.sub("", read_until_end(process, terminal))
    return text.replace("\r\n", "\n").split("\n")


def replay(*words):
    return ["-m", "joblog.replay", *map(str, words)]


@pytest.fixture
def wide(tmp_path):
    """Return a demo with long keys, values, names and lists."""
    history = make_demo(tmp_path / "a-folder-with-a-long-name" / "joblog-data")
    session = history.connect(b"a-worker-with-quite-a-long-name-on-host-17.example")
    key = "a:key:" + "of:many:words:" * 9
    history.run(
        session,
        f"SET {key} {'value' * 60}",
        f"HSET {'schlüssel:日本語:' * 5} {'field' * 20} 1",
        "RPUSH queue " + " ".join(f"job:{number}" for number in range(200)),
        "RPUSH rq:queue:mail 7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11",
    )
    history.close()
    return history.folder


def test_each_verb_is_asked_for_its_width_or_has_a_reason():
    assert set(Verbs()) == {*MORE_WORDS, *NO_ROWS}


@pytest.mark.parametrize("width", [80, 130])
def test_no_line_is_wider_than_the_terminal(wide, monkeypatch, width):
    asked = [[verb, str(wide), *more] for verb, more in MORE_WORDS.items()]
    asked += [["log", str(wide), "--oneline"], ["diff", str(wide), "..", "--oneline"]]
    # Folders' names are the user's: they come from the command line.
    asked = [[word.replace(str(wide), ".") for word in words] for words in asked]
    words = ["-c", MANY, json.dumps(asked)]
    monkeypatch.chdir(wide)

    lines = shown(*start(words, width, PAGER="cat"))

    assert sum(line.startswith("$ ") for line in lines) == len(asked), lines[-5:]
    assert not [line for line in lines if "Traceback" in line]
    too_wide = [
        line for line in lines if cell_len(line) > width and not line.startswith("$ ")
    ]
    assert too_wide == []
    assert any("…" in line for line in lines)
    # An id is whole, however narrow it gets.
    assert sum("7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11" in line for line in lines) >= 1


def test_times_are_told_exactly_and_relatively(demo):
    lines = shown(*start(replay("log", demo.folder, "-n", "1"), PAGER="cat"))

    told = r"14  2023-11-14 22:13:20\.025 \d+y ago  web #1  DEL job:1"
    assert re.match(told, lines[0])


def long_folder(tmp_path, jobs=300):
    history = History(tmp_path / "data")
    session = history.connect(b"web")
    for number in range(jobs):
        history.run(session, f"RPUSH numbers {number}")
    history.close()
    return tmp_path / "data"


def test_headings_of_a_long_table_are_written_once(tmp_path):
    folder = long_folder(tmp_path, jobs=1200)

    lines = shown(*start(replay("jobs", folder, "-n", "0"), PAGER="cat"))

    headings = [line.split() for line in lines if line.startswith("job ")]
    assert [words[:3] for words in headings] == [["job", "queue", "verdict"]]
    rows = [line for line in lines if "waiting" in line and "numbers" in line]
    assert len(rows) == 1200


@pytest.mark.parametrize("width", [80, 130])
def test_steps_of_a_job_are_told_whole(tmp_path, width):
    demo_history.make_demo(tmp_path / "demo", FileSystem())
    words = replay("job", tmp_path / "demo", "mail-3")

    lines = shown(*start(words, width, PAGER="cat"))

    told = " ".join(" ".join(lines).split())
    assert "…" not in told
    assert told.count("by worker-3 #5 10.0.0.5:40005, LMOVE rq:queue:mail") == 2
    assert "notes ! taken again after it was done" in told


def test_jobs_on_a_terminal_are_bounded_and_say_how_to_see_all(tmp_path):
    folder = long_folder(tmp_path)

    lines = shown(*start(replay("jobs", folder), PAGER="cat"))
    everything = shown(*start(replay("jobs", folder, "-n", "0"), PAGER="cat"))

    assert len(lines) < 110
    told = " ".join(lines)
    assert "300 jobs: 300 waiting; 200 more are not shown: -n 0 shows all" in told
    assert sum("numbers" in line for line in everything) == 300
    piped = subprocess.run(
        [sys.executable, *replay("jobs", folder)], capture_output=True, check=True
    )
    assert piped.stdout.count(b"\n") == 300


@pytest.mark.parametrize("width", [80, 130])
def test_reason_that_is_too_long_ends_in_an_ellipsis(tmp_path, width):
    history = History(tmp_path / "data")
    session = history.connect(b"web")
    error = b"ValueError: " + b"long " * 60
    words = [b"HSET", b"rq:job:7", b"status", b"failed", b"origin", b"mail"]
    history.run(session, [*words, b"exc_info", error])
    history.run(session, "ZADD rq:failed:mail 1 7")
    history.close()

    lines = shown(*start(replay("jobs", tmp_path / "data"), width, PAGER="cat"))

    (told,) = [line.rstrip() for line in lines if "ValueError" in line]
    assert told.endswith("…")
    assert cell_len(told) <= width


PAGER = "head -c 300; echo; echo PAGED"


def test_long_answer_goes_through_the_pager_and_ends_well(tmp_path):
    folder = long_folder(tmp_path)

    process, terminal = start(replay("log", folder), REPLAY_PAGER=PAGER, PAGER="cat")
    lines = shown(process, terminal)

    assert "PAGED" in lines
    assert process.returncode == 0
    assert not [line for line in lines if "Error" in line or "Traceback" in line]


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        pytest.param(["--no-pager", "stats"], {}, id="before the verb"),
        pytest.param(["stats", "--no-pager"], {}, id="behind the verb"),
        pytest.param(["stats", "--json"], {}, id="json"),
        pytest.param(["stats", "--plain"], {}, id="plain"),
        pytest.param(["stats"], {"REPLAY_PAGER": ""}, id="none"),
        pytest.param(["stats"], {"REPLAY_PAGER": "no-such-program"}, id="missing"),
        pytest.param(["stats"], {"TERM": "dumb"}, id="dumb terminal"),
    ],
)
def test_there_is_no_pager(demo, words, environment):
    at = 1 + (words[0] == "--no-pager")
    words = [*words[:at], str(demo.folder), *words[at:]]

    lines = shown(*start(replay(*words), **({"REPLAY_PAGER": PAGER} | environment)))

    assert "PAGED" not in lines
    assert any("records" in line for line in lines)


def test_pipe_has_no_pager_and_no_colours(demo):
    found = subprocess.run(
        [sys.executable, *replay("log", demo.folder)],
        capture_output=True,
        check=True,
        env=os.environ | {"REPLAY_PAGER": PAGER},
    )

    assert b"PAGED" not in found.stdout
    assert b"\x1b" not in found.stdout


def test_colours_are_there_without_no_color(demo):
    with_colours = read_until_end(*start(replay("log", demo.folder), PAGER="cat"))
    without = read_until_end(
        *start(replay("log", demo.folder), PAGER="cat", NO_COLOR="1")
    )

    assert "\x1b[36m" in with_colours
    assert "\x1b[36m" not in without


def test_jobs_are_watched_until_somebody_ends_it(tmp_path):
    folder = long_folder(tmp_path, jobs=50)
    words = replay("jobs", folder, "--watch", "0.1")
    process, terminal = start(words, height=12)
    seen = bytearray()
    ready = select.poll()
    ready.register(terminal, select.POLLIN)

    def has_two_screens():
        if ready.poll(100):
            seen.extend(os.read(terminal, 1 << 16))
        return seen.count(b"\x1b[2J") > 2

    wait_until(has_two_screens)
    os.killpg(process.pid, signal.SIGINT)
    read_until_end(process, terminal)

    assert process.returncode == 0
    screen = ESCAPE.sub("", seen.split(b"\x1b[2J")[1].decode())
    assert screen.count("\n") <= 12
    assert "50 jobs: 50 waiting" in screen


def test_severest_jobs_come_first(tmp_path):
    demo_history.make_demo(tmp_path / "demo", FileSystem())
    words = replay("jobs", tmp_path / "demo", "--all")
    lines = shown(*start(words, 130, PAGER="cat"))

    verdicts = ["lost", "delivered twice", "stuck", "done", "done"]
    for line, verdict in zip(lines[1:], verdicts, strict=False):
        assert line.split(maxsplit=2)[2].startswith(verdict)
    assert lines[6] == "5 jobs: 1 lost, 1 delivered twice, 1 stuck, 2 done"


def test_log_follows_from_now_on_with_none_of_before(demo):
    process, terminal = start(replay("log", demo.folder, "--follow", "-n", "0"))
    session = demo.connect(b"late")
    seen = bytearray()
    ready = select.poll()
    ready.register(terminal, select.POLLIN)

    def has_seen_one():
        demo.run(session, "INCR late")
        if ready.poll(100):
            seen.extend(os.read(terminal, 1 << 16))
        return b"INCR late" in seen

    wait_until(has_seen_one)
    os.killpg(process.pid, signal.SIGINT)
    read_until_end(process, terminal)

    assert process.returncode == 0
    assert int(ESCAPE.sub("", seen.decode()).split()[0]) > 14


def test_difference_of_long_lists_is_what_changed_with_a_count(demo):
    session = demo.connect(b"web")
    demo.run(session, "RPUSH long " + " ".join(map(str, range(1000))))
    before = demo.log.last_seq
    demo.run(session, "LPOP long", "RPUSH long new")
    words = replay("diff", demo.folder)

    few = shown(*start([*words, f"@{before}..now"], PAGER="cat"))
    many = shown(*start([*words, f"@{before - 1}..@{before}"], PAGER="cat"))
    short = shown(*start([*words, f"@{before - 1}..now", "--oneline"], PAGER="cat"))

    assert few[:3] == [
        "~ long (list: 1 gained, 1 lost)",
        "    - [0]: 0",
        "    + [999]: new",
    ]
    assert many[0] == "+ long (list: 1,000 gained)"
    assert many[21:23] == ["    … 980 more: 980 gained", ""]
    assert short[:2] == ["+ long (list: 1,000 gained)", ""]
