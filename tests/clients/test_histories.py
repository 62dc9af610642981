"""The recorded histories can be read, and hold the jobs that they say."""

import json
from pathlib import Path

import pytest

from joblog.app.history.recovery import Fold
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.support.servers import ROOT

HISTORIES = ROOT / "tests" / "data" / "histories"
BYTES_MAX = 200 * 1024
STORIES = {"normal", "retried", "failed", "deleted", "killed"}


def folders():
    return sorted(path.parent for path in HISTORIES.glob("*/jobs.json"))


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_recorded_history_folds_and_names_each_job_of_its_stories(folder: Path):
    jobs = json.loads((folder / "jobs.json").read_text())
    fold, written = Fold(), b""
    for record in read_records(folder / "data", filesystem=FileSystem(), from_seq=1):
        written += repr(record).encode()
        fold.apply([record])

    assert set(jobs) >= STORIES
    assert all(job.encode() in written for job in jobs.values())
    assert fold.last_seq > 0
    assert sum(path.stat().st_size for path in folder.rglob("*.log")) < BYTES_MAX
