"""A job is told the same from the records that mention it as from the whole log."""

import json

import pytest

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs import reading
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas, load_schemas
from joblog.replay.jobs.sparse import SparseError, SparsePast
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History, make_mail
from tests.replay.jobs.scenarios import DONE, GENERIC_LONG, UUID, play
from tests.replay.jobs.test_recorded import HISTORIES, STORIES


@pytest.fixture
def every_log_is_long(monkeypatch):
    monkeypatch.setattr(reading, "LONG_RECORDS", -1)


def told(folder, job_id, *, is_exact, schemas=None):
    index = LogIndex(folder, FileSystem())
    log = JobLog(index, schemas or detect_schemas(index))
    last = index.get_record(index.last_seq)
    point = Point(last.seq, last.at_ms + 3_600_000)
    return [
        (
            timeline.verdict,
            [(step.kind, step.record.seq, step.problem) for step in timeline.steps],
        )
        for timeline in log.follow(job_id, point, is_exact=is_exact)
    ]


RECORDED = [
    pytest.param(HISTORIES / library / "data", job_id.encode(), id=f"{library} {story}")
    for library in sorted(STORIES)
    for story, job_id in json.loads(
        (HISTORIES / library / "jobs.json").read_text()
    ).items()
]


@pytest.mark.parametrize(("folder", "job_id"), RECORDED)
def test_recorded_job_is_told_the_same(every_log_is_long, folder, job_id):
    sparse, exact = (told(folder, job_id, is_exact=each) for each in (False, True))

    assert sparse == exact


@pytest.mark.parametrize("name", DONE)
def test_job_of_each_library_is_told_the_same(every_log_is_long, tmp_path, name):
    play(tmp_path, DONE[name]).close()
    job_id = UUID.encode() if name == "huey" else b"7"

    sparse, exact = (
        told(tmp_path, job_id, is_exact=each, schemas=load_schemas([name]))
        for each in (False, True)
    )

    assert sparse == exact


@pytest.mark.parametrize("job_id", [b"m%d" % number for number in range(1, 8)])
def test_job_with_a_fault_is_told_the_same(every_log_is_long, tmp_path, job_id):
    make_mail(tmp_path).close()

    sparse, exact = (told(tmp_path, job_id, is_exact=each) for each in (False, True))

    assert sparse == exact


@pytest.mark.parametrize("number", range(6))
def test_pop_among_many_is_found(every_log_is_long, tmp_path, number):
    play(tmp_path, GENERIC_LONG).close()

    sparse, exact = (
        told(tmp_path, b"job-%d" % number, is_exact=each) for each in (False, True)
    )

    assert sparse == exact


def test_step_that_was_concluded_says_so(every_log_is_long, tmp_path):
    play(tmp_path, GENERIC_LONG).close()
    index = LogIndex(tmp_path, FileSystem())
    log = JobLog(index, load_schemas(["generic"]))

    (timeline,) = log.follow(b"job-0", Point(index.last_seq, 1 << 45))

    marked = [step.kind for step in timeline.steps if step.is_inferred]
    assert marked == ["taken"]


def sparse_past(folder, job_id, schema):
    index = LogIndex(folder, FileSystem())
    return SparsePast(index, load_schemas([schema]), job_id, index.last_seq)


def test_id_that_very_many_records_mention_is_refused(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "MULTI", "SET a 7", "EXEC")
    drafts = [(history.clock.at_ms, 0, [[b"SET", b"a", b"7"]], 1)] * 2001
    history.write(*drafts)
    history.close()

    with pytest.raises(SparseError, match="very many"):
        sparse_past(tmp_path, b"7", "rq")
