"""Answers of the model: those of the verbs, over recorded histories, at moments."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app import clock
from joblog.app.history.notes import ClientNote, encode_note
from joblog.replay.cli import main
from joblog.replay.demo import make_demo
from joblog.replay.jobs.reading import JobLog
from joblog.replay.views import searching
from joblog.replay.views.answers import QUESTIONS, Desk
from joblog.replay.views.errors import find_bursts
from joblog.replay.views.words import looked_from
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from tests.replay.histories import make_mail
from tests.replay.jobs.test_ledger import build
from tests.support.damages import flip_a_bit, make_folder
from tests.support.waiting import wait_until

DATA = Path(__file__).resolve().parent.parent / "data"
TOURS = [
    DATA / "tours" / name / "data" for name in ("rq", "celery", "bullmq", "delancie")
]
NOW_MS = 1_800_000_000_000


@pytest.fixture(autouse=True)
def _one_time(monkeypatch):
    """Let it be the same time for both."""
    monkeypatch.setattr(clock, "now_ms", lambda: NOW_MS)


def said(verb, folder, *words):
    result = CliRunner().invoke(main, [verb, str(folder), *words, "--json"])
    return [json.loads(line) for line in result.stdout.splitlines()]


def ask(folder, name, **words):
    desk = Desk(folder)
    # A board follows what no index has a while at each question.
    wait_until(lambda: desk.ask("board", {}).get("is_whole", True))
    answer = desk.ask(name, words)
    desk.forget()
    json.dumps(answer)
    return answer


def moments(folder):
    """Return three moments of a log: a third of it, two thirds, and its end."""
    last_seq = ask(folder, "board")["end"]["seq"]
    return [f"@{last_seq // 3}", f"@{last_seq * 2 // 3}", f"@{last_seq}"]


def summed(queues, part, name):
    return sum(queue[part].get(name, 0) for queue in queues)


@pytest.mark.parametrize("folder", TOURS, ids=lambda folder: folder.parent.name)
def test_board_and_overview_say_at_three_moments_what_the_verbs_say(folder):
    for at in moments(folder):
        (top,) = said("top", folder, "--until", at)
        board = ask(folder, "board", at=at)

        assert ask(folder, "overview", at=at) == top
        check_standing(ask(folder, "standing", at=at), top)
        assert board["point"]["seq"] == int(at[1:])
        for queue in top["queues"]:
            here = next(q for q in board["queues"] if q["queue"] == queue["queue"])
            for name, deed in {
                "in": "enqueued",
                "out": "taken",
                "done": "done",
            }.items():
                told = sum(stretch[deed] for stretch in queue["stretches"])
                assert here["total"][name] == told
            assert sum(here["states"].values()) == sum(queue["counts"].values())
            assert here["states"].get("waiting", 0) == queue["counts"].get("waiting", 0)


@pytest.mark.parametrize("folder", TOURS, ids=lambda folder: folder.parent.name)
def test_rates_end_as_the_board_is_and_add_up_to_its_totals(folder):
    rates, board = ask(folder, "rates"), ask(folder, "board")

    for queue in board["queues"]:
        line = rates["queues"][queue["queue"]]
        last = {state: depths[-1] for state, depths in line["depths"].items()}
        assert {state: count for state, count in last.items() if count} == queue[
            "states"
        ]
        for deed, count in queue["total"].items():
            assert sum(line[deed]) == count
        assert min(map(min, line["depths"].values())) >= 0


@pytest.mark.parametrize("folder", TOURS, ids=lambda folder: folder.parent.name)
def test_lists_and_pages_of_jobs_are_those_of_the_verbs(folder):
    for at in moments(folder):
        listed = {
            (job["queue"], job["id"]): job
            for job in said("jobs", folder, "--all", "--until", at)
        }
        jobs = ask(folder, "jobs", at=at, all="1")
        for job in jobs["jobs"]:
            own = {name: job[name] for name in listed[job["queue"], job["id"]]}
            assert own == listed[job["queue"], job["id"]]
        assert sum(jobs["counts"].values()) == len(listed)
    for _, job_id in list(listed)[:3]:
        told = said("job", folder, job_id)
        pages = ask(folder, "job", id=job_id)["jobs"]
        for page, timeline in zip(pages, told, strict=True):
            assert [step["seq"] for step in page["steps"]][-1] == timeline["steps"][-1][
                "seq"
            ]
            assert page["verdict"] == timeline["verdict"]
            check_bars(page)


def check_standing(standing, top):
    """Check that jobs which have not ended well are counted as `top` counts them."""
    ended = {"done", "cancelled"}

    def unfinished(counts):
        return {word: n for word, n in counts.items() if word not in ended}

    queues = {queue["queue"]: queue for queue in standing["queues"]}
    told = {queue["queue"]: queue for queue in top["queues"]}
    assert standing["counts"] == unfinished(top["counts"])
    assert standing["problems"] == top["problems"]
    assert queues.keys() == {
        name for name, queue in told.items() if unfinished(queue["counts"])
    }
    for name, queue in queues.items():
        assert queue["counts"] == unfinished(told[name]["counts"])
        assert queue["oldest_waiting_ms"] == told[name]["oldest_waiting_ms"]
        assert queue["workers"] == told[name]["workers"]


def check_bars(page):
    """Check that bars follow each other, and begin and end with the steps."""
    bars = page["bars"]
    for bar, later in pairwise(bars):
        assert bar["from_ms"] <= bar["until_ms"] <= later["from_ms"]
    assert bars[0]["seq"] == page["steps"][0]["seq"]
    assert bars[-1]["state"] in {page["steps"][-1]["state"], page["verdict"]}


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    return make_mail(tmp_path_factory.mktemp("mail") / "data").folder


def test_pages_of_keys_and_records_and_clients_are_those_of_the_verbs(mail):
    key = "rq:queue:mail"
    page = ask(mail, "key", key=key)
    history = said("history", mail, key)
    blame = said("blame", mail, key)

    for change, told in zip(page["changes"][::-1], history, strict=True):
        assert {name: change[name] for name in told} == told
    assert [row["place"] for row in page["blame"]] == [row["place"] for row in blame]
    assert page["value"] == {
        "type": "list",
        "value": said("get", mail, key)[0]["value"],
    }
    (shown,) = said("show", mail, "12")
    record = ask(mail, "record", seq="12")
    assert {name: record[name] for name in shown if name != "changes"} == {
        name: shown[name] for name in shown if name != "changes"
    }
    clients = {client["id"]: client for client in said("clients", mail)}
    for client in ask(mail, "clients")["clients"]:
        assert {**clients[client["id"]], "label": client["label"]} == client


def test_two_moments_differ_by_as_many_keys_as_diff_says(mail):
    compared = ask(mail, "compare", a="@5", b="@20")
    (stat,) = said("diff", mail, "@5", "@20", "--stat")

    assert compared["counts"] == stat
    assert [row["key"] for row in compared["keys"]] == [
        change["key"] for change in said("diff", mail, "@5", "@20")
    ]
    assert ask(mail, "compare", a="@20", b="@5")["counts"] == stat
    assert compared["a"]["queues"] == ask(mail, "board", at="@5")["queues"]


def test_search_knows_jobs_keys_records_clients_and_texts(mail):
    found = ask(mail, "search", text="m2")
    assert [job["verdict"] for job in found["jobs"]] == ["stuck"]
    assert found["mentions"]
    assert ask(mail, "search", text="rq:queue:mail")["keys"][0]["type"] == "list"
    assert ask(mail, "search", text="@12")["record"] == 12
    assert ask(mail, "search", text="worker-1")["clients"]
    assert ask(mail, "search", text="rq:que")["texts"]
    nothing = ask(mail, "search", text="nobody-has-this")
    assert not any(nothing[kind] for kind in ("jobs", "keys", "mentions", "texts"))


@pytest.fixture
def asked(monkeypatch):
    """Return the ids of jobs that were followed, in a log that is a long one."""
    monkeypatch.setattr(searching, "LONG_RECORDS", 1)
    monkeypatch.setattr(searching, "FOUND_MAX", 2)
    monkeypatch.setattr(searching, "MENTIONS_MAX", 8)
    seen = []
    follow = JobLog.follow

    def noted(self, job_id, *rest):
        seen.append(job_id)
        return follow(self, job_id, *rest)

    monkeypatch.setattr(JobLog, "follow", noted)
    return seen


def test_search_for_a_common_word_of_a_long_log_follows_no_job(mail, asked):
    common = ask(mail, "search", text="rq:queue:mail")
    assert common["is_common"]
    assert len(common["mentions"]) == 2
    assert common["keys"][0]["type"] == "list"
    assert common["jobs"] == asked == []

    rare = ask(mail, "search", text="m2")
    assert not rare["is_common"]
    assert [job["verdict"] for job in rare["jobs"]] == ["stuck"]
    assert asked == [b"m2"]


def test_search_for_what_is_mentioned_looks_for_a_client_only_nearby(mail, monkeypatch):
    last_seq = ask(mail, "board")["end"]["seq"]
    monkeypatch.setattr(searching, "_CLIENTS_SCANNED_MAX", 3)

    assert ask(mail, "search", text="m2")["clients_from"] == last_seq - 3
    unmentioned = ask(mail, "search", text="worker-1")
    assert unmentioned["clients_from"] == unmentioned["searched_from"]
    assert unmentioned["clients"]


def test_a_search_says_from_where_on_it_looked():
    found = {"mentions": [{}], "clients_from": 1, "searched_from": 1}
    assert looked_from(found) == ""
    found |= {"clients_from": 450_001}
    assert looked_from(found) == "looked for clients from @450,001 on"
    found |= {"mentions": [], "clients_from": 7, "searched_from": 7}
    assert looked_from(found) == "looked for clients from @7 on and texts from @7 on"


def test_scripts_of_a_queue_are_those_that_wrote_to_its_keys():
    for folder in TOURS[2:]:
        used = {use["name"]: use for use in ask(folder, "scripts")["scripts"]}
        board = ask(folder, "board")
        told = [
            use
            for queue in board["queues"]
            for use in ask(folder, "queue_scripts", queue=queue["queue"])["scripts"]
        ]

        assert told
        for use in told:
            assert 0 < use["calls"] <= used[use["name"]]["calls"]
            assert use["effects"] >= use["alone"] <= use["calls"]
            assert use["last_seq"] <= used[use["name"]]["last_seq"]
    assert ask(folder, "queue_scripts", queue="nobody's")["scripts"] == []


def others(marks):
    """Return the marks that are not of errors: these go by what is usual in a span."""
    return [mark for mark in marks if mark["kind"] != "errors"]


def test_axis_has_a_mark_where_jobs_begin_to_fail(mail):
    folder = TOURS[0]
    marks = [m for m in ask(folder, "axis")["marks"] if m["kind"] == "errors"]
    steps = [
        step
        for job in ask(folder, "jobs", all="1", n="200")["jobs"]
        for told in ask(folder, "job", id=job["id"])["jobs"]
        for step in told["steps"]
    ]

    failed = {step["seq"] for step in steps if step["state"] == "failed"}
    assert {m["seq"] for m in marks} & failed
    assert all("failed" in m["name"] or "retried" in m["name"] for m in marks)


def test_bursts_are_what_is_many_for_what_was_usual_before():
    quiet, some = [(0, 0)] * 15, [(1, 1)] * 15

    def found(slots):
        return [(each.first, each.end, each.name) for each in find_bursts(slots)]

    assert found([*quiet, (3, 1), (0, 2), *quiet]) == [(15, 17, b"3 failed, 3 retried")]
    assert found([*quiet, *some])[0][0] == 15
    assert found([*some, (1200, 0), *some])[1] == (15, 16, b"1,200 failed")
    assert found([*some, (4, 3), *some]) == [(0, 12, b"12 failed, 12 retried")]
    assert found(quiet) == found([]) == []


def test_axis_has_tags_scripts_and_starts(tmp_path):
    folder = tmp_path / "data"
    make_demo(folder, FileSystem())
    before = others(ask(folder, "axis")["marks"])
    log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: NOW_MS)
    note = encode_note(ClientNote("10.9.9.9:1"))
    log.append([(NOW_MS, 0, [], [1, None, note])], log.last_seq)
    log.close()
    marks = others(ask(folder, "axis")["marks"])
    (info,) = said("info", folder)

    assert {mark["kind"] for mark in before} == {"tag", "script"}
    assert [mark["kind"] for mark in marks if mark not in before] == ["start"]
    assert ask(folder, "axis")["until_seq"] == info["last_seq"]
    assert [mark["at_ms"] for mark in marks] == sorted(mark["at_ms"] for mark in marks)


def test_board_of_an_indexed_log_is_that_of_the_followed_one(tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    folder = tmp_path / "data"
    shutil.copytree(TOURS[0], folder)
    asked = [("board", {"at": at}) for at in moments(folder)] + [("rates", {})]
    followed = [ask(folder, name, **words) for name, words in asked]

    build(folder)

    assert [ask(folder, name, **words) for name, words in asked] == followed


def test_board_goes_on_where_the_log_grows(tmp_path):
    history = make_mail(tmp_path / "data")
    desk = Desk(history.folder)
    wait_until(lambda: desk.ask("board", {})["is_whole"])
    before = desk.ask("board", {})
    history.run(history.connect(), "LPUSH rq:queue:mail new")
    history.log.sync()

    wait_until(lambda: desk.ask("board", {})["is_whole"])
    after = desk.ask("board", {})
    desk.forget()
    history.close()

    assert after["end"]["seq"] > before["end"]["seq"]
    assert after["is_whole"]
    counts = [summed(each["queues"], "total", "in") for each in (before, after)]
    assert counts[1] == counts[0] + 1


def test_what_goes_wrong_is_an_answer_too(tmp_path, mail):
    assert ask(tmp_path, "board")["kind"] == "nothing"
    assert ask(mail, "board", at="no-such-tag")["kind"] == "usage"
    assert ask(mail, "board", at="@999999")["kind"] == "nothing"
    assert ask(mail, "record", seq="x")["kind"] == "usage"
    assert ask(mail, "jobs", states="odd")["kind"] == "usage"
    assert ask(mail, "whatever")["kind"] == "usage"


def test_damage_is_told_and_nothing_is_guessed(tmp_path):
    damaged = make_folder(tmp_path / "damaged")
    flip_a_bit(damaged)

    for name in QUESTIONS:
        answer = ask(damaged, name, id="x", key="x", seq="9", text="x")
        assert answer.get("kind") in {"damaged", "nothing"} or answer.get("problem")
    assert ask(damaged, "board")["kind"] == "damaged"


def test_receipt_is_what_prove_writes(mail):
    result = CliRunner().invoke(main, ["prove", str(mail), "m2", "--job"])

    assert ask(mail, "receipt", id="m2")["text"] == result.stdout
    assert ask(mail, "receipt", id="nobody")["kind"] == "nothing"
