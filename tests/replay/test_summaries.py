"""Statistics that are added up are what counting all records gives."""

from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.sidecar import VARIABLE
from joblog.replay.records.statistics import busiest
from joblog.replay.records.summaries import build_summaries, count_records
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History


def silent(_):
    """Tell nobody."""


def make_log(folder, waits):
    history = History(folder, segment_bytes_max=3000)
    sessions = [history.connect(b"web"), history.connect(b"worker")]
    for number, wait_ms in enumerate(waits):
        history.clock.at_ms += wait_ms
        command = ("LPUSH queue {}", "SET job:{} x", "INCR n")[number % 3]
        history.run(sessions[number % 2], command.format(number))
    history.close()


def build(folder, part_bytes):
    filesystem = FileSystem()
    attach = [build_summaries(folder, filesystem, silent)]
    build_index(folder, filesystem, silent, silent, part_bytes, attach)


def counted(folder, from_seq, until_seq=None):
    with closing(LogIndex(folder, FileSystem())) as index:
        until_seq = until_seq or index.last_seq
        found = count_records(index, silent, from_seq, until_seq)
    return {**vars(found), "rates": found.rates(10)}


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(0, 100_000), min_size=30, max_size=90),
    st.integers(300, 900),
    st.integers(1, 15),
)
def test_summaries_add_up(tmp_path_factory, waits, part_bytes, from_seq):
    folder = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.replay.records.statistics._TICKS_MAX", 16)
        make_log(folder, waits)
        patch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
        spans = [(1, None), (from_seq, None), (from_seq, len(waits) - 3)]
        patch.setenv(VARIABLE, "off")
        expected = [counted(folder, *span) for span in spans]
        patch.delenv(VARIABLE)

        build(folder, part_bytes)

        assert list(folder.glob("index/*.summary"))
        assert [counted(folder, *span) for span in spans] == expected


def test_damaged_summary_counts_as_missing_and_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    make_log(tmp_path, [5] * 60)
    expected = counted(tmp_path, 1)
    build(tmp_path, 500)
    path = min(tmp_path.glob("index/*.summary"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"\0" + whole[-8:])

    assert counted(tmp_path, 1) == expected
    build(tmp_path, 500)
    assert path.read_bytes() == whole


def test_what_is_told_of_a_key_is_short_by_no_more_than_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    folder = tmp_path / "data"
    history = History(folder)
    client = history.connect(b"web")
    for number in range(300):
        history.run(client, f"INCR key:{number * number % 17}")
    history.close()
    monkeypatch.setenv(VARIABLE, "off")
    expected = counted(folder, 1)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("joblog.replay.records.summaries._KEYS_MAX", 3)
    build(folder, 500)

    found = counted(folder, 1)

    short = {key: n - found["keys"][key] for key, n in expected["keys"].items()}
    assert expected["hidden"] == 0
    assert 0 < max(short.values()) <= found["hidden"]


@given(st.lists(st.integers(0, 12)), st.integers(1, 15))
def test_the_busiest_are_the_most_common_the_first_of_equal_ones(numbers, count):
    counts = Counter(numbers)

    kept = busiest(counts, count)

    assert kept == dict(counts.most_common(count))
    assert list(kept) == [each for each in counts if each in kept]
