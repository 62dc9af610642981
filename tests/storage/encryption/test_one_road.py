"""One place decides how files are opened; any other would write in the clear."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLACES = ("storage", "app", "actors", "replay")


def find(pattern):
    found = re.compile(pattern)
    return {
        str(path.relative_to(ROOT))
        for place in PLACES
        for path in (ROOT / place).rglob("*.py")
        if found.search(path.read_text())
    }


def test_one_module_makes_the_door_to_the_disk():
    assert find(r"\bFileSystem\(\)") == {"storage/disk.py"}


def test_nothing_of_it_is_imported_but_by_that_module_and_its_own():
    imports = find(r"(from|import) (joblog\.storage\.encryption\.|cryptography)")

    assert {name for name in imports if "storage/encryption/" not in name} == {
        "storage/disk.py",
        "replay/proofs/anchors.py",
    }
