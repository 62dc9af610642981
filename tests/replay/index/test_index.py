"""What the index finds is what a scan finds, whatever the index is or isn't."""

import os
import random
import shutil
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.replay.index import background
from joblog.replay.index.background import index_later
from joblog.replay.index.building import build_index
from joblog.replay.index.catalogue import Catalogue
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.index.sidecar import VARIABLE, drop_other_kinds, drop_pruned
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.script_texts import find_script_source
from joblog.storage.errors import CorruptLogError
from joblog.storage.filesystem import FileSystem
from joblog.storage.segment import (
    FOOTER_BYTES,
    decode_footer,
    decode_header,
    encode_footer,
)
from tests.replay.histories import SCRIPT, SHA, History, make_demo


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    """Let parts and chunks be small, so that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
        patch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
        yield


LINES = [
    "SET job:{} queued",
    "LPUSH queue job:{}",
    "HSET h:{0} field {0}",
    "SADD all {} job:{}",
    "DEL job:{}",
    "MULTI;SET a {0};GET job:{0};EXEC",
    "FLUSHDB",
    "swapdb 0 1",
    "SET other x",
]


def make_log(folder, lines, segment_bytes_max=2000):
    history = History(folder, segment_bytes_max=segment_bytes_max)
    session = history.connect(b"web")
    for line in lines:
        history.run(session, *line.split(";"))
    history.close()
    return history


def build(folder, part_bytes=500):
    return build_index(folder, FileSystem(), *[lambda _: None] * 2, part_bytes)


def answers(folder):
    index = LogIndex(folder, FileSystem())
    try:
        return {
            "keys": {
                (db, key): list(index.find_key(db, key))
                for db in (0, 1)
                for key in (b"job:1", b"queue", b"h:2", b"nope")
            },
            "words": {
                word: list(index.find_word(word))
                for word in (b"1", b"job:1", b"job", b"SET", b"2", b":", b"nope")
            },
            "records": [index.get_record(n) for n in range(1, index.last_seq + 2)],
            "times": [
                index.find_seq_at(record.at_ms + shift)
                for record in index.records(1, END_SEQ)
                for shift in (-1, 0)
            ],
            "last": index.last_seq,
            "clients": [
                ClientDirectory(index, from_seq=END_SEQ).find(1, seq)
                for seq in (1, index.last_seq)
            ],
            "backward": [
                record.seq
                for record in index.candidates(
                    [[b"queue"]], lambda p: b"queue" in p, 3, is_reverse=True
                )
                if any(b"queue" in argv for argv in record.effects)
            ],
        }
    finally:
        index.close()


def scanned(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        return answers(folder)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(str.format, st.sampled_from(LINES), *[st.integers(0, 3)] * 2),
        min_size=1,
        max_size=80,
    ),
    st.integers(100, 3000),
)
def test_index_finds_what_a_scan_finds(tmp_path_factory, lines, part_bytes):
    folder = tmp_path_factory.mktemp("log")
    make_log(folder, lines)
    with pytest.MonkeyPatch.context() as patch:
        expected = scanned(folder, patch)

    build(folder, part_bytes)

    assert answers(folder) == expected
    assert answers(folder)["backward"] == sorted(expected["backward"], reverse=True)


def many_lines(count=120):
    chosen = random.Random(5)
    return [
        chosen.choice(LINES).format(chosen.randint(0, 3), chosen.randint(0, 3))
        for _ in range(count)
    ]


def covered(folder):
    catalogue = Catalogue(folder, FileSystem())
    try:
        return sum(
            len(catalogue.cover(first).parts)
            for first in catalogue.folder.find_segments()
        )
    finally:
        catalogue.close()


def test_index_grows_with_the_log_and_writes_no_part_twice(tmp_path, monkeypatch):
    lines = many_lines()
    history = History(tmp_path, segment_bytes_max=2000)
    session = history.connect()
    written = {}
    for start in range(0, len(lines), 30):
        for line in lines[start : start + 30]:
            history.run(session, *line.split(";"))
        build(tmp_path)
        parts = sorted((tmp_path / "index").glob("*.idx"))
        now = {path.name: path.stat().st_mtime_ns for path in parts}
        assert written.items() <= now.items()
        written = now
        assert answers(tmp_path) == scanned(tmp_path, monkeypatch)
    history.close()

    assert covered(tmp_path) == len(written) > 4


def test_any_damage_of_the_index_costs_time_and_nothing_else(tmp_path, monkeypatch):
    make_log(tmp_path / "log", many_lines())
    expected = scanned(tmp_path / "log", monkeypatch)
    build(tmp_path / "log")
    chosen = random.Random(7)
    for number in range(25):
        folder = tmp_path / f"copy{number}"
        shutil.copytree(tmp_path / "log", folder)
        for path in folder.glob("index/*.idx"):
            data = bytearray(path.read_bytes())
            data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
            path.write_bytes(data[: chosen.choice([len(data), len(data) // 2])])

        assert answers(folder) == expected


def test_index_of_another_history_is_not_used(tmp_path):
    """A log that was restored from a backup and went on otherwise."""
    lines = many_lines()
    history = make_log(tmp_path / "log", lines[:40], segment_bytes_max=100_000)
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    history = reopen(tmp_path / "log")
    history.run(history.connect(), *(f"SET a {n}" for n in range(50)))
    history.close()
    build(tmp_path / "log")
    assert covered(tmp_path / "log") > 3
    shutil.rmtree(tmp_path / "log" / "log")
    shutil.copytree(tmp_path / "backup" / "log", tmp_path / "log" / "log")

    assert covered(tmp_path / "log") == 0

    history = reopen(tmp_path / "log")
    history.run(history.connect(), *(f"SET b {n}" for n in range(50)))
    history.close()
    assert covered(tmp_path / "log") == 0
    assert list(LogIndex(tmp_path / "log", FileSystem()).find_word(b"b"))


def reopen(folder):
    history = History(folder, segment_bytes_max=100_000)
    history._ids = 10
    return history


def test_builder_refuses_a_segment_that_is_not_what_its_seal_says(tmp_path):
    make_log(tmp_path, many_lines())
    path = min((tmp_path / "log").glob("*.log"))
    data = path.read_bytes()
    # Another footer's digest, with a checksum that is right.
    salt = decode_header(data, path).salt
    footer = decode_footer(data[-FOOTER_BYTES:], salt)._replace(digest=bytes(32))
    path.write_bytes(data[:-FOOTER_BYTES] + encode_footer(footer, salt))

    with pytest.raises(CorruptLogError, match="bytes before with the digest"):
        build(tmp_path)


def test_index_lies_in_the_cache_where_the_folder_cannot_be_written(
    tmp_path, monkeypatch
):
    make_log(tmp_path / "log", many_lines())
    expected = scanned(tmp_path / "log", monkeypatch)
    (tmp_path / "log" / "index").write_text("no folder can be made here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    assert build(tmp_path / "log")

    assert list((tmp_path / "cache" / "joblog").glob("*/*.idx"))
    assert covered(tmp_path / "log") > 4
    assert answers(tmp_path / "log") == expected


def test_one_process_builds_at_a_time(tmp_path):
    make_log(tmp_path, many_lines())
    catalogue = Catalogue(tmp_path, FileSystem())

    with catalogue.sidecar().writing() as target:
        assert target == tmp_path / "index"
        assert build(tmp_path) is None

    assert build(tmp_path)
    catalogue.close()


def test_index_is_built_behind_an_answer_where_much_is_not_indexed(
    tmp_path, monkeypatch
):
    make_log(tmp_path, many_lines())
    started = []
    monkeypatch.setattr("joblog.replay.index.background._start", started.append)
    index = LogIndex(tmp_path, FileSystem())

    assert not index_later(index)
    monkeypatch.setattr("joblog.replay.index.background.WORTH_IT_BYTES", 1000)
    assert index_later(index)
    monkeypatch.setenv(VARIABLE, "off")
    assert not index_later(index)

    ((_, *words),) = started
    assert words == ["-m", "joblog.replay", "index", str(tmp_path), "--quiet"]
    index.close()


@pytest.mark.slow
def test_process_that_builds_behind_an_answer_builds_it(tmp_path):
    make_log(tmp_path, many_lines())

    words = ["-m", "joblog.replay", "index", str(tmp_path), "--quiet"]
    pid = background._start([sys.executable, *words])

    assert os.waitpid(pid, 0)[1] == 0
    assert covered(tmp_path) > 1


def test_script_is_found_by_its_hash_through_the_index(tmp_path):
    make_demo(tmp_path).close()
    build(tmp_path, part_bytes=200)
    index = LogIndex(tmp_path, FileSystem())

    assert find_script_source(index, SHA, 11) == SCRIPT
    assert find_script_source(index, SHA, 9) is None


def test_what_is_about_pruned_records_goes_and_old_kinds_but_one(tmp_path):
    names = [
        *(f"{1:020}-{9:020}.idx", f"{1:020}-{9:020}.jobs-a", f"{9:020}.snap"),
        *(f"{10:020}-{19:020}.idx", f"{19:020}.snap"),
        *(f"{10:020}-{19:020}.jobs-{kind}" for kind in "abc"),
    ]
    for number, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (number, number))

    drop_pruned(tmp_path, 10)
    drop_other_kinds(tmp_path, "jobs-", "jobs-a")

    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == sorted(name for name in names[3:] if not name.endswith("-b"))
