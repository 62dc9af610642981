# ruff: noqa: E501 - a step is a line

import pytest

from replay.jobs.checks import CHECKS, find_faults
from replay.jobs.shipped import load_schemas
from replay.past import Past
from storage.filesystem import FileSystem
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
        [("two-places", b"7")],
        id="waits and runs",
    ),
    pytest.param(
        "rq",
        [("p", "RPUSH rq:queue:q 7 7"), ("p", "HSET rq:job:7 status queued")],
        [("two-places", b"7")],
        id="twice in one queue",
    ),
    pytest.param(
        "rq",
        [("p", "HSET rq:job:7 status queued")],
        [("no-place", b"7")],
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

    assert list(find_faults(past.databases, schemas, ["two-places"])) == []
    assert len(list(find_faults(past.databases, schemas, ["no-place"]))) == 1
    assert set(CHECKS) >= {"two-places", "no-place"}
    with pytest.raises(KeyError):
        list(find_faults(past.databases, schemas, ["nope"]))
