"""Jobs that are thrown away, run again after their end, or share an id."""

import json
from contextlib import closing

import pytest

from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.shipped import load_schemas
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import judge
from joblog.replay.jobs.views import story_facts
from joblog.replay.keys.past import Past
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History
from tests.replay.jobs.reading import (
    HOUR_MS,
    follow,
    judge_all,
    kinds_of,
    point_of,
)
from tests.replay.jobs.scenarios import (
    BULL_TAKEN,
    DONE,
    NOW,
    RQ_TAKEN,
    dramatiq,
    play,
    saq,
)

POP_AND_FORGET = """
local id = redis.call('RPOP', KEYS[1])
redis.call('DEL', 'msg:' .. id)
return id
"""
ANEW = "taken again, having been enqueued anew after it was done"
SAQ_KEY = "saq:job:mail:7"
SAQ_TAKE = ("a", "LMOVE saq:mail:queued saq:mail:active LEFT RIGHT")


@pytest.fixture
def played(tmp_path):
    """Return a function that plays a scenario and gives its history."""
    histories = []

    def run(scenario):
        histories.append(play(tmp_path, scenario))
        return histories[0]

    yield run
    for history in histories:
        history.close()


THROWN_AWAY = [
    pytest.param(
        (
            *RQ_TAKEN[:1],
            ("a", "EXEC", "LPOP rq:queue:mail", "DEL rq:job:7 rq:job:7:dependents"),
        ),
        (),
        id="rq, its queue emptied",
    ),
    pytest.param(
        (
            ("p", "SET msg:7 x"),
            ("p", "LPUSH jobs 7"),
            ("a", ["EVAL", POP_AND_FORGET, "1", "jobs"]),
        ),
        ("generic",),
        id="a broker's script, guessed",
    ),
    pytest.param(
        (
            ("p", "EXEC", "HSET bull:mail:7 name send", "LPUSH bull:mail:wait 7"),
            ("p", "HSET bull:mail:meta opts 1"),
            ("a", "EXEC", "RPOP bull:mail:wait", "UNLINK bull:mail:7"),
        ),
        (),
        id="bullmq, drained",
    ),
]


@pytest.mark.parametrize(("scenario", "schemas"), THROWN_AWAY)
def test_job_that_one_record_pops_and_removes_is_deleted_and_never_ran(
    played, scenario, schemas
):
    history = played(scenario)

    timeline = follow(history, b"7", *schemas, later_ms=HOUR_MS)

    assert kinds_of(timeline) == ["enqueued", "deleted"]
    assert timeline.verdict.word == "deleted"
    assert timeline.story.deliveries == 0
    assert judge_all(history, *schemas, later_ms=HOUR_MS) == {b"7": "deleted"}


RUN_AGAIN = [
    pytest.param((("hand", "RPUSH rq:queue:mail 7"),), id="pushed by hand"),
    pytest.param(
        (("p", "EXEC", "HSET rq:job:7 status queued", "RPUSH rq:queue:mail 7"),),
        id="enqueued anew",
    ),
    pytest.param(
        (
            ("p", f"ZADD rq:scheduled:mail {NOW // 1000} 7"),
            ("c", "EXEC", "ZREM rq:scheduled:mail 7", "RPUSH rq:queue:mail 7"),
        ),
        id="scheduled anew",
    ),
]


@pytest.mark.parametrize("again", RUN_AGAIN)
def test_job_that_runs_again_after_it_was_done_is_delivered_twice(played, again):
    timeline = follow(played((*DONE["rq"], *again, *DONE["rq"][1:])), b"7")

    assert timeline.verdict.word == "delivered twice"
    assert timeline.verdict.reason == ANEW
    assert timeline.story.deliveries == 2


def test_job_that_was_enqueued_after_it_was_done_and_not_taken_waits(played):
    timeline = follow(played((*DONE["rq"], ("p", "RPUSH rq:queue:mail 7"))), b"7")

    assert timeline.verdict.word == "waiting"


def test_job_whose_own_key_was_removed_gives_its_id_to_another(played):
    done = DONE["bullmq"]
    timeline = follow(played((*done, *done)), b"7")

    assert kinds_of(timeline).count("done") == 2
    assert timeline.verdict.word == "done"
    assert timeline.verdict.reason == ""
    assert timeline.story.deliveries == 1


