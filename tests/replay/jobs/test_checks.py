# ruff: noqa: E501 - a step is a line

import json

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.jobs.checks import CHECKS, find_faults, schema_condition
from joblog.replay.jobs.shipped import load_schemas
from joblog.replay.keys.past import Past
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import make_mail
from tests.replay.jobs.scenarios import BULL_TAKEN, DONE, NOW, OWN, play


def faults(folder, scenario, *schemas):
    history = play(folder, scenario)
    history.close()
    past = Past(folder, FileSystem())
    past.go_to(history.log.last_seq)
    past.close()
    found = find_faults(past.databases, load_schemas(schemas))
    return [(fault.check, fault.job) for fault in found]


@pytest.mark.parametrize("name", DONE)
def test_sound_queue_has_no_fault_at_any_moment(tmp_path, name):
    history = play(tmp_path, DONE[name])
    history.close()
    past = Past(tmp_path, FileSystem())
    (schema,) = load_schemas([name])

    for seq in range(history.log.last_seq + 1):
        past.go_to(seq)
        found = [fault.check for fault in find_faults(past.databases, [schema])]
        assert found == [], seq
    past.close()


FAULTS = [
    pytest.param(
        "rq",
        [("p", "RPUSH rq:queue:q 7"), ("p", f"ZADD rq:wip:q {NOW} 7"), ("p", "HSET rq:job:7 status queued")],
        [("job-in-two-places", b"7")],
        id="waits and runs",
    ),
    pytest.param(
        "rq",
        [("p", "RPUSH rq:queue:q 7 7"), ("p", "HSET rq:job:7 status queued")],
        [("job-in-two-places", b"7")],
        id="twice in one queue",
    ),
    pytest.param(
        "rq",
        [("p", "HSET rq:job:7 status queued")],
        [("job-in-none", b"7")],
        id="in no place",
    ),
    pytest.param(
        "rq",
        [("p", f"ZADD rq:wip:q {NOW} 7:exec")],
        [("lease-without-job", b"7")],
        id="lease without job",
    ),
    pytest.param(
        "bullmq",
        [*BULL_TAKEN, ("hand", "DEL bull:mail:7")],
        [("lease-without-job", b"7")],
        id="lock without job",
    ),
    pytest.param(
        "delancie",
        [("p", f"HINCRBY {OWN}active group -1")],
        [("negative-counter", b"group")],
        id="negative counter",
    ),
    pytest.param(
        "generic",
        [("p", "DECR stock"), ("p", "SET note -x")],
        [("negative-counter", b"stock")],
        id="any negative number",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "scenario", "expected"), FAULTS)
def test_fault_is_found(tmp_path, schema, scenario, expected):
    assert faults(tmp_path, scenario, schema) == expected


def test_only_the_checks_that_are_asked_for_are_made(tmp_path):
    history = play(tmp_path, [("p", "HSET rq:job:7 status queued")])
    history.close()
    past = Past(tmp_path, FileSystem())
    past.go_to(history.log.last_seq)
    past.close()
    schemas = load_schemas(["rq"])

    assert list(find_faults(past.databases, schemas, ["job-in-two-places"])) == []
    assert len(list(find_faults(past.databases, schemas, ["job-in-none"]))) == 1
    assert set(CHECKS) >= {"job-in-two-places", "job-in-none"}
    with pytest.raises(KeyError):
        list(find_faults(past.databases, schemas, ["nope"]))


def test_bisection_finds_the_record_that_put_a_job_in_two_places(tmp_path):
    make_mail(tmp_path).close()
    words = ["bisect", str(tmp_path), "@0..@18", "--check", "job-in-two-places"]

    found = CliRunner().invoke(main, [*words, "--schema", "rq", "--json"])

    assert json.loads(found.output)["fails_seq"] == 17
    assert CliRunner().invoke(main, [*words, "--schema", "nope"]).exit_code == 2


def test_condition_holds_where_its_check_finds_nothing(tmp_path):
    history = play(
        tmp_path, [("p", "SET note x"), ("p", "HSET rq:job:7 status queued")]
    )
    history.close()
    past = Past(tmp_path, FileSystem())
    holds = schema_condition("job-in-none", load_schemas(["rq"]))

    past.go_to(2)
    assert holds(past.fold.keyspace, 0)
    past.go_to(3)
    assert not holds(past.fold.keyspace, 0)
    past.close()
    with pytest.raises(KeyError):
        schema_condition("nope", [])
