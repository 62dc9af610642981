"""Jobs that are entries of a stream, and what consumer groups do with them."""

import json
import pickle
import random

import pytest

from joblog.app.types.stream_ids import format_id
from joblog.replay.jobs.groups import all_entries
from tests.replay.histories import History
from tests.replay.jobs.reading import HOUR_MS, follow, judge_all, kinds_of

GROUP = "XGROUP CREATE taskiq g 0 MKSTREAM"
READ = "XREADGROUP GROUP g {} COUNT {} STREAMS taskiq >"


def job(number):
    """Return an id as taskiq makes them."""
    return b"%032x" % number


def message(number, **labels):
    return json.dumps(
        {"task_id": job(number).decode(), "task_name": "send", "labels": labels}
    )


def add(number, *words, **labels):
    """Return the command that sends a job."""
    content = message(number, **labels)
    return [each.encode() for each in ("XADD", "taskiq", *words, "data", content)]


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path)
    yield history
    history.close()


@pytest.fixture
def web(history):
    return history.connect(b"web", address="10.0.0.1:1")


@pytest.fixture
def worker(history):
    return history.connect(b"worker", address="10.0.0.1:2")


def test_entry_waits_runs_and_is_done_once_it_is_acknowledged(history, web, worker):
    history.run(web, GROUP, add(1, "1-1"))
    history.run(worker, READ.format("a", 1), "XACK taskiq g 1-1", "XDEL taskiq 1-1")

    timeline = follow(history, job(1))

    assert kinds_of(timeline) == ["enqueued", "taken", "done"]
    assert timeline.story.facts["task"] == b"send"
    assert timeline.story.queue == b"taskiq"


def test_entry_that_another_claims_was_taken_back(history, web, worker):
    other = history.connect(b"other", address="10.0.0.1:3")
    history.run(web, GROUP, add(1, "1-1"))
    history.run(worker, READ.format("a", 1))
    history.clock.at_ms += 9
    # It keeps what it has, which is no delivery.
    history.run(worker, "XCLAIM taskiq g a 0 1-1 JUSTID")

    history.run(other, "XAUTOCLAIM taskiq g b 0 0", "XACK taskiq g 1-1")

    timeline = follow(history, job(1))
    assert kinds_of(timeline) == ["enqueued", "taken", "taken", "done"]
    assert timeline.verdict.reason == "after 2 deliveries; it was taken back"


def test_retry_is_a_message_of_its_own(history, web, worker):
    history.run(web, GROUP, add(1, "1-1"))
    history.run(worker, READ.format("a", 1), add(1, "2-1", _retries="1"))
    history.run(worker, "XACK taskiq g 1-1", READ.format("a", 1), "XACK taskiq g 2-1")

    timeline = follow(history, job(1))

    assert kinds_of(timeline) == ["enqueued", "taken", "retried", "taken", "done"]


def test_two_messages_of_one_job_count_beside_each_other(history, web, worker):
    history.run(web, GROUP, add(1, "1-1"), add(1, "1-2"))
    history.run(worker, READ.format("a", 1))

    taken = follow(history, job(1))
    result = [b"SET", job(1), pickle.dumps({"is_err": False, "error": None})]
    history.run(worker, result, "XACK taskiq g 1-1", READ.format("a", 1))

    assert taken.story.counts() == {"waiting": 1, "running": 1}
    assert follow(history, job(1)).verdict.word == "delivered twice"


GONE = [
    pytest.param((GROUP, add(1, "1-1"), "XDEL taskiq 1-1"), id="deleted"),
    pytest.param((GROUP, add(1, "1-1"), "DEL taskiq"), id="its stream deleted"),
    pytest.param((GROUP, add(1, "1-1"), "FLUSHDB"), id="flushed"),
    pytest.param((add(1, "1-1"), "XGROUP CREATE taskiq g $"), id="passed over"),
    pytest.param((GROUP, add(1, "1-1"), "XGROUP SETID taskiq g $"), id="skipped"),
    pytest.param((GROUP, add(1, "1-1"), "XTRIM taskiq MAXLEN 0"), id="trimmed"),
    pytest.param((GROUP, add(1, "1-1"), "XTRIM taskiq MINID 2"), id="trimmed by id"),
    pytest.param(
        (GROUP, add(1, "1-1"), add(2, "MAXLEN", "=", "1", "1-2")), id="pushed out"
    ),
]


@pytest.mark.parametrize("lines", GONE)
def test_entry_that_goes_before_a_group_was_given_it_is_deleted(history, web, lines):
    history.run(web, *lines)

    timeline = follow(history, job(1))

    assert kinds_of(timeline) == ["enqueued", "deleted"]
    assert timeline.verdict.word == "deleted"


def test_flush_of_another_database_leaves_what_a_consumer_has(history, web, worker):
    history.run(web, GROUP, add(1, "1-1"))
    history.run(worker, READ.format("a", 1), "SELECT 1", "FLUSHDB")

    assert judge_all(history, "taskiq") == {job(1): "running"}


def test_entry_whose_consumer_is_silent_is_stuck(history, web, worker):
    history.run(web, GROUP, add(1, "1-1"), add(2, "1-2"))
    history.run(worker, READ.format("a", 1))

    judged = judge_all(history, "taskiq", later_ms=HOUR_MS)

    assert judged == {job(1): "stuck", job(2): "waiting"}


def random_step(chance, number):
    """Return a command that somebody may give."""
    entry = f"{chance.randint(1, number)}-1"
    return chance.choice(
        (
            *[add(number, f"{number}-1")] * 3,
            add(number, "MAXLEN", "=", str(chance.randint(1, 9)), f"{number}-1"),
            *[READ.format(chance.choice("ab"), chance.randint(1, 3))] * 2,
            *[f"XACK taskiq g {entry}"] * 2,
            f"XCLAIM taskiq g {chance.choice('ab')} 0 {entry}",
            "XAUTOCLAIM taskiq g b 0 0 COUNT 2",
            f"XDEL taskiq {entry}",
            f"XGROUP SETID taskiq g {entry}",
            "XGROUP DELCONSUMER taskiq g b",
            f"XTRIM taskiq MAXLEN {chance.randint(3, 20)}",
        )
    )


@pytest.mark.parametrize("seed", range(12))
def test_jobs_stand_as_their_entries_after_any_commands(history, web, seed):
    chance = random.Random(seed)
    history.run(web, GROUP)
    for number in range(1, 80):
        history.run(web, random_step(chance, number))

    stream = history.engine.context.db.values.get(b"taskiq")
    stands = {
        move.element: "running" if move.is_pending else "waiting"
        for move in all_entries(b"taskiq", stream)
    }
    judged = judge_all(history, "taskiq")
    for job_id, word in judged.items():
        entry = format_id(int(job_id, 16) << 64 | 1)
        expected = stands.get(entry)
        if word == "delivered twice":
            continue
        assert (word if word in {"waiting", "running"} else None) == expected
    assert len(judged) > 9
