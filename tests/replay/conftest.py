"""What these tests share: local time is UTC, and verbs run in this process."""

from __future__ import annotations

import time

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.replay.histories import make_demo


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Let local time be UTC."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("NO_COLOR", "1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def demo(tmp_path):
    """Return the demo history, its log still open, as with a running server."""
    history = make_demo(tmp_path / "joblog-data")
    yield history
    history.close()


@pytest.fixture
def replay(demo):
    """Return a function that runs a verb over the demo's folder."""

    def run(verb, *arguments, folder=None):
        words = [verb, str(folder or demo.folder), *map(str, arguments)]
        return CliRunner().invoke(main, words, catch_exceptions=False)

    return run
