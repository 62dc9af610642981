# ruff: noqa: E501 - a step is a line

"""What became of jobs, in histories as each library writes them."""

import collections
import pickle
from datetime import UTC, datetime

import pytest

from tests.replay.histories import History
from tests.replay.jobs.reading import (
    HOUR_MS,
    follow,
    judge_all,
    kinds_of,
    open_log,
    point_of,
    steps_of,
)
from tests.replay.jobs.scenarios import (
    BULL_TAKEN,
    CELERY_TAKEN,
    DELANCIE_TAKEN,
    DONE,
    NOW,
    OWN,
    RQ_TAKEN,
    UUID,
    message,
    play,
    sidekiq,
)

YEAR_9999_MS = 253_402_300_799_999


@pytest.fixture
def played(tmp_path):
    """Return a function that plays a scenario and tells a job's timeline."""
    histories = []

    def run(scenario, job_id=b"7", *, later_ms=0):
        histories.append(play(tmp_path, scenario))
        return follow(histories[0], job_id, later_ms=later_ms)

    yield run
    for history in histories:
        history.close()


@pytest.mark.parametrize("name", DONE)
def test_job_of_each_library_is_enqueued_taken_and_done(played, name):
    timeline = played(DONE[name], UUID.encode() if name == "huey" else b"7")

    kinds = [kind for kind in kinds_of(timeline) if kind not in SMALL]
    assert timeline.story.schema.name == name
    assert kinds == ["enqueued", "taken", "done"]
    assert timeline.verdict.word == "done"
    assert timeline.story.deliveries == 1
    assert timeline.story.doubles == ()
    assert timeline.story.waited_ms is not None


SMALL = {"lease", "noted", "acknowledged"}
RQ_SWEEP = [
    "EVAL",
    "return redis.call('RPOP', KEYS[1])",
    "1",
    "rq:queue:mail:intermediate",
]
RQ_DROPPED = (*RQ_TAKEN[:2], ("cron", RQ_SWEEP))
RQ_FINISHED = (
    "a", "EXEC", "HSET rq:job:7 status finished", "ZADD rq:finished:mail 1700000000 7",
)  # fmt: skip
FAULTS = [
    pytest.param(RQ_TAKEN, "running", 0, "", id="rq runs"),
    pytest.param(RQ_TAKEN, "stuck", HOUR_MS, "lease ran out", id="rq, worker killed"),
    pytest.param(
        (*RQ_TAKEN[:1], ("hand", "LPOP rq:queue:mail")),
        *("lost", HOUR_MS, "in no key"),
        id="rq, popped by hand",
    ),
    pytest.param(
        (*RQ_TAKEN[:1], ("hand", "LREM rq:queue:mail 1 7")),
        *("deleted", 0, ""),
        id="rq, removed by hand",
    ),
    pytest.param(RQ_DROPPED, "lost", HOUR_MS, "out of its last key", id="rq, dropped by a script"),
    pytest.param(RQ_DROPPED, "in hand", 0, "out of its last key", id="rq, dropped just now"),
    pytest.param(
        (*RQ_TAKEN[:1], ("hand", "LPOP rq:queue:mail")),
        *("in hand", 0, "has the only copy"),
        id="rq, popped by hand just now",
    ),
    pytest.param(
        (*RQ_DROPPED, ("cron", "LPUSH rq:queue:mail 7")),
        *("waiting", HOUR_MS, ""),
        id="rq, dropped and brought back",
    ),
    pytest.param(
        (*RQ_DROPPED, RQ_FINISHED), "done", HOUR_MS, "", id="rq, dropped and done after all"
    ),
    pytest.param(
        (*RQ_TAKEN[:1], ("hand", "DEL rq:job:7"), RQ_TAKEN[1]),
        *("deleted", 0, "own key"),
        id="rq, its hash removed by hand",
    ),
    pytest.param(
        (*RQ_TAKEN, ("hand", "FLUSHALL")), "deleted", 0, "", id="rq, everything flushed"
    ),
    pytest.param(
        (*CELERY_TAKEN, ("a", "HDEL unacked t1"), ("a", "ZREM unacked_index t1")),
        *("taken", HOUR_MS, "keeps nothing"),
        id="celery, acknowledged, no results",
    ),
    pytest.param(
        (
            *CELERY_TAKEN,
            ("a", "HDEL unacked t1"),
            ("b", 'SET celery-task-meta-8 {"status":"SUCCESS"}'),
        ),
        *("lost", HOUR_MS, "nothing followed"),
        id="celery, acknowledged, its result is missing",
    ),
    pytest.param(CELERY_TAKEN, "stuck", HOUR_MS, "no lease", id="celery, killed"),
    pytest.param(
        (
            ("p", "EXEC", ["LPUSH", "mail", message("7")], "PEXPIRE mail 5000"),
            ("p", "ZADD unacked_index 1 t1"),
            ("wait", 6000),
            ("a", "RPOP mail"),
        ),
        *("deleted", 0, ""),
        id="celery, its queue expired",
    ),
    pytest.param(
        (*BULL_TAKEN, ("wait", 40_000), ("a", "SET clock x")),
        *("stuck", 0, "lease ran out"),
        id="bullmq, lock ran out",
    ),
    pytest.param(
        DELANCIE_TAKEN, "stuck", 61_000, "lease ran out", id="delancie, worker killed"
    ),
    pytest.param(
        (*DELANCIE_TAKEN[:1], ("hand", f"DEL {OWN}job:7"), ("hand", f"ZREM {OWN}pending 7")),
        *("deleted", 0, "own key"),
        id="delancie, removed by hand",
    ),
    pytest.param(
        (
            ("p", "SADD queues mail"),
            ("p", ["LPUSH", "queue:mail", sidekiq("7")]),
            ("a", "RPOP queue:mail"),
        ),
        *("taken", HOUR_MS, "keeps nothing"),
        id="sidekiq, popped",
    ),
    pytest.param(
        (("p", f"ZADD arq:queue {NOW + 1000} 7"), ("p", "SET arq:job:7 x")),
        *("stuck", HOUR_MS, "due"),
        id="arq, due and not taken",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "word", "later_ms", "reason"), FAULTS)
