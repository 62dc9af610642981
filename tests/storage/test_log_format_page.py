"""docs/log-format.md tells the truth: its reader runs, its byte tables add up."""

import re
import shutil
from pathlib import Path

from joblog.app.history.notes import _CLASSES
from joblog.app.history.recovery import Fold
from joblog.app.types.snapshot_values import packer_of
from joblog.storage.filesystem import FileSystem
from joblog.storage.packing import pack_segment
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES
from joblog.storage.snapshot import (
    SNAPSHOT_FOOTER_BYTES,
    SNAPSHOT_HEADER_BYTES,
    SnapshotReader,
)
from tests.storage.logs import read_all

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "log-format.md").read_text()
GOLDEN = ROOT / "tests" / "data" / "log-v1"
SNAPSHOT = ROOT / "tests/data/snapshot-v1/snapshots/00000000000000000022.snap"


def run_page():
    namespace = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(code, namespace)
    return namespace


def test_the_reader_on_the_page_reads_the_golden_snapshot():
    found = list(run_page()["read_snapshot"](SNAPSHOT))

    reader = SnapshotReader(FileSystem(), SNAPSHOT)
    keyspace = Fold.from_snapshot(reader).keyspace
    reader.close()
    known = [
        (database.index, key, packer_of(value)[0], database.deadline_ms(key))
        for database in keyspace.databases
        for key, value in database.values.items()
    ]
    assert [(db, key, kind, deadline) for db, key, kind, _, deadline in found] == known
    values = {key: value for _, key, _, value, _ in found}
    assert values[b"s"] == b"hello"
    assert values[b"z"] == keyspace.databases[0].values[b"z"].scores
    assert values[b"h"] == [b"f", b"v", b"g", b"w"]


def test_the_reader_on_the_page_reads_the_golden_log():
    found = list(run_page()["read_log"](GOLDEN))

    records = read_all(FileSystem(), GOLDEN)
    assert [item[:4] for item in found] == [
        (record.seq, record.at_ms, record.db, record.effects) for record in records
    ]


def test_the_reader_on_the_page_reads_packed_segments(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "copy")
    pack_segment(FileSystem(), tmp_path / "copy" / "log" / f"{1:020d}.log")

    found = list(run_page()["read_log"](tmp_path / "copy"))

    assert found == list(run_page()["read_log"](GOLDEN))


def test_the_tables_have_no_holes():
    for title, size in (
        ("Header", HEADER_BYTES),
        ("Footer", FOOTER_BYTES),
        ("Snapshot header", SNAPSHOT_HEADER_BYTES),
        ("Snapshot footer", SNAPSHOT_FOOTER_BYTES),
    ):
        table = PAGE.split(f"### {title}, {size} bytes")[1].split("\n\n")[1]
        rows = re.findall(r"^\| (\d+) \| (\d+) \|", table, re.MULTILINE)
        end = 0
        for offset, length in rows:
            assert int(offset) == end
            end += int(length)
        assert end == size


def test_the_page_names_every_kind_of_note_and_its_fields():
    for kind, note_class in _CLASSES.items():
        row = re.search(rf"^\| `{kind}` \|.*$", PAGE, re.MULTILINE)[0]
        for field in note_class._fields:
            assert f"`{field}`" in row
