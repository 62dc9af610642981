"""One job exactly: what follows its places tells what all records do."""

import random

import pytest

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.exact import follow_exactly
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import shipped_schemas
from joblog.replay.jobs.sparse import SparseError
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History, make_mail

IDS = [f"job:{number}" for number in range(5)]


def told(timelines):
    """Return what timelines say, but for how it was found."""
    return [
        (
            each.story.id,
            each.story.state,
            each.story.deliveries,
            each.verdict.word,
            [(step.record.seq, step.kind, step.key) for step in each.steps],
        )
        for each in timelines
    ]


def compare(folder, schemas, job_id):
    """Follow a job both ways; tell whether the quick way says anything."""
    index = LogIndex(folder, FileSystem())
    last = index.get_record(index.last_seq)
    point = Point(last.seq, last.at_ms)
    jobs = JobLog(index, schemas)
    whole = told(jobs.follow(job_id, point, is_exact=True))
    try:
        narrow = [
            GenericSchema(job_id) if isinstance(each, GenericSchema) else each
            for each in schemas
        ]
        quick = told(follow_exactly(index, narrow, job_id, point))
    except SparseError:
        return False
    finally:
        index.close()
    assert quick == whole
    return True


def steps(chance):
    """Yield what workers do that say little of what they do."""
    one = chance.choice(IDS)
    yield from chance.choice(
        [
            [f"LPUSH queue:mail {one}"],
            [f"LPUSH queue:mail {one}", f"HSET {one} state waiting"],
            [f"RPUSH queue:late {one}"],
            [f"LPUSH staging {one}"],
            ["RPOPLPUSH staging queue:mail"],
            ["RPOPLPUSH queue:late queue:mail"],
            ["RPOP queue:mail"],
            ["LPOP queue:mail"],
            ["RPOPLPUSH queue:mail active:mail"],
            ["RPOPLPUSH queue:mail active:mail", f"HSET {one} state active"],
            ["LMOVE active:mail queue:mail RIGHT LEFT"],
            [f"LREM active:mail 1 {one}", f"ZADD done:mail 1 {one}"],
            [f"LREM active:mail 1 {one}", f"LPUSH queue:mail {one}"],
            ["RPOP queue:mail", f"LPUSH queue:mail {one}"],
            ["ZPOPMIN done:mail"],
            [f"ZREM done:mail {one}"],
            ["MULTI", "RPOP queue:mail", f"SET {one}:lock 1", "EXEC"],
        ]
    )


def rarely(chance):
    """Yield what happens to queues now and then."""
    yield chance.choice(
        [
            "LTRIM queue:mail 0 2",
            "RPOP queue:mail 2",
            "DEL queue:mail",
            "FLUSHALL",
            "SELECT 1",
            "SELECT 0",
            "COPY queue:late queue:mail REPLACE",
            "SUNIONSTORE queue:mail nothing",
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_every_job_is_told_as_by_all_records(tmp_path, seed):
    chance = random.Random(seed)
    history = History(tmp_path / "data")
    workers = [history.connect(b"worker-%d" % number) for number in range(3)]
    for _ in range(120):
        history.run(chance.choice(workers), *steps(chance))
        if seed % 2 and chance.random() < 0.04:
            history.run(workers[0], *rarely(chance))
    history.close()

    found = [
        compare(tmp_path / "data", [GenericSchema()], each.encode()) for each in IDS
    ]

    assert seed % 2 or all(found)


@pytest.mark.parametrize("job_id", [b"m1", b"m2", b"m3", b"m4", b"m5", b"nobody"])
def test_jobs_of_a_library_are_told_as_by_all_records(tmp_path, job_id):
    make_mail(tmp_path / "data").close()

    assert compare(tmp_path / "data", [shipped_schemas()["rq"]], job_id)


def test_id_that_may_be_spelt_otherwise_is_not_looked_for_by_its_bytes(tmp_path):
    make_mail(tmp_path / "data").close()

    assert not compare(tmp_path / "data", [GenericSchema()], "ä".encode())
