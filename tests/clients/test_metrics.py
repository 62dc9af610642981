"""Metrics and the first screen count what the libraries do, at three moments.

The first screen is asked for each moment twice: while it lasts, and when it is past.
That the page in a browser shows the same is in tests/replay/web.
"""

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


def shown(folder, at, queue, *states):
    """Return a moment's number, and how many jobs the first screen counts then."""
    words = ["top", str(folder), "--until", at, "--json"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    overview = json.loads(done.stdout)
    counts = {each["queue"]: each["counts"] for each in overview["queues"]}[queue]
    found = [counts.get(state, 0) for state in states]
    return f"@{overview['range']['until_seq']}", found


class Moments:
    """Compares what joblog tells of a queue with what its library counts."""

    def __init__(self, stage, count, queue, *states):
        self._folder, self._count = stage.server.folder, count
        self._asked = (queue, *states)
        self._past = {}

    def check(self):
        """Compare now, which may be a moment before the log has all."""
        at, found = shown(self._folder, "now", *self._asked)
        assert told(self._folder, *self._asked) == found == self._count()
        self._past[at] = found

    def check_past(self):
        """Compare all moments that were checked, in the log as it is by now."""
        assert len(self._past) == 3
        for at, found in self._past.items():
            assert shown(self._folder, at, *self._asked) == (at, found)


def test_rqs_registries_have_as_many_at_three_moments(stage_of):
    stage = stage_of("rq")
    client, journal = stage.client(), stage.journal
    states = ("waiting", "scheduled", "running", "failed")

    def count():
        found = client.ask("registries")
        names = ("queued", "scheduled", "started", "failed")
        return [len(found[name]) for name in names]

    moments = Moments(stage, count, "default", *states)

    for job in ("a", "b"):
        client.enqueue("add", job, 1, 1)
    client.enqueue("add", "later", 1, 1, delay=3600)
    moments.check()

    held = client.enqueue("hold", "held")
    client.enqueue("add", "behind", 1, 1)
    stage.worker()
    journal.wait_for("held", "held")
    wait_until(lambda: client.ask("registries")["started"] == [held])
    moments.check()

    failed = client.enqueue("fail", "failed")
    journal.release()
    wait_until(lambda: client.ask("registries")["failed"] == [failed])
    wait_until(lambda: client.ask("registries")["started"] == [])
    moments.check()
    moments.check_past()


def test_bullmqs_job_counts_are_as_many_at_three_moments(stage_of):
    stage = stage_of("bullmq")
    client, journal = stage.client(), stage.journal
    states = ("waiting", "running", "scheduled", "failed")

    def count():
        found = client.ask("counts")
        return [found[name] for name in ("wait", "active", "delayed", "failed")]

    moments = Moments(stage, count, "jobs", *states)

    for job in ("a", "b"):
        client.enqueue("add", job, 1, 1)
    client.enqueue("add", "later", 1, 1, delay=3600)
    moments.check()

    client.enqueue("hold", "held")
    client.enqueue("add", "behind", 1, 1)
    stage.worker()
    journal.wait_for("held", "held")
    wait_until(lambda: count()[:2] == [1, 1], stage.outputs)
    moments.check()

    client.enqueue("fail", "failed")
    journal.release()
    wait_until(lambda: count() == [0, 0, 1, 1], stage.outputs)
    moments.check()
    moments.check_past()


def test_celerys_queue_is_as_long_at_three_moments(stage_of):
    stage = stage_of("celery")
    client, journal = stage.client(), stage.journal

    def count():
        return [client.ask("length")]

    moments = Moments(stage, count, "celery", "waiting")
    for job in ("a", "b"):
        client.enqueue("add", job, 1, 1)
    moments.check()

    client.enqueue("hold", "held")
    for job in ("c", "d", "e"):
        client.enqueue("add", job, 1, 1)
    stage.worker()
    journal.wait_for("held", "held")
    wait_until(lambda: count() == [3], stage.outputs)
    moments.check()

    journal.release()
    journal.wait_for("ran", "e")
    wait_until(lambda: count() == [0], stage.outputs)
    moments.check()
    moments.check_past()
