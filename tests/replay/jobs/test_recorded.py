"""What became of jobs of real queues, with faults made on purpose.

tests/data/histories/README.md says what happened to each.
"""

import contextlib
import json
from pathlib import Path

import pytest
import redis

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.jobs.audit import Audit
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas, shipped_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.jobs.views import Actors
from joblog.replay.records.clients import ClientDirectory
from joblog.storage.filesystem import FileSystem
from tests.delancie.broker import LEASE_MS, Broker, encode_job
from tests.support import servers

HISTORIES = Path(__file__).resolve().parents[2] / "data" / "histories"
BACK = "taken back"

# For each story of a history: the verdict, what its reason has, and some of its steps.
STORIES = {
    "rq": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 3", ["taken", "retried", "taken", "done"]),
        "failed": ("failed", "ValueError: this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["enqueued", "deleted"]),
        "killed": ("done", "it was taken back", ["taken", BACK, "taken", "done"]),
    },
    "celery": {
        "normal": ("done", "", ["enqueued", "taken", "done", "acknowledged"]),
        "retried": ("done", "after 3", ["taken", "retried", "taken", "done"]),
        "failed": ("failed", "ValueError: this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["enqueued", "deleted"]),
        "killed": ("done", "it was taken back", ["taken", BACK, "taken", "done"]),
    },
    "bullmq": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 2", ["taken", "put off", "taken", "done"]),
        "failed": ("failed", "this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["scheduled", "deleted"]),
        "removed": ("deleted", "", ["scheduled", "deleted"]),
        "killed": ("done", "it was taken back", ["lease expired", BACK, "taken"]),
        "slept": ("done", "it was taken back", ["lease expired", BACK, "taken"]),
        "waiting": ("waiting", "", ["enqueued"]),
    },
    "asynq": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 2", ["taken", "put off", "due", "taken", "done"]),
        "failed": ("failed", "", ["taken", "failed"]),
        "deleted": ("deleted", "", ["deleted"]),
        "removed": ("deleted", "", ["scheduled", "deleted"]),
        "killed": ("done", "it was taken back", ["taken", "due", "taken", "done"]),
        "slept": ("delivered twice", "its result is from", ["taken", "due", "taken"]),
        "waiting": ("waiting", "", ["enqueued"]),
    },
    "sidekiq": {
        "normal": ("taken", "keeps nothing", ["enqueued", "taken"]),
        "retried": ("taken", "keeps nothing", ["taken", "put off", "taken"]),
        "failed": ("failed", "this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["deleted"]),
        "removed": ("deleted", "", ["deleted"]),
        "killed": ("taken", "keeps nothing", ["enqueued", "taken"]),
        "stopped": ("taken", "keeps nothing", ["taken", "retried", "taken"]),
        "waiting": ("waiting", "", ["enqueued"]),
    },
    "bull": {
        "normal": ("done", "", ["enqueued", "taken", "lease", "done"]),
        "retried": ("done", "after 3", ["taken", "put off", "due", "taken", "done"]),
        "failed": ("failed", "this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["enqueued", "deleted"]),
        "killed": ("done", "it was taken back", ["lease expired", BACK, "taken"]),
    },
    "dramatiq": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 3", ["taken", "put off", "due", "taken", "done"]),
        "failed": ("failed", "", ["taken", "failed"]),
        "deleted": ("deleted", "", ["enqueued", "deleted"]),
        "killed": ("done", "it was taken back", ["taken", "taken", "done"]),
    },
    "huey": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 3", ["taken", "retried", "taken", "done"]),
        "failed": ("failed", "this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["enqueued", "deleted"]),
        "killed": ("taken", "keeps nothing", ["enqueued", "taken"]),
    },
    "arq": {
        "normal": ("done", "", ["taken", "done"]),
        "retried": ("done", "after 3", ["taken", "retried", "taken", "done"]),
        "failed": ("failed", "ValueError: this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "", ["deleted"]),
        "killed": ("done", "it was taken back", ["taken", BACK, "taken", "done"]),
    },
    "saq": {
        "normal": ("done", "", ["enqueued", "taken", "done"]),
        "retried": ("done", "after 3", ["taken", "retried", "taken", "done"]),
        "failed": ("failed", "ValueError: this job always fails", ["taken", "failed"]),
        "deleted": ("deleted", "its own key was removed", ["enqueued", "deleted"]),
        "killed": ("done", "it was taken back", ["taken", BACK, "taken", "done"]),
    },
}
CASES = [
    pytest.param(library, story, *expected, id=f"{library} {story}")
    for library, stories in STORIES.items()
    for story, expected in stories.items()
]


def open_history(library):
    index = LogIndex(HISTORIES / library / "data", FileSystem())
    last = index.get_record(index.last_seq)
    schemas = detect_schemas(index)
    assert [schema.name for schema in schemas] == [library]
    return index, JobLog(index, schemas), Point(last.seq, last.at_ms + 3_600_000)


def job_id_of(library, story):
    stories = json.loads((HISTORIES / library / "jobs.json").read_text())
    return stories[story].encode()


def is_part(wanted, kinds):
    rest = iter(kinds)
    return all(kind in rest for kind in wanted)


@pytest.mark.parametrize(("library", "story", "word", "reason", "kinds"), CASES)
def test_story_of_a_recorded_job_is_told(library, story, word, reason, kinds):
    _, log, point = open_history(library)
    (timeline,) = log.follow(job_id_of(library, story), point)

    assert timeline.verdict.word == word
    assert reason in timeline.verdict.reason
    assert is_part(kinds, [step.kind for step in timeline.steps])


@pytest.mark.parametrize("library", STORIES)
def test_every_recorded_job_is_named_here_and_listed(library):
    stories = json.loads((HISTORIES / library / "jobs.json").read_text())
    _, log, point = open_history(library)

    listed = {
        judged.story.id.decode(): judged.verdict.word
        for judged in log.judge_all(point, Limits(), lambda _: True)
    }

    assert set(stories) == set(STORIES[library])
    assert {story: listed[job_id] for story, job_id in stories.items()} == {
        story: expected[0] for story, expected in STORIES[library].items()
    }


DELETERS = dict.fromkeys(
    ("rq", "celery", "bull", "dramatiq", "huey", "arq", "saq"), "a-person"
) | {"bullmq": "operator"}


@pytest.mark.parametrize("library", DELETERS)
def test_person_who_deleted_a_job_by_hand_is_named(library):
    index, log, point = open_history(library)
    (timeline,) = log.follow(job_id_of(library, "deleted"), point)
    clients = ClientDirectory(index, from_seq=END_SEQ)

    (step,) = [step for step in timeline.steps if step.kind == "deleted"]

    client = clients.find(step.record.origin.client_id, step.record.seq)
    assert client.note.name.decode() == DELETERS[library]


@pytest.mark.parametrize("library", STORIES)
def test_audit_of_a_recorded_queue_adds_up(library):
    index, log, point = open_history(library)
    audit = Audit(Actors(index, ClientDirectory(index, from_seq=END_SEQ)))

    deeds = list(audit.read(log, 0, point.seq))

    assert audit.deeds == len(deeds) == sum(count for _, count in audit.groups()) > 0
    assert sum(audit.jobs.values()) == len({(deed.queue, deed.job) for deed in deeds})


@pytest.fixture
def broker():
    """Return Delancie's broker on a server of ours, and the server."""
    with (
        servers.start_joblog("--appendfsync", "no") as server,
        contextlib.closing(redis.Redis(unix_socket_path=server.path)) as client,
    ):
        yield server, Broker(client)


def connect_as(server, name):
    return Broker(redis.Redis(unix_socket_path=server.path, client_name=name))


@pytest.mark.slow
def test_faults_of_a_real_broker_are_found_and_named(broker):
    server, producer = broker
    worker, other = (connect_as(server, name) for name in ("worker", "other"))
    hand = connect_as(server, "hand")
    for job_id in ("done", "killed", "deleted", "double", "dead", "waits"):
        producer.enqueue(job_id, encode_job(job_id.encode(), b""), attempts_max=1)
        if job_id in {"done", "killed", "double", "dead"}:
            token, *_ = worker.dequeue()
        match job_id:
            case "done":
                worker.succeed(job_id, token)
            case "dead":
                worker.fail(job_id, token, b"boom")
            case "deleted":
                hand.client.zrem(hand.key("pending"), "deleted")
                hand.client.delete(hand.key("job:deleted"))
            case "double":
                # By hand it is put back while a worker has it.
                hand.client.zadd(hand.key("pending"), {"double": 1})
                other.dequeue()
    for each in (worker, other, hand):
        each.client.close()

    index = LogIndex(server.folder, FileSystem())
    last_seq = index.last_seq
    log = JobLog(index, [shipped_schemas()["delancie"]])
    point = Point(last_seq, producer.now_ms + LEASE_MS + 1)
    judged = {
        story.id.decode(): (verdict.word, verdict.reason)
        for story, verdict in log.judge_all(point, Limits(), lambda _: True)
    }

    assert judged == {
        "done": ("done", ""),
        "killed": ("stuck", "its lease ran out"),
        "deleted": ("deleted", ""),
        "double": ("delivered twice", "taken while another had it"),
        "dead": ("failed", "boom"),
        "waits": ("waiting", ""),
    }
