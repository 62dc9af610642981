import datetime as dt

import pytest

from joblog.app.history.moments import (
    Moment,
    MomentError,
    NoSuchMomentError,
    find_point,
    json_time,
    parse_moment,
    parse_range,
    show_time,
)
from joblog.storage.errors import PrunedError
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import START_MS, History, make_demo

NOW = dt.datetime(2026, 11, 23, 15, 30, tzinfo=dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def demo(tmp_path):
    """Return the demo history, its log still open."""
    history = make_demo(tmp_path / "joblog-data")
    yield history
    history.close()


def at(text):
    return parse_moment(text, NOW_MS).at_ms


def ms(*parts):
    return int(dt.datetime(*parts, tzinfo=dt.UTC).timestamp() * 1000)


TIMES = [
    ("now", NOW_MS),
    ("2026-11-23T14:00:05Z", ms(2026, 11, 23, 14, 0, 5)),
    ("2026-11-23T14:00:05.25+01:00", ms(2026, 11, 23, 13, 0, 5) + 250),
    ("2026-11-23 14:00", ms(2026, 11, 23, 14)),
    ("2026-11-23", ms(2026, 11, 23)),
    ("14:00", ms(2026, 11, 23, 14)),
    ("14:00:07", ms(2026, 11, 23, 14, 0, 7)),
    ("today", ms(2026, 11, 23)),
    ("yesterday", ms(2026, 11, 22)),
    ("Yesterday 14:00", ms(2026, 11, 22, 14)),
    ("5m ago", NOW_MS - 300_000),
    ("1h30m ago", NOW_MS - 5_400_000),
    ("2 days ago", NOW_MS - 172_800_000),
    ("1 hour, 5 seconds ago", NOW_MS - 3_605_000),
    ("1.5h ago", NOW_MS - 5_400_000),
]


@pytest.mark.parametrize(("text", "at_ms"), TIMES, ids=[text for text, _ in TIMES])
def test_time_is_understood(text, at_ms):
    assert at(text) == at_ms


@pytest.mark.parametrize("text", ["@42", "42"])
def test_number_is_a_record(text):
    assert parse_moment(text, NOW_MS) == Moment(text, seq=42)


@pytest.mark.parametrize(
    "text", ["", "so on", "5x ago", "@", "@x", "25:00", "2026-13-01", "-5", "5m", "@-1"]
)
def test_anything_else_says_what_was_expected(text):
    with pytest.raises(MomentError, match=r"write"):
        parse_moment(text, NOW_MS)


@pytest.mark.parametrize("text", ["soon", "v1.2", "release/2026-11"])
def test_other_word_is_a_tag(text):
    assert parse_moment(text, NOW_MS) == Moment(text, tag=text.encode())


def test_range_has_two_ends_and_either_may_be_left_out():
    assert [end.seq for end in parse_range("@3..9", NOW_MS)] == [3, 9]
    first, last = parse_range("..", NOW_MS)
    assert (first.seq, last.at_ms) == (0, NOW_MS)
    with pytest.raises(MomentError, match=r"A\.\.B"):
        parse_range("@3", NOW_MS)


def test_times_are_shown_with_milliseconds():
    assert show_time(START_MS + 7) == "2023-11-14T22:13:20.007+00:00"
    assert json_time(START_MS + 7) == "2023-11-14T22:13:20.007Z"


def find(folder, **moment):
    return find_point(Moment("", **moment), folder, FileSystem())


def test_point_of_a_time_is_the_last_record_that_is_not_later(demo):
    assert find(demo.folder, at_ms=START_MS + 2).seq == 5 - 1
    assert find(demo.folder, at_ms=START_MS - 1).seq == 0
    assert find(demo.folder, at_ms=START_MS * 2).seq == demo.log.last_seq


def test_point_of_a_number_has_the_time_of_the_record(demo):
    assert find(demo.folder, seq=3) == (3, START_MS + 1)
    assert find(demo.folder, seq=0) == (0, 0)


def test_number_that_the_log_has_not_come_to_is_refused(demo):
    with pytest.raises(NoSuchMomentError, match="the log ends with seq 14"):
        find(demo.folder, seq=15)


def test_moment_before_the_floor_is_refused(tmp_path):
    history = History(tmp_path, segment_bytes_max=300)
    session = history.connect()
    for number in range(20):
        history.run(session, f"SET key {number}")
    history.close()
    first, second, *_ = sorted((tmp_path / "log").glob("*.log"))
    first.unlink()

    with pytest.raises(PrunedError, match=f"starts at seq {int(second.stem)}"):
        find(tmp_path, seq=1)
    assert find(tmp_path, seq=int(second.stem)).seq == int(second.stem)