def test_fault_is_found_and_named(played, scenario, word, later_ms, reason):
    verdict = played(scenario, later_ms=later_ms).verdict

    assert verdict.word == word
    assert reason in verdict.reason


def test_rq_job_that_a_rate_limit_holds_back_is_blocked_until_it_is_let_through(played):
    held = (
        *("p", "EXEC", "HSET rq:job:7 status rate_limited origin mail"),
        f"ZADD rq:rl:api:rate_limited {NOW // 1000} 7",
    )
    let_through = (
        *("a", "EXEC", "ZPOPMIN rq:rl:api:rate_limited"),
        *(f"ZADD rq:rl:api:allowed {NOW // 1000} 7", "RPUSH rq:queue:mail 7"),
        "HSET rq:job:7 status queued",
    )

    timeline = played((held, let_through))

    assert kinds_of(timeline) == ["held back", "released"]
    assert timeline.steps[0].state == "blocked"
    assert timeline.story.queue == b"mail"
    assert timeline.verdict.word == "waiting"


def test_deletion_names_the_client_that_did_it(played):
    timeline = played((*RQ_TAKEN[:1], ("hand", "LREM rq:queue:mail 1 7")))

    assert steps_of(timeline) == [("enqueued", 1), ("deleted", 2)]


def test_script_that_dropped_a_job_is_named(played):
    timeline = played(RQ_DROPPED, later_ms=HOUR_MS)

    assert steps_of(timeline) == [("enqueued", 1), ("taken", 2), ("dropped", 3)]
    assert timeline.story.last == timeline.steps[-1]


def test_job_that_was_put_back_where_it_was_dropped_runs_again(played):
    back = ("hand", "RPUSH rq:queue:mail:intermediate 7")
    timeline = played((*RQ_DROPPED, back), later_ms=60_001)

    assert kinds_of(timeline)[-2:] == ["dropped", "put back"]
    assert timeline.verdict.word == "running"


