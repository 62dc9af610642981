"""`replay top`: its numbers are those of `jobs`, of the lists, and of the libraries."""

import collections
import io
import json
import re
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from joblog.app import clock
from joblog.app.history.moments import Point
from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.keys.past import Past
from joblog.replay.output.answers import Mode, Output
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.verbs.top_page import write_page
from joblog.replay.views.depths import SLOTS, Depth, Span, highest
from joblog.replay.views.overview import Looked, look_over
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History, make_deploys, make_mail
from tests.replay.jobs.test_ledger import build
from tests.replay.jobs.tour_reading import list_all

DATA = Path(__file__).resolve().parent.parent / "data"
RECORDED = sorted([*DATA.glob("tours/*/data"), *DATA.glob("histories/*/data")])
MAIL = b"rq:queue:mail"
PAGE = DATA.parent.parent / "docs" / "replay.md"
SCREEN = re.compile(r"(?<=```text\n)(?=lost|```).*?(?=```)", re.DOTALL)


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def top(folder, *words):
    return json.loads(run("top", str(folder), *words, "--json").stdout)


def listed(folder, *words):
    """Return how many jobs `jobs` has, by queue and verdict."""
    lines = run("jobs", str(folder), "--all", *words, "--json").stdout.splitlines()
    jobs = map(json.loads, lines)
    return collections.Counter((job["queue"], job["verdict"]) for job in jobs)


def counted(overview):
    return {
        (queue["queue"], word): count
        for queue in overview["queues"]
        for word, count in queue["counts"].items()
    }


