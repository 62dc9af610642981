"""What verbs answer is the same to the byte, whatever there is of an index."""

import random
import shutil
from difflib import unified_diff

import pytest
from click.testing import CliRunner

from joblog.app import clock
from joblog.app.history.moments import Point
from joblog.replay.cli import main
from joblog.replay.index.sidecar import VARIABLE
from joblog.replay.jobs import ended
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.jobs.views import story_facts
from tests.replay.histories import START_MS, History
from tests.replay.jobs.test_ledger import build, open_log, pages
from tests.support.pruning import prune

JOBS = 40
SEEDS = range(2)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Let parts be small, and few jobs be kept once they have ended."""
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    monkeypatch.setattr(ended, "_LEAVING_KEPT", 2)
    monkeypatch.setattr(ended, "_ENDED_KEPT", 12)
    monkeypatch.setattr(clock, "now_ms", lambda: START_MS + 86_400_000)


class Life:
    """Jobs of plain lists and of RQ at once, by chance; ids come back now and then."""

    def __init__(self, folder, seed):
        self.chosen = random.Random(seed)
        self.history = History(folder, segment_bytes_max=6_000)
        self.people = [self.history.connect(name) for name in (b"p", b"a", b"b", b"c")]
        self.number = 0

    def go_on(self, steps=JOBS * 4):
        """Let some things happen."""
        chosen, history = self.chosen, self.history
        for _ in range(steps):
            deed = chosen.choice(
                (*(self.add, self.add), self.take, self.take, self.end)
            )
            deed(chosen.choice(self.people))
            history.clock.at_ms += chosen.choice((0, 0, 10, 5_000, 90_000))
            if chosen.random() < 0.03:
                history.tag(f"deploy-{self.number}")
            if chosen.random() < 0.01:
                history.run(
                    self.people[0], chosen.choice(("DEL rq:queue:a", "FLUSHDB"))
                )

    def add(self, who):
        self.number += 1
        job = self.chosen.choice((self.number, self.number, self.number // 5))
        if job % 3:
            kept = f"HSET rq:job:{job} status queued origin a description f"
            self.history.run(who, "MULTI", kept, f"RPUSH rq:queue:a {job}", "EXEC")
        else:
            key = f"saq:job:mail:{job}"
            kept = f'SET {key} {{"status":"queued","function":"f"}}'
            self.history.run(who, "MULTI", kept, f"LPUSH saq:mail:queued {key}", "EXEC")

    def take(self, who):
        self.history.run(who, "LPOP rq:queue:a")
        self.history.run(who, "LMOVE saq:mail:queued saq:mail:active LEFT RIGHT")

    def end(self, who):
        job = self.chosen.randint(max(self.number - 8, 1), self.number + 1)
        place = self.chosen.choice(("finished", "failed"))
        self.history.run(
            who,
            "MULTI",
            f"HSET rq:job:{job} status {place} exc_info oh{job % 2}",
            f"ZADD rq:{place}:a {self.history.clock.at_ms} {job}",
            "EXEC",
        )
        self.history.run(who, f"LREM saq:mail:active 1 saq:job:mail:{job}")
        if self.chosen.random() < 0.3:
            self.history.run(who, f"ZREM rq:finished:a {job}", f"DEL rq:job:{job}")

    def sync(self):
        self.history.log.sync()
        return self.history.log.last_seq


def told(folder, first_seq, last_seq):
    """Return what verbs say of all of a log, and of ranges of it."""
    length = last_seq - first_seq
    low, high = first_seq + length // 3, first_seq + length * 3 // 4
    found = {}
    for span in ((), (f"@{low}..",), (f"@{low}..@{high}",)):
        for words in (
            ("jobs", "--all", "--json"),
            ("jobs", "--state", "failed"),
            ("jobs", "--lost", "--double"),
            ("top", "--json"),
            ("audit",),
            ("stats", "--json"),
        ):
            verb, *options = words
            argv = [verb, str(folder), *span, *options]
            result = CliRunner().invoke(main, argv, catch_exceptions=False)
            found[words, span] = result.exit_code, result.stdout
    return found


def require_the_same(monkeypatch, folder, first_seq, last_seq):
    """Check that verbs say the same without an index."""
    known = told(folder, first_seq, last_seq)
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        expected = told(folder, first_seq, last_seq)
    assert any(text for _, text in expected.values())
    for question, answer in expected.items():
        assert known[question][0] == answer[0], question
        pair = known[question][1].splitlines(), answer[1].splitlines()
        assert list(unified_diff(*pair, n=0)) == [], question


@pytest.mark.parametrize("seed", SEEDS)
def test_index_that_is_whole_behind_or_damaged_changes_no_answer(
    tmp_path, monkeypatch, seed
):
    life = Life(tmp_path, seed)
    life.go_on()
    life.sync()
    build(tmp_path, part_bytes=1_500)
    assert len(pages(tmp_path)) > 3
    # The index is behind: of what comes now it knows nothing.
    life.go_on(JOBS)
    last_seq = life.sync()
    require_the_same(monkeypatch, tmp_path, 1, last_seq)

    chosen = random.Random(seed)
    for path in chosen.sample(sorted((tmp_path / "index").iterdir()), 3):
        data = bytearray(path.read_bytes() or b"x")
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        path.write_bytes(data)
    require_the_same(monkeypatch, tmp_path, 1, last_seq)
    life.history.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_log_that_is_pruned_or_torn_has_the_same_answers_with_an_index(
    tmp_path, monkeypatch, seed
):
    life = Life(tmp_path, seed)
    life.go_on()
    last_seq = life.sync()
    life.history.close()
    build(tmp_path, part_bytes=1_500)
    floor = prune(tmp_path, removed=2)
    require_the_same(monkeypatch, tmp_path, floor, last_seq)

    build(tmp_path, part_bytes=1_500)
    require_the_same(monkeypatch, tmp_path, floor, last_seq)

    newest = max((tmp_path / "log").glob("*.log"))
    with newest.open("ab") as file:
        file.write(newest.read_bytes()[-20:-3])
    require_the_same(monkeypatch, tmp_path, floor, last_seq)


def test_what_is_appended_and_indexed_while_a_verb_reads_is_not_told(tmp_path):
    life = Life(tmp_path / "data", 7)
    life.go_on()
    point = Point(life.sync(), life.history.clock.at_ms)
    build(life.history.folder, part_bytes=1_500)
    shutil.copytree(life.history.folder, tmp_path / "copy")

    def judged(folder, meanwhile=lambda: None):
        index, log = open_log(folder)
        found = log.judge_all(point, Limits(), lambda _: True)
        answer = [story_facts(*next(found), point.at_ms)]
        meanwhile()
        answer += [story_facts(*each, point.at_ms) for each in found]
        meanwhile()
        steps = [
            (story.id, step.kind, step.record.seq)
            for story, step in log.steps(point.seq // 3, point.seq)
        ]
        index.close()
        return answer, steps

    def go_on():
        life.go_on()
        life.sync()
        build(life.history.folder, part_bytes=1_500)

    assert judged(life.history.folder, go_on) == judged(tmp_path / "copy")
    life.history.close()