SAQ = "saq:job:mail:7"
SAQ_TAKE = "LMOVE saq:mail:queued saq:mail:active LEFT RIGHT"
SAQ_INCOMPLETE = f"ZADD saq:mail:incomplete {NOW // 1000} {SAQ}"
SAQ_DUE = ("EXEC", f"ZADD saq:mail:incomplete 0 {SAQ}", f"RPUSH saq:mail:queued {SAQ}")
DOUBLES = [
    pytest.param(
        (
            ("p", "EXEC", f"SET {SAQ} {{}}", SAQ_INCOMPLETE),
            *(("a", *SAQ_DUE), ("a", SAQ_TAKE)),
            (
                *("a", "EXEC", f"LREM saq:mail:active 1 {SAQ}", SAQ_INCOMPLETE),
                f"RPUSH saq:mail:queued {SAQ}",
            ),
            *(("a", SAQ_TAKE), ("b", *SAQ_DUE), ("b", SAQ_TAKE)),
        ),
        "taken while another had it",
        id="saq, a scheduled job was retried",
    ),
    pytest.param(
        (
            *RQ_TAKEN[:1],
            ("p", "RPUSH rq:queue:mail 7"),
            *RQ_TAKEN[1:],
            ("b", "LMOVE rq:queue:mail rq:queue:mail:intermediate LEFT RIGHT"),
        ),
        "taken while another had it",
        id="rq, pushed twice",
    ),
    pytest.param(
        (
            *DONE["rq"][:1],
            ("hand", "RPUSH rq:queue:mail 7"),
            *DONE["rq"][1:],
            ("b", "LMOVE rq:queue:mail rq:queue:mail:intermediate LEFT RIGHT"),
        ),
        "taken again after it was done",
        id="rq, a copy is left",
    ),
    pytest.param(
        (
            *DELANCIE_TAKEN,
            ("b", "EXEC", f"ZREM {OWN}leased 7", f"ZADD {OWN}pending 2 7"),
            ("b", "EXEC", f"ZPOPMIN {OWN}pending", f"ZADD {OWN}leased {NOW + 90_000} 7"),
            ("a", "EXEC", f"ZREM {OWN}leased 7", f"ZADD {OWN}done {NOW} 7"),
        ),
        "done by one that it was taken back from",
        id="delancie, both workers go on",
    ),
    pytest.param(
        (
            *CELERY_TAKEN,
            ("b", ["RPUSH", "celery", message("7")]),
            ("b", "RPOP celery"),
        ),
        "taken while another had it",
        id="celery, restored while it runs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "problem"), DOUBLES)
def test_double_delivery_is_found_and_named(played, scenario, problem):
    timeline = played(scenario)

    assert timeline.verdict.word == "delivered twice"
    assert timeline.verdict.reason == problem
    assert [step.problem for step in timeline.steps if step.problem][-1] == problem


def test_lease_that_is_taken_back_is_no_double_delivery(played):
    timeline = played(
        (
            *DELANCIE_TAKEN,
            ("b", "EXEC", f"ZREM {OWN}leased 7", f"ZADD {OWN}pending 2 7"),
            ("b", "EXEC", f"ZPOPMIN {OWN}pending", f"ZADD {OWN}leased {NOW} 7"),
            ("b", "EXEC", f"ZREM {OWN}leased 7", f"ZADD {OWN}done {NOW} 7"),
        )
    )

    assert steps_of(timeline) == [
        ("enqueued", 1),
        ("taken", 2),
        ("taken back", 3),
        ("taken", 3),
        ("done", 3),
    ]
    assert timeline.verdict.word == "done"
    assert timeline.verdict.reason == "after 2 deliveries; it was taken back"


def test_failure_and_retry_are_told_with_error_and_attempts(played):
    timeline = played(
        (
            *DELANCIE_TAKEN,
            (
                *("a", "EXEC", f"ZREM {OWN}leased 7"),
                f"HSET {OWN}job:7 state scheduled error boom",
                f"ZADD {OWN}scheduled {NOW + 9000} 7",
            ),
            ("p", "EXEC", f"ZREM {OWN}scheduled 7", f"ZADD {OWN}pending 2 7"),
            ("a", "EXEC", f"ZPOPMIN {OWN}pending", f"ZADD {OWN}leased {NOW} 7"),
            (
                *("a", "EXEC", f"ZREM {OWN}leased 7", f"HSET {OWN}job:7 error bang"),
                f"LPUSH {OWN}dead 7",
            ),
        )
    )

    kinds = ["enqueued", "taken", "put off", "due", "taken", "failed"]
    assert kinds_of(timeline) == kinds
    assert timeline.steps[2].notes["error"] == b"boom"
    assert timeline.steps[2].due_ms == NOW + 9000
    assert timeline.steps[1].notes["attempts"] == b"1"
    assert timeline.verdict == ("failed", timeline.story.since_ms, "bang")


@pytest.fixture(params=["ZADD bull:mail:marker 0 0", "INCR bull:mail:id"])
def bull_delayed(request):
    """Return how a job is delayed for a minute, by BullMQ and by Bull."""
    score = f"{(NOW + 60_000) * 4096 + 7}"
    return (
        *(("p", request.param), ("p", "LPUSH bull:mail:wait 1")),
        *(("p", f"ZADD bull:mail:delayed {score} 7"), ("wait", 61_000)),
    )


def test_delayed_bull_job_is_due_when_its_score_says(played, bull_delayed):
    moved = ("a", "EXEC", "ZREM bull:mail:delayed 7", "LPUSH bull:mail:wait 7")
    timeline = played((*bull_delayed, moved))

    assert timeline.steps[0].due_ms == NOW + 60_000
    assert kinds_of(timeline) == ["scheduled", "due"]


def test_delayed_bull_job_that_nobody_moves_is_stuck(played, bull_delayed):
    assert played(bull_delayed, later_ms=HOUR_MS).verdict.word == "stuck"


@pytest.mark.parametrize(
    ("score", "due_ms"), [("inf", YEAR_9999_MS), ("1e300", YEAR_9999_MS), ("-inf", 0)]
)
def test_job_that_is_due_at_no_time_of_a_calendar_is_told_all_the_same(
    played, score, due_ms
):
    scheduled = f"ZADD rq:scheduled:mail {score} 7"
    timeline = played((("p", "EXEC", "HSET rq:job:7 status scheduled", scheduled),))

    assert timeline.steps[0].due_ms == due_ms
    assert timeline.verdict.word == "scheduled"


Message = collections.namedtuple("Message", ("id", "name", "eta"))  # noqa: PYI024 - as Huey's


@pytest.mark.parametrize("hours", [-1, 0, 5], ids=["Berlin", "London", "New York"])
def test_huey_task_is_due_when_its_message_says_wherever_its_consumer_is(played, hours):
    due_ms = NOW + 60_000
    eta = datetime.fromtimestamp(due_ms // 1000, UTC).replace(tzinfo=None)
    task = pickle.dumps(Message(UUID, "pay", eta))
    score = str(due_ms // 1000 + hours * 3600)
    scenario = (
        ("p", ["LPUSH", "huey.redis.q", task]),
        ("a", "RPOP huey.redis.q"),
        ("a", ["ZADD", "huey.schedule.q", score, task]),
    )
    taken = (
        *(
            ("wait", 61_000),
            ("a", ["EVAL", POP_BY_SCORE, "1", "huey.schedule.q", score]),
        ),
        *(("a", ["LPUSH", "huey.redis.q", task]), ("a", "RPOP huey.redis.q")),
    )

    timeline = played((*scenario, *taken), UUID.encode())
    assert timeline.steps[2].due_ms == due_ms
    assert kinds_of(timeline)[:4] == ["enqueued", "taken", "put off", "taken"]


@pytest.mark.parametrize(
    ("later_ms", "word"), [(50_000, "scheduled"), (30 * 60_000, "stuck")]
)
def test_huey_task_is_stuck_from_when_its_message_says(played, later_ms, word):
    eta = datetime.fromtimestamp(NOW // 1000 + 60, UTC).replace(tzinfo=None)
    task = pickle.dumps(Message(UUID, "pay", eta))
    ahead = str(NOW // 1000 + 60 - 2 * 3600)
    step = ("a", ["ZADD", "huey.schedule.q", ahead, task])

    assert played((step,), UUID.encode(), later_ms=later_ms).verdict.word == word


POP_BY_SCORE = """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
return found
"""


def test_list_has_each_job_with_its_verdict(tmp_path):
    history = play(
        tmp_path,
        (
            *DONE["rq"],
            ("p", "RPUSH rq:queue:mail 8 9"),
            ("hand", "LREM rq:queue:mail 1 8"),
            ("p", f"ZADD rq:scheduled:mail {NOW // 1000 + 99999} 10"),
            ("p", "ZADD rq:deferred:mail 1 11"),
            ("p", "ZADD rq:canceled:mail 1 12"),
        ),
    )

    assert judge_all(history) == {
        b"7": "done",
        b"8": "deleted",
        b"9": "waiting",
        b"10": "scheduled",
        b"11": "blocked",
        b"12": "cancelled",
    }
    history.close()


def test_jobs_that_ended_and_are_not_wanted_are_let_go(tmp_path):
    history = play(tmp_path, DONE["rq"])

    assert judge_all(history, wants=lambda judged: judged.verdict.word != "done") == {}
    history.close()


def test_two_queues_may_have_jobs_of_one_id(tmp_path):
    history = play(
        tmp_path,
        [
            *BULL_TAKEN,
            ("p", "HSET bull:other:meta opts 1"),
            ("p", "LPUSH bull:other:wait 7"),
        ],
    )
    history.log.sync()

    found = open_log(tmp_path).follow(b"7", point_of(history))

    assert {each.story.queue: each.verdict.word for each in found} == {
        b"mail": "running",
        b"other": "waiting",
    }
    history.close()


GENERIC = (
    ("p", "LPUSH jobs 7"),
    ("a", "RPOPLPUSH jobs jobs:processing"),
    ("a", "LREM jobs:processing 1 7"),
)


def test_generic_schema_needs_no_file(played):
    timeline = played(GENERIC)

    assert timeline.story.schema.name == "generic"
    assert kinds_of(timeline) == ["enqueued", "taken", "done"]


def test_generic_schema_finds_an_id_inside_of_anything(played):
    timeline = played(
        (
            ("p", ["LPUSH", "mail", '{"n": 1, "ref": "order-7"}']),
            ("p", "LPUSH mail order-77"),
            ("a", "RPOP mail"),
        ),
        b"order-7",
    )

    assert steps_of(timeline) == [("enqueued", 1), ("taken", 2)]


def test_generic_schema_lists_what_it_guesses(tmp_path):
    history = play(tmp_path, (*GENERIC[:2], ("p", "LPUSH jobs 8"), ("p", "SET x y")))

    assert judge_all(history, "generic") == {b"7": "running", b"8": "waiting"}
    history.close()


def test_list_whose_name_says_nothing_holds_jobs_whatever_was_done_to_it_before(
    tmp_path,
):
    history = play(
        tmp_path, (("p", "SET mail x"), ("p", "DEL mail"), ("p", "LPUSH mail 7"))
    )

    assert judge_all(history, "generic") == {b"7": "waiting"}
    history.close()


def test_flush_of_everything_ends_every_job(tmp_path):
    history = play(
        tmp_path, (*GENERIC[:2], ("p", "LPUSH jobs 8"), ("hand", "FLUSHALL"))
    )

    assert judge_all(history, "generic") == {b"7": "deleted", b"8": "deleted"}
    history.close()


def test_unknown_job_has_no_timeline(tmp_path):
    history = History(tmp_path)
    history.run(history.connect(), "SET a 1")
    history.log.sync()

    assert open_log(tmp_path, "rq").follow(b"7", point_of(history)) == []
    history.close()
