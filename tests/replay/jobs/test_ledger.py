"""What is told with the ledger of an index is what following the whole log tells."""

import random
import re
import shutil
from contextlib import closing
from unittest.mock import Mock

import pytest

from joblog.app.history.moments import Point
from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.index.sidecar import VARIABLE
from joblog.replay.jobs import ended, reading, sparse, wanted
from joblog.replay.jobs.audit import Audit
from joblog.replay.jobs.ledger import Ledger
from joblog.replay.jobs.ledger_building import build_ledger
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas, load_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.jobs.views import Actors, story_facts
from joblog.replay.records.clients import ClientDirectory
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History
from tests.replay.jobs.scenarios import DONE, UUID, play
from tests.replay.jobs.test_recorded import HISTORIES, STORIES

HOUR_MS = 3_600_000
PARTS = 8


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Let parts be small, and few jobs be kept once they have ended."""
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    monkeypatch.setattr(ended, "_LEAVING_KEPT", 2)
    monkeypatch.setattr(wanted, "_UNPACKED_MAX", 1)
    monkeypatch.setattr(reading, "LONG_RECORDS", -1)


def build(folder, schemas=(), *, part_bytes=None, state_every=4):
    size = sum(path.stat().st_size for path in (folder / "log").glob("*.log"))
    filesystem, silent = FileSystem(), lambda _: None
    return build_index(
        folder,
        filesystem,
        silent,
        silent,
        part_bytes or max(size // PARTS, 300),
        attach=[build_ledger(folder, filesystem, silent, load_schemas(schemas))],
    )


def open_log(folder, schemas=()):
    index = LogIndex(folder, FileSystem())
    return index, JobLog(index, load_schemas(schemas) or detect_schemas(index))


def points_of(index):
    """Return moments: one on the way, and an hour after the end."""
    last = index.get_record(index.last_seq)
    seq = last.seq * 2 // 3
    yield Point(seq, index.get_record(seq).at_ms)
    yield Point(last.seq, last.at_ms + HOUR_MS)


def answers(folder, schemas=()):
    """Return what is told of jobs at each moment."""
    index, log = open_log(folder, schemas)
    with closing(index):
        return [
            [
                story_facts(*judged, point.at_ms)
                for judged in log.judge_all(point, Limits(), wants, words=words)
            ]
            for point in points_of(index)
            for wants, words in (
                (lambda _: True, None),
                (lambda judged: judged.verdict.word == "failed", frozenset(["failed"])),
                (lambda judged: judged.story.times_taken_back, frozenset("+")),
            )
        ]


def steps(folder, schemas=()):
    index, log = open_log(folder, schemas)
    with closing(index):
        return [
            (*step[:2], step.record.seq, *step[3:], story.id, story.queue)
            for story, step in log.steps(index.last_seq // 2, index.last_seq)
        ]


def without(monkeypatch, tell, *given, **options):
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        return tell(*given, **options)


def pages_of(folder, schemas=()):
    index = LogIndex(folder, FileSystem())
    with closing(index):
        chosen = load_schemas(schemas) or detect_schemas(index)
        return len(Ledger(index, chosen).pages)


def copied(library, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(HISTORIES / library / "data", folder)
    shutil.rmtree(folder / "index", ignore_errors=True)
    return folder


@pytest.mark.parametrize("library", sorted(STORIES))
def test_recorded_history_is_told_the_same(tmp_path, monkeypatch, library):
    folder = copied(library, tmp_path)
    expected = without(monkeypatch, answers, folder)

    build(folder)

    assert pages_of(folder) >= 3
    assert answers(folder) == expected
    assert steps(folder) == without(monkeypatch, steps, folder)


def renamed(words, number):
    """Return the words of a scenario, about another job."""
    if isinstance(words, (list, tuple)):
        return type(words)(renamed(each, number) for each in words)
    if isinstance(words, bytes):
        return words.replace(UUID.encode(), UUID[:-2].encode() + b"%02d" % number)
    return re.sub(r"(?<![0-9a-z])(7|t1|r1)(?![0-9])", rf"\g<1>{number:02}", words)


def mixed(name):
    """Return the steps of many jobs at once, some left out or doubled by chance."""
    chosen = random.Random(name)
    lives = [
        [
            step
            for step in renamed(DONE[name], number)
            for _ in range(chosen.choice((0, 1, 1, 1, 1, 2)))
        ]
        for number in range(12)
    ]
    while any(lives):
        life = chosen.choice([each for each in lives if each])
        yield life.pop(0)


@pytest.mark.parametrize("name", DONE)
def test_history_made_at_random_is_told_the_same(tmp_path, monkeypatch, name):
    play(tmp_path, mixed(name)).close()
    expected = without(monkeypatch, answers, tmp_path, [name])

    build(tmp_path, [name])

    assert pages_of(tmp_path, [name]) > 1
    assert answers(tmp_path, [name]) == expected
    assert steps(tmp_path, [name]) == without(monkeypatch, steps, tmp_path, [name])


def generic_history(folder, jobs=30):
    """Write a history of plain lists: of each ten jobs one is lost, and one fails."""
    history = History(folder)
    push, work, other = (history.connect(name) for name in (b"p", b"a", b"b"))
    for number in range(jobs):
        history.run(push, f"LPUSH mail j{number}", f"SET lock:j{number} x")
        worker = work if number % 3 else other
        if number % 10 == 3:
            history.run(worker, "RPOP mail")
        elif number % 10 != 4:
            history.run(worker, "RPOPLPUSH mail mail:processing")
            history.run(worker, f"DEL lock:j{number}")
            place = "mail:failed" if number % 10 == 5 else "mail:done"
            history.run(worker, f"LREM mail:processing 1 j{number}")
            history.run(worker, f"LPUSH {place} j{number}")
    history.close()


def test_generic_history_is_told_the_same(tmp_path, monkeypatch):
    generic_history(tmp_path)
    expected = without(monkeypatch, answers, tmp_path)

    build(tmp_path)

    assert pages_of(tmp_path) >= PARTS // 2
    assert answers(tmp_path) == expected


def timelines(folder, job_ids, *, is_exact=False):
    index, log = open_log(folder)
    with closing(index):
        last = index.get_record(index.last_seq)
        return {
            job_id: [
                (each.verdict, [(step.kind, step.record.seq) for step in each.steps])
                for each in log.follow(
                    job_id, Point(last.seq, last.at_ms + HOUR_MS), is_exact=is_exact
                )
            ]
            for job_id in job_ids
        }


def test_job_is_told_by_the_ledger_without_looking_for_what_took_it(
    tmp_path, monkeypatch
):
    generic_history(tmp_path)
    ids = [b"j%d" % number for number in range(30)]
    expected = timelines(tmp_path, ids, is_exact=True)
    build(tmp_path, part_bytes=300)
    monkeypatch.setattr(sparse, "find_exit", asked := Mock(return_value=None))

    assert timelines(tmp_path, ids) == expected
    spans = [call.args[-1] for call in asked.call_args_list]
    assert all(end - start < 40 for start, end in spans)


def test_damaged_page_counts_as_missing_and_is_written_anew(tmp_path, monkeypatch):
    generic_history(tmp_path / "log")
    expected = without(monkeypatch, answers, tmp_path / "log")
    build(tmp_path / "log")
    whole = pages_of(tmp_path / "log")
    chosen = random.Random(3)
    for number in range(4):
        folder = tmp_path / f"copy{number}"
        shutil.copytree(tmp_path / "log", folder)
        path = chosen.choice(pages(folder))
        data = bytearray(path.read_bytes())
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        path.write_bytes(data[: chosen.choice([len(data), len(data) // 2])])

        assert answers(folder) == expected
        build(folder)
        assert pages_of(folder) == whole
        assert answers(folder) == expected


def pages(folder):
    return sorted((folder / "index").glob("*.jobs-*"))


def test_ledger_goes_on_where_it_was_left(tmp_path, monkeypatch):
    """It was killed: the pages behind a moment are not there, or half of one."""
    generic_history(tmp_path)
    expected = without(monkeypatch, answers, tmp_path)
    build(tmp_path)
    whole = {path.name: path.stat().st_mtime_ns for path in pages(tmp_path)}
    first, *_, second, last = pages(tmp_path)
    last.unlink()
    second.rename(second.with_name(f"{second.name}.new"))

    build(tmp_path)

    assert {path.name for path in pages(tmp_path)} == set(whole)
    assert first.stat().st_mtime_ns == whole[first.name]
    assert answers(tmp_path) == expected


def test_ledger_of_another_schema_or_version_is_not_used(tmp_path, monkeypatch):
    generic_history(tmp_path)
    build(tmp_path)

    assert not pages_of(tmp_path, ["rq"])
    monkeypatch.setattr("joblog.replay.jobs.ledger.LEDGER_VERSION", 0)
    assert not pages_of(tmp_path)


def audited(folder, *, is_counted):
    """Return what an audit of the second half says, with or without its deeds."""
    index, log = open_log(folder)
    with closing(index):
        report = Audit(Actors(index, ClientDirectory(index, from_seq=END_SEQ)))
        span = index.last_seq // 2, index.last_seq
        deeds = [] if is_counted else list(report.read(log, *span))
        if is_counted:
            report.count(log, *span)
        return deeds, report.groups(), report.jobs, report.deeds


def test_audit_counts_rows_and_gives_each_deed(tmp_path, monkeypatch):
    generic_history(tmp_path)
    expected = without(monkeypatch, audited, tmp_path, is_counted=False)

    build(tmp_path)

    assert audited(tmp_path, is_counted=False) == expected
    assert audited(tmp_path, is_counted=True)[1:] == expected[1:]
