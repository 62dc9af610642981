"""A standby (`replay backup --follow`) whose source is redacted."""

from __future__ import annotations

import pytest

from joblog.storage.following import Follower, HistoryLostError
from tests.replay.histories import History
from tests.replay.redacting.redactions import FILESYSTEM, files_with, redact, verify


@pytest.fixture
def source(tmp_path):
    """Return the folder of a log that had a key, in all its segments."""
    history = History(tmp_path / "data", segment_bytes_max=800)
    write(history, range(12))
    history.close()
    return history.folder


def write(history, numbers):
    client = history.connect()
    for number in numbers:
        history.run(client, f"SET page text{number}", f"SET user:42 secret-{number}")
    history.run(client, "DEL user:42")


def follow(source, target):
    """Bring a standby up to date; its source must not have changed under it."""
    follower = Follower(source, target, filesystem=FILESYSTEM)
    try:
        while follower.step():
            pass
    finally:
        follower.close()


def test_one_that_follows_all_the_while_is_as_it_was_until_it_follows_anew(
    source, tmp_path
):
    target = tmp_path / "standby"
    follower = Follower(source, target, filesystem=FILESYSTEM)
    redact(source, keys=[b"user:42"])
    history = History(source)
    history.run(history.connect(), "SET after 1")
    history.close()

    while follower.step():
        pass
    follower.close()
    assert verify(target).last_seq == verify(source).last_seq
    assert files_with(target, b"secret-")
    assert verify(target).undone, "the record names what is not redacted there"

    follow(source, target)
    assert files_with(target, b"secret-") == []
    assert verify(target).undone == []


@pytest.mark.parametrize("behind", [1, 30])
def test_one_that_was_behind_gets_the_redacted_files(source, tmp_path, behind):
    target = tmp_path / "standby"
    follow(source, target)
    history = History(source, segment_bytes_max=800)
    write(history, range(12, 12 + behind))
    history.close()
    redact(source, keys=[b"user:42"])

    follow(source, target)

    assert verify(target).last_seq == verify(source).last_seq
    assert files_with(target, b"secret-") == []
    assert verify(target).undone == []


def test_one_that_meets_redacted_records_says_so_and_follows_anew(source, tmp_path):
    target = tmp_path / "standby"
    follower = Follower(source, target, filesystem=FILESYSTEM)
    history = History(source, segment_bytes_max=800)
    write(history, range(12, 42))
    history.close()
    redact(source, keys=[b"user:42"])

    with pytest.raises(
        HistoryLostError,
        match="were redacted before it was copied to its end; follow anew",
    ):
        all(iter(follower.step, 0))
    follower.close()
    verify(target)

    follow(source, target)
    assert verify(target).last_seq == verify(source).last_seq
    assert files_with(target, b"secret-") == []
    assert verify(target).undone == []