def test_job_that_a_library_runs_by_a_schedule_keeps_its_id(played):
    done = DONE["saq"]
    by_hand = ("hand", f"RPUSH saq:mail:queued {SAQ_KEY}")
    history = played((*done, *done, *done, by_hand, SAQ_TAKE))
    history.log.sync()

    before = follow(history, b"7")

    kinds = [kind for kind in kinds_of(before) if kind != "noted"]
    assert kinds.count("done") == 3
    assert before.verdict.word == "delivered twice"  # by hand, with the old key
    assert [step.problem for step in before.steps if step.problem] == [ANEW]


# What SAQ's sweep does to a job that was done while it waited for its end.
SWEPT_WHEN_DONE = [
    pytest.param(
        (
            *("b", "EXEC", f"ZADD saq:mail:incomplete 0 {SAQ_KEY}"),
            *(f"RPUSH saq:mail:queued {SAQ_KEY}",),
            ["SET", SAQ_KEY, saq("queued", attempts=1)],
        ),
        ("delivered twice", ANEW),
        id="enqueued once more",
    ),
    pytest.param(
        ("b", ["SET", SAQ_KEY, saq("aborted", attempts=1, error="swept")]),
        ("cancelled", "it was done before"),
        id="aborted",
    ),
]


@pytest.mark.parametrize(("swept", "told"), SWEPT_WHEN_DONE)
def test_job_that_a_sweep_undid_is_told_with_what_it_was(played, swept, told):
    ran = (SAQ_TAKE, DONE["saq"][-1]) if told[0] == "delivered twice" else ()
    timeline = follow(played((*DONE["saq"], swept, *ran)), b"7")

    assert (timeline.verdict.word, timeline.verdict.reason) == told
    assert "done" in kinds_of(timeline)


TRIES = [
    pytest.param("ValueError: no such user", "after 2 deliveries", id="by its worker"),
    pytest.param("swept", "after 2 deliveries; it was taken back", id="by a sweep"),
]


@pytest.mark.parametrize(("error", "told"), TRIES)
def test_who_gave_a_job_back_is_known_by_its_error_and_not_its_connection(
    played, error, told
):
    back = (
        *("another", "EXEC", f"LREM saq:mail:active 1 {SAQ_KEY}"),
        *(f"RPUSH saq:mail:queued {SAQ_KEY}",),
        ["SET", SAQ_KEY, saq("queued", attempts=1, error=error)],
    )
    timeline = follow(played((*DONE["saq"][:2], back, *DONE["saq"][1:])), b"7")

    assert (timeline.verdict.word, timeline.verdict.reason) == ("done", told)


def test_job_that_was_taken_out_of_its_place_and_says_that_it_runs_is_not_done(played):
    sweep = (
        *("b", "EXEC", f"ZREM saq:mail:incomplete {SAQ_KEY}"),
        ["SET", SAQ_KEY, saq("aborting", error="swept")],
    )
    history = played(
        (*DONE["saq"][:2], sweep, ("b", f"LREM saq:mail:active 0 {SAQ_KEY}"))
    )

    assert follow(history, b"7").verdict.word == "in hand"
    assert follow(history, b"7", later_ms=HOUR_MS).verdict.word == "lost"


def test_job_that_was_there_at_the_beginning_has_its_lease_and_no_past(played):
    """So it is where a log was pruned: what was before is not known."""
    history = played((*BULL_TAKEN, ("wait", 5_000), ("b", "SET x 1")))
    history.log.sync()
    point = point_of(history, later_ms=1_000)
    tracker = Tracker(load_schemas(["bullmq"]))
    with closing(Past(history.folder, FileSystem())) as past:
        past.go_to(point.seq - 1)
        begin_tracking(tracker, past, point.at_ms)
        assert list(tracker.run(past, point.seq)) == []

    (story,) = tracker.stories.values()

    verdict = judge(story, point.at_ms)
    assert story.lease_ms is not None
    assert story.facts["task"] == b"send"
    assert (verdict.word, verdict.since_ms) == ("running", None)
    facts = story_facts(story, verdict, point.at_ms)
    assert facts["since"] is facts["since_ms"] is None
    assert {"enqueued", "waited_ms"}.isdisjoint(facts)