def queue_of(overview, name):
    return next(queue for queue in overview["queues"] if queue["queue"] == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the history with three deploys."""
    return make_deploys(tmp_path_factory.mktemp("deploys") / "data").folder


def in_plain_lines(folder):
    return [line.split("\t") for line in run("top", str(folder)).stdout.splitlines()]


# --- numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("data", RECORDED, ids=lambda data: data.parent.name)
def test_jobs_has_as_many_of_each_verdict_and_depths_end_with_them(data):
    overview, found = top(data), listed(data)

    assert counted(overview) == dict(found)
    assert sum(overview["counts"].values()) == sum(found.values())
    for queue in overview["queues"]:
        check_depths(queue)
    wrong = collections.Counter()
    for problem in overview["problems"]:
        wrong[problem["verdict"]] += problem["jobs"]
    assert wrong == {word: overview["counts"][word] for word in wrong}


def check_depths(queue):
    """Check that depths end with as many jobs as are in a state.

    A job that was delivered twice is in a state besides.
    """
    last = {state: depths[-1] for state, depths in queue["depths"].items()}
    twice = queue["counts"].get("delivered twice", 0)
    assert min(min(depths) for depths in queue["depths"].values()) >= 0
    assert sum(last.values()) == sum(queue["counts"].values())
    for word, count in queue["counts"].items():
        if word not in {"delivered twice", "in hand"}:
            assert count <= last[word] <= count + twice


LIBRARIES = [
    ("rq", "popped", {"waiting": 2}),
    ("rq", "default", {"scheduled": 1, "blocked": 1}),
    ("bullmq", "jobs", {"scheduled": 1, "blocked": 1, "waiting": 0}),
    ("asynq", "default", {"scheduled": 1, "failed": 4, "waiting": 0}),
    ("asynq", "idle", {"waiting": 1, "blocked": 1}),
]
NAMES = {
    "rq": {"waiting": "waiting", "scheduled": "scheduled", "blocked": "deferred"},
    "bullmq": {
        "waiting": "waiting",
        "scheduled": "delayed",
        "blocked": "waiting-children",
    },
    "asynq": {
        "waiting": "pending",
        "scheduled": "scheduled",
        "blocked": "aggregating",
        "failed": "archived",
    },
}


@pytest.mark.parametrize(("library", "queue", "expected"), LIBRARIES)
def test_library_itself_counted_as_many(library, queue, expected):
    said = json.loads((DATA / "tours" / library / "jobs.json").read_text())["counts"]
    said = said.get(queue, said)
    data = DATA / "tours" / library / "data"
    with closing(LogIndex(data, FileSystem())) as index:
        # Then, what is due later was not late.
        end = f"@{index.last_seq}"
    depths = queue_of(top(data, "--until", end), queue)["depths"]

    for state, count in expected.items():
        assert depths.get(state, [0])[-1] == count == said[NAMES[library][state]]


def test_depth_over_time_is_the_length_of_the_list_then(folder):
    overview = top(folder)
    index = LogIndex(folder, FileSystem())
    past = Past(folder, FileSystem())
    depths = queue_of(overview, "mail")["depths"]["waiting"]
    starts = [*overview["slots_ms"][1:], overview["range"]["until_ms"] + 1]

    lengths = []
    for start_ms in starts:
        past.go_to(index.find_seq_at(start_ms - 1))
        lengths.append(len(past.databases[0].values.get(MAIL, ())))
    past.close()
    index.close()

    assert len(depths) == SLOTS
    assert depths == lengths
    assert max(depths) > 15


@pytest.mark.parametrize(
    "data",
    [*sorted(DATA.glob("tours/[bhr]*/data")), None],
    ids=lambda data: data.parent.name if data else "deploys",
)
def test_ledger_of_the_index_tells_the_same(data, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now_ms", lambda: 1_800_000_000_000)
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    copy = tmp_path / "data"
    shutil.copytree(folder if data is None else data, copy)
    with closing(LogIndex(copy, FileSystem())) as index:
        half = f"@{index.last_seq * 2 // 3}"
    words = [(), ("--until", half)]
    followed = [top(copy, *each) for each in words]

    build(copy)
    with closing(LogIndex(copy, FileSystem())) as index:
        pages = JobLog(index, detect_schemas(index)).rows(0, index.last_seq)

    assert pages
    assert [top(copy, *each) for each in words] == followed


# --- between tags -------------------------------------------------------------------


def test_stretch_in_which_a_queue_grew_is_named(folder):
    overview = top(folder)
    mail, pdf = queue_of(overview, "mail"), queue_of(overview, "pdf")

    tags = [stretch["tag"] for stretch in overview["stretches"]]
    assert tags == [None, "deploy-1", "deploy-2", "deploy-3"]
    assert mail["grew_most"] == 2
    assert pdf["grew_most"] is None
    assert [each["enqueued"] for each in mail["stretches"]] == [5, 10, 30, 4]
    assert [each["taken"] for each in mail["stretches"]] == [5, 10, 10, 10]
    assert [each["done"] for each in mail["stretches"]] == [5, 10, 0, 10]
    assert [each["failed"] for each in mail["stretches"]] == [0, 0, 8, 0]
    assert [each["lost"] for each in mail["stretches"]] == [0, 0, 2, 0]
    assert [each["waiting"] for each in mail["stretches"]] == [0, 0, 20, 14]
    assert [each["grown"] for each in mail["stretches"]] == [0, 0, 20, -6]


def test_stretches_add_up_to_what_an_audit_counts(folder):
    lines = run("audit", str(folder), "@0..now", "--json").stdout.splitlines()
    groups = json.loads(lines[-1])["totals"]["groups"]
    deeds = collections.Counter()
    for group in groups:
        deeds[group["queue"], group["step"]] += group["deeds"]

    for queue in top(folder)["queues"]:
        for step in ("enqueued", "taken", "done", "failed", "deleted"):
            total = sum(each[step] for each in queue["stretches"])
            assert total == deeds[queue["queue"], step], step


def test_scripts_that_came_are_marks_beside_the_tags():
    marks = top(DATA / "tours" / "bullmq" / "data")["marks"]
    names = [mark["name"] for mark in marks]

    assert {mark["kind"] for mark in marks} == {"script"}
    assert len(names) == len(set(names)) == 30
    assert [mark["seq"] for mark in marks] == sorted(mark["seq"] for mark in marks)


# --- problems -----------------------------------------------------------------------


def test_problems_are_grouped_with_when_they_began(folder):
    problems = top(folder)["problems"]

    assert [(each["verdict"], each["jobs"]) for each in problems] == [
        ("lost", 2),
        ("failed", 8),
    ]
    lost, failed = problems
    assert lost["worker"] == "ops"
    assert lost["by"] == "LPOP rq:queue:mail"
    assert lost["first_id"] == "mail-208"
    assert failed["first_id"] == "mail-200"
    assert failed["reason"] == "OSError: no route 10.0.0.200"
    assert failed["first"] < failed["last"] < lost["first"]


def test_problem_names_the_line_of_the_script(tmp_path):
    run("demo", str(tmp_path / "demo"))

    lost = top(tmp_path / "demo")["problems"][0]

    assert lost["by"] == "EVALSHA sweep"
    assert lost["line"] == "3: local id = redis.call('RPOP', KEYS[1])"


# --- ranges, queues, and what is not there ----------------------------------------


def test_range_has_the_numbers_of_jobs_of_that_range(folder):
    assert counted(top(folder, "--since", "deploy-2")) == dict(
        listed(folder, "--since", "deploy-2")
    )
    assert counted(top(folder, "--until", "deploy-3")) == dict(
        listed(folder, "--at", "deploy-3")
    )
    tags = [each["tag"] for each in top(folder, "--since", "deploy-2")["stretches"]]
    assert tags == [None, "deploy-3"]


def test_jobs_that_were_there_before_a_range_are_counted(folder):
    stretches = queue_of(top(folder, "--since", "deploy-3"), "mail")["stretches"]

    assert [(each["waiting"], each["grown"]) for each in stretches] == [(14, -6)]


def test_queue_alone_is_shown(folder):
    overview = top(folder, "--queue", "p*")

    assert [queue["queue"] for queue in overview["queues"]] == ["pdf"]
    assert overview["problems"] == []
    assert set(overview["counts"]) == {"done"}


def test_log_without_jobs_exits_with_one(folder):
    assert run("top", str(folder), "--queue", "none").exit_code == 1
    assert run("top", str(folder), "--until", "@0").exit_code == 1
    assert top(folder, "--until", "@0")["counts"] == {}


def test_folder_alone_is_asked_for_its_top(folder):
    assert run(str(folder)).stdout == run("top", str(folder)).stdout
    assert (
        json.loads(run(str(folder), "--json").stdout)["counts"] == top(folder)["counts"]
    )
    assert run("no-such-verb").exit_code == 2


def test_pruned_jobs_are_those_of_a_range(tmp_path):
    """What is known of a log from a moment on is the same for both verbs."""
    history = make_mail(tmp_path / "mail")
    history.close()

    for seq in range(0, history.log.last_seq, 3):
        since = ("--since", f"@{seq}")
        overview = top(history.folder, *since)
        assert counted(overview) == dict(listed(history.folder, *since)), seq
        for queue in overview["queues"]:
            assert min(min(depths) for depths in queue["depths"].values()) >= 0


# --- text ---------------------------------------------------------------------------


def screen(folder, width):
    """Return the lines of a terminal of a width."""
    index = LogIndex(folder, FileSystem())
    end = Point(index.last_seq, index.get_record(index.last_seq).at_ms)
    overview = look_over(
        index,
        detect_schemas(index),
        ClientDirectory(index, from_seq=1 << 63),
        Looked(0, end, Limits()),
        lambda _: None,
    )
    index.close()
    output = Output(Mode.TERMINAL)
    stream = io.StringIO()
    output.console = Console(file=stream, width=width, highlight=False)
    write_page(output, overview, 10)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 130])
@pytest.mark.parametrize("name", ["bullmq", "rq", "celery", "deploys"])
def test_screen_is_no_wider_than_the_terminal(width, name, folder):
    data = folder if name == "deploys" else DATA / "tours" / name / "data"
    lines = screen(data, width)

    assert max(map(len, lines)) <= width
    assert lines[0].startswith(("lost", "stuck", "failed", "delivered twice"))


@pytest.mark.parametrize("name", ["bullmq", "rq", "celery"])
def test_screen_counts_every_job_and_has_whole_ids(name):
    data = DATA / "tours" / name / "data"
    lines, wide = screen(data, 80), screen(data, 130)

    total, *_ = re.findall(r"([0-9]+) jobs", wide[1])
    words = "  ".join(wide[:2]).split("  ")
    numbers = [int(word.rpartition(" ")[2]) for word in words if "jobs" not in word]
    assert sum(numbers) == int(total)
    assert not [line for line in lines if re.search(r"… @[0-9]+", line)]
    shown = re.findall(r"([^ ]+) @[0-9]+(?:;|$)", "\n".join(lines), re.MULTILINE)
    assert len(set(shown) & set(list_all(data))) > 3


def test_screen_says_after_which_deploy_a_queue_grew(folder):
    lines = screen(folder, 80)
    bars = next(line for line in lines if line.startswith("mail  "))
    letters = lines[lines.index(bars) - 1]
    deploy = letters.index("B")

    assert "mail grew most after deploy-2: +20 waiting (30 enqueued, 10 taken)" in lines
    assert bars[letters.index("A") : deploy - 1].strip() == ""
    assert "█" in bars[deploy : letters.index("C") + 3]


def test_plain_lines_have_all_numbers(folder):
    lines = in_plain_lines(folder)
    kinds = collections.Counter(line[0] for line in lines)

    assert ["count", "lost", "2"] in lines
    assert kinds["stretch"] == 8
    assert kinds["queue"] == 6
    assert kinds["problem"] == 2
    assert kinds["mark"] == 3


# --- depths -------------------------------------------------------------------------


def test_slots_cover_a_span_without_gaps():
    for length in (1, 7, SLOTS, 1_000_003):
        span = Span(5, 5 + length - 1)
        starts = span.starts_ms()

        assert span.slot(span.from_ms) == 0
        assert span.slot(span.until_ms) <= SLOTS - 1
        assert span.slot(0) == 0
        assert span.slot(span.until_ms + 1) == SLOTS - 1
        for slot, start_ms in enumerate(starts):
            if start_ms <= span.until_ms:
                assert span.slot(start_ms) >= slot
                assert start_ms == span.from_ms or span.slot(start_ms - 1) < slot


def test_highest_keeps_what_lasted_for_a_moment():
    depth = Depth()
    depth.add(7, 5)
    depth.add(8, -5)

    assert highest(depth.at_ends(), 4) == [5, 0, 0, 0]
    assert highest([1, 2], 9) == [1, 2]


# --- the page -----------------------------------------------------------------------


def demo_screen(tmp_path):
    """Return the first screen of the demo, as the page has it."""
    folder = tmp_path / "demo"
    run("demo", str(folder))
    return "\n".join(line.rstrip() for line in screen(folder, 80)) + "\n"


def test_page_shows_the_first_screen_of_the_demo(tmp_path):
    """`python -m tests.replay.test_top` writes it there."""
    assert SCREEN.search(PAGE.read_text())[0] == demo_screen(tmp_path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        shown = demo_screen(Path(place))
    PAGE.write_text(SCREEN.sub(lambda _: shown, PAGE.read_text(), count=1))


def test_tag_that_was_moved_is_told_from_what_it_was(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect(b"web")
    for job in ("a", "b"):
        history.tag("deploy")
        history.run(session, f"RPUSH rq:queue:mail {job}")
    history.close()

    overview = top(history.folder)

    assert [mark["name"] for mark in overview["marks"]] == ["deploy~1", "deploy"]
    assert [each["tag"] for each in overview["stretches"]][-2:] == [
        "deploy~1",
        "deploy",
    ]


def test_job_in_hand_is_listed_with_who_has_it(tmp_path):
    history = History(tmp_path / "data")
    producer, worker = history.connect(b"web"), history.connect(b"worker-1")
    history.run(producer, "SADD queues mail", 'LPUSH queue:mail {"jid":"7"}')
    history.run(worker, "RPOP queue:mail")
    history.close()
    at = f"@{history.log.last_seq}"

    overview = top(history.folder, "--at", at)
    plain = run("top", str(history.folder), "--at", at, "--plain").stdout

    [problem] = overview["problems"]
    assert problem["verdict"] == "in hand"
    assert (problem["jobs"], problem["first_id"]) == (1, "7")
    assert any(
        line.startswith("problem\tin hand\t1\tmail") for line in plain.splitlines()
    )
