"""docs/log-format.md tells the truth: its reader runs, its byte tables add up."""

import re
from pathlib import Path

from storage.filesystem import FileSystem
from storage.notes import _CLASSES
from storage.segment import FOOTER_BYTES, HEADER_BYTES
from tests.storage.logs import read_all

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "log-format.md").read_text()
GOLDEN = ROOT / "tests" / "data" / "log-v1"


def test_the_reader_on_the_page_reads_the_golden_log():
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    namespace = {}
    exec(code, namespace)

    found = list(namespace["read_log"](GOLDEN))

    records = read_all(FileSystem(), GOLDEN)
    assert [item[:4] for item in found] == [
        (record.seq, record.at_ms, record.db, record.effects) for record in records
    ]


def test_the_tables_have_no_holes():
    for title, size in (("Header", HEADER_BYTES), ("Footer", FOOTER_BYTES)):
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
