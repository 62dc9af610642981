"""docs/reliability.md names, for each promise, tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
PROMISES = 20


def test_every_promise_has_a_row_and_a_test():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", PAGE, re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, PROMISES + 1))
    assert all("`tests/" in tests for _, tests in rows)


def test_every_test_that_the_page_names_is_there():
    named = re.findall(r"`(tests/[^`:]+\.py)(?:::(\w+))?`", PAGE)

    assert len(named) > 2 * PROMISES - 5
    for path, name in named:
        text = (ROOT / path).read_text()
        assert not name or f"def {name}(" in text, f"{path}::{name}"
