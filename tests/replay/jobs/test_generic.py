"""The schema that needs no file: leases, errors, and how long a job ran."""

import json

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.replay.jobs.reading import follow, judge_all, kinds_of
from tests.replay.jobs.scenarios import play


@pytest.fixture
def play_once(tmp_path):
    """Return a function that plays a scenario; its log is closed at the end."""
    played = []

    def run(scenario):
        played.append(play(tmp_path, scenario))
        return played[0]

    yield run
    for history in played:
        history.close()


TAKEN = (
    ("p", "HSET job:7 state queued"),
    ("p", "LPUSH jobs:waiting 7"),
    ("a", "RPOPLPUSH jobs:waiting jobs:active"),
)
LEASES = ["lease:7", "job:7:lock", "lock:job:7", "heartbeat:7", "processing:7"]


@pytest.mark.parametrize("key", LEASES)
def test_lease_that_expires_does_not_delete_its_job(play_once, key):
    history = play_once(
        (
            *TAKEN,
            ("a", f"SET {key} worker-1 PX 5000"),
            ("wait", 60_000),
            ("p", f"GET {key}"),
            ("p", "SET x y"),
        ),
    )

    timeline = follow(history, b"7")

    assert kinds_of(timeline) == ["enqueued", "taken", "lease", "lease expired"]
    verdict = timeline.verdict
    assert (verdict.word, verdict.reason) == ("stuck", "its lease ran out")


def test_lease_that_its_worker_gives_back_is_no_deletion(play_once, tmp_path):
    history = play_once(
        (
            *TAKEN,
            ("a", "SET lease:7 worker-1 PX 5000"),
            ("a", "DEL lease:7"),
            ("a", "LREM jobs:active 1 7"),
        ),
    )

    assert kinds_of(follow(history, b"7"))[-1] == "done"


def test_leases_are_known_of_all_jobs_that_are_listed(play_once, tmp_path):
    play_once((*TAKEN, ("a", "SET job:7:lock worker-1 PX 5000")))
    words = ["jobs", str(tmp_path), "--json", "--schema", "generic"]

    [fact] = map(json.loads, CliRunner().invoke(main, words).stdout.splitlines())

    assert (fact["verdict"], fact["reason"]) == ("stuck", "its lease ran out")
    assert fact["ran_ms"] < 5010


def test_job_of_its_own_key_is_still_deleted_with_it(play_once, tmp_path):
    history = play_once((*TAKEN, ("hand", "DEL job:7")))

    assert follow(history, b"7").verdict.word == "deleted"


ERRORS = [
    pytest.param("HSET job:7 last_error boom", "LPUSH jobs:failed 7", id="of a hash"),
    pytest.param(
        "HSET job:7 failedReason boom", "LPUSH jobs:dead 7", id="by another name"
    ),
    pytest.param(
        ["SET", "job:7", '{"error": "boom"}'], "LPUSH jobs:failed 7", id="of JSON"
    ),
    pytest.param(
        "PING", ["LPUSH", "jobs:failed", '{"id": "7", "error": "boom"}'], id="of a list"
    ),
]


@pytest.mark.parametrize(("told", "failed"), ERRORS)
def test_error_of_a_failed_job_is_told(play_once, told, failed):
    start = TAKEN if told != ERRORS[2].values[0] else TAKEN[1:]
    history = play_once(
        (*start, ("a", told), ("a", "LREM jobs:active 1 7"), ("a", failed))
    )

    verdict = follow(history, b"7").verdict

    assert (verdict.word, verdict.reason) == ("failed", "boom")
    assert judge_all(history, "generic")[b"7"] == "failed"


@pytest.mark.parametrize("key", ["job:7", "jobs:7", "mail.processing.7"])
def test_what_a_hash_of_a_job_says_is_no_job_and_tells_its_error(
    play_once, tmp_path, key
):
    play_once(
        (
            ("p", f"HSET {key} state queued payload x"),
            *TAKEN[1:],
            ("a", ["HSET", key, "error", "boom: no route", "state", "bad"]),
            ("a", "LREM jobs:active 1 7"),
            ("a", "LPUSH jobs:failed 7"),
            ("a", f"DEL {key}"),
        )
    )
    words = ["jobs", str(tmp_path), "--json", "--schema", "generic", "--all"]

    found = [
        json.loads(line) for line in CliRunner().invoke(main, words).stdout.splitlines()
    ]

    assert [job["id"] for job in found] == ["7"]
    assert (found[0]["verdict"], found[0]["reason"]) == ("failed", "boom: no route")


def test_hash_by_id_is_a_place_of_jobs_where_it_holds_messages(play_once):
    message = json.dumps({"id": "7", "kind": "mail"})
    history = play_once(
        (
            ("p", ["LPUSH", "mail:pending", message]),
            ("a", "RPOP mail:pending"),
            ("a", ["HSET", "mail:processing", "7", message]),
        )
    )

    assert judge_all(history, "generic") == {b"7": "running"}


def test_job_whose_lease_ran_out_did_not_run_until_now(play_once, tmp_path):
    play_once((*TAKEN, ("a", "SET lease:7 worker-1 PX 5000"), ("wait", 4_000_000)))

    told = CliRunner().invoke(main, ["job", str(tmp_path), "7"]).stdout

    assert "\nran\tat most 5.0 s\n" in told


def test_nobody_knows_how_long_a_lost_job_ran(play_once, tmp_path):
    play_once(
        (
            ("p", "HSET rq:job:7 status queued origin mail"),
            ("p", "RPUSH rq:queue:mail 7"),
            ("hand", "LPOP rq:queue:mail"),
            ("wait", 4_000_000),
        ),
    )
    [fact] = map(
        json.loads,
        CliRunner().invoke(main, ["jobs", str(tmp_path), "--json"]).stdout.splitlines(),
    )

    assert "ran_ms" not in fact