RQ_SENT = (
    *("MULTI", "HSET rq:job:7 status queued origin mail"),
    *("RPUSH rq:queue:mail 7", "EXEC"),
)
RQ_TAKE = "LMOVE rq:queue:mail rq:queue:mail:intermediate LEFT RIGHT"
RQ_LEASE = (
    *("MULTI", "HSET rq:job:7 status started worker_name w"),
    "LREM rq:queue:mail:intermediate 1 7",
    *(f"ZADD rq:wip:mail {NOW // 1000 + 60} 7:x", "EXEC"),
)
RQ_BACK = (
    *("MULTI", "HSET rq:job:7 status queued", "ZREM rq:wip:mail 7:x"),
    *("RPUSH rq:queue:mail 7", "EXEC"),
)
RQ_DONE = (
    *("MULTI", "HSET rq:job:7 status finished", "ZREM rq:wip:mail 7:x"),
    *(f"ZADD rq:finished:mail {NOW // 1000} 7", "EXEC"),
)


@pytest.fixture
def restarted(tmp_path):
    """A history whose server is started anew while a worker has job 7.

    The numbers of clients begin anew then, so that another has the worker's.
    """
    history = History(tmp_path)
    history.run(history.connect(b"web", address="10.0.0.1:1"), *RQ_SENT)
    worker = history.connect(b"worker", address="10.0.0.1:2")
    history.run(worker, RQ_TAKE, *RQ_LEASE)
    other = history.engine.clients.open(worker.id, address="10.0.0.1:3")
    yield history, other
    history.close()


def test_client_that_has_a_workers_number_after_a_restart_is_another(restarted):
    history, other = restarted

    history.run(other, *RQ_BACK)

    kinds = kinds_of(follow(history, b"7"))
    assert kinds == ["enqueued", "taken", "lease", "taken back"]


def test_what_was_taken_back_from_is_not_whoever_has_its_number_now(restarted):
    history, other = restarted
    worker = history.connect(b"worker", address="10.0.0.1:4")
    history.run(worker, *RQ_BACK, RQ_TAKE, *RQ_LEASE)

    history.run(other, *RQ_DONE)

    verdict = follow(history, b"7").verdict
    assert verdict.word == "done"
    assert verdict.reason == "after 2 deliveries; it was taken back"


def test_retry_that_no_worker_of_dramatiq_fetches_is_stuck_once_it_is_due(played):
    """A worker that holds a thousand delayed messages for each thread takes no more."""
    retry = json.loads(dramatiq("7")) | {"options": {"eta": NOW + 1000, "retries": 1}}
    scenario = (
        ("a", ["HSET", "dramatiq:default.DQ.msgs", "r1", json.dumps(retry)]),
        ("a", "RPUSH dramatiq:default.DQ r1"),
    )
    history = played(scenario)

    assert judge_all(history) == {b"7": "scheduled"}
    assert judge_all(history, later_ms=HOUR_MS) == {b"7": "stuck"}
    assert follow(history, b"7").story.due_ms == NOW + 1000


def test_job_that_was_done_before_who_enqueued_it_let_go_of_it_is_done(played):
    """One worker of Dramatiq holds a delayed message, and another runs it at once."""
    messages = ["HSET", "dramatiq:default.msgs", "r2", dramatiq("7")]
    scenario = (
        ("p", ["HSET", "dramatiq:default.DQ.msgs", "r1", dramatiq("7")]),
        ("p", "RPUSH dramatiq:default.DQ r1"),
        (
            "a",
            "EXEC",
            "LPOP dramatiq:default.DQ",
            "SADD dramatiq:__acks__.a.default.DQ r1",
        ),
        ("a", "EXEC", messages, "RPUSH dramatiq:default r2"),
        ("b", "EXEC", "LPOP dramatiq:default", "SADD dramatiq:__acks__.b.default r2"),
        (
            *("b", "EXEC", "SREM dramatiq:__acks__.b.default r2"),
            "HDEL dramatiq:default.msgs r2",
        ),
        (
            *("a", "EXEC", "SREM dramatiq:__acks__.a.default.DQ r1"),
            "HDEL dramatiq:default.DQ.msgs r1",
        ),
    )

    timeline = follow(played(scenario), b"7")

    assert timeline.verdict.word == "done"
    assert kinds_of(timeline)[-2:] == ["done", "forgotten"]
