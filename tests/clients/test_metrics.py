"""Metrics of queues are what the libraries themselves count, at three moments."""

import json

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("queue_server", ["joblog"], indirect=True),
]


def told(folder, queue, *states):
    """Return how many jobs `replay metrics` tells now, in the order of states."""
    words = ["metrics", str(folder), "--until", "now", "--step", "365d", "--json"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    series = json.loads(done.stdout.splitlines()[-1])["series"]
    found = {(each["name"], *each["labels"].values()): each["value"] for each in series}
    return [found["joblog_queue_jobs", queue, state] for state in states]


def check(stage, count, queue, *states):
    """Compare now, which may be a moment before the log has all."""
    folder = stage.server.folder
    assert told(folder, queue, *states) == count()


def test_rqs_registries_have_as_many_at_three_moments(stage_of):
    stage = stage_of("rq")
    client, journal = stage.client(), stage.journal
    states = ("waiting", "scheduled", "running", "failed")

    def count():
        found = client.ask("registries")
        names = ("queued", "scheduled", "started", "failed")
        return [len(found[name]) for name in names]

    for job in ("a", "b"):
        client.enqueue("add", job, 1, 1)
    client.enqueue("add", "later", 1, 1, delay=3600)
    check(stage, count, "default", *states)

    held = client.enqueue("hold", "held")
    client.enqueue("add", "behind", 1, 1)
    stage.worker()
    journal.wait_for("held", "held")
    wait_until(lambda: client.ask("registries")["started"] == [held])
    check(stage, count, "default", *states)

    failed = client.enqueue("fail", "failed")
    journal.release()
    wait_until(lambda: client.ask("registries")["failed"] == [failed])
    wait_until(lambda: client.ask("registries")["started"] == [])
    check(stage, count, "default", *states)


def test_bullmqs_job_counts_are_as_many_at_three_moments(stage_of):
    stage = stage_of("bullmq")
    client, journal = stage.client(), stage.journal
    states = ("waiting", "running", "scheduled", "failed")

    def count():
        found = client.ask("counts")
        return [found[name] for name in ("wait", "active", "delayed", "failed")]

    for job in ("a", "b"):
        client.enqueue("add", job, 1, 1)
    client.enqueue("add", "later", 1, 1, delay=3600)
    check(stage, count, "jobs", *states)

    client.enqueue("hold", "held")
    client.enqueue("add", "behind", 1, 1)
    stage.worker()
    journal.wait_for("held", "held")
    wait_until(lambda: count()[:2] == [1, 1], stage.outputs)
    check(stage, count, "jobs", *states)

    client.enqueue("fail", "failed")
    journal.release()
    wait_until(lambda: count() == [0, 0, 1, 1], stage.outputs)
    check(stage, count, "jobs", *states)
