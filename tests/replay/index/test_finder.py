import pytest

from joblog.replay.index.finder import LogIndex
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History
from tests.storage.logs import FOLDER, make_sealing_log
from tests.support.fakes import FaultyFileSystem

LINES = [
    "SET job:1 queued",
    "LPUSH queue job:1 job:12",
    "SET job:12 queued",
    "SELECT 1",
    "SET job:1 other",
    "SELECT 0",
    "RPOP queue",
    "FLUSHALL",
]


@pytest.fixture
def index(tmp_path):
    history = History(tmp_path, segment_bytes_max=300)
    history.run(history.connect(), *LINES)
    history.close()
    return LogIndex(tmp_path, FileSystem())


def commands(records):
    return [b" ".join(record.effects[0]).decode() for record in records]


def test_records_of_a_key_are_those_that_changed_it(index):
    assert commands(index.key_records(0, b"job:1")) == ["SET job:1 queued", "FLUSHALL"]
    assert commands(index.key_records(1, b"job:1")) == ["SET job:1 other", "FLUSHALL"]
    assert commands(index.key_records(0, b"nope")) == ["FLUSHALL"]


def test_records_of_a_word_mention_it_whole(index):
    assert commands(index.word_records(b"job:1")) == [
        "SET job:1 queued",
        "LPUSH queue job:1 job:12",
        "SET job:1 other",
    ]
    assert commands(index.word_records(b"12")) == [
        "LPUSH queue job:1 job:12",
        "SET job:12 queued",
    ]
    assert commands(index.word_records(b"ob")) == []


def test_range_limits_what_is_found(index):
    first, last = index.find_key(0, b"job:1")

    assert list(index.find_key(0, b"job:1", from_seq=first + 1)) == [last]
    assert list(index.find_key(0, b"job:1", until_seq=last - 1)) == [first]
    assert index.get_record(first).effects == [[b"SET", b"job:1", b"queued"]]
    assert index.get_record(last + 1) is None


def test_last_record_is_found_behind_a_seal_that_is_not_over():
    disk = FaultyFileSystem()
    log = make_sealing_log(disk)
    index = LogIndex(FOLDER, disk)

    assert index.last_seq == log.last_seq
    assert index.get_record(log.last_seq).seq == log.last_seq
    index.close()
