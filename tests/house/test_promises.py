"""docs/reliability.md names, for each promise, tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
PROMISES = 23


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


# Of Redis and Valkey, 2021 to 2026, with an equivalent here.
ADVISORIES = """
    2021-32626 2021-32672 2021-32675 2022-0543 2022-24735 2022-24834 2022-36021
    2023-41053 2023-45145 2024-31227 2024-31228 2024-31449 2024-51741 2025-21605
    2025-32023 2025-46817 2025-46818 2025-46819 2025-48367 2025-49844 2025-62507
    2025-67733 2026-23479 2026-23631 2026-25243 2026-27623 2026-56684 2026-63639
"""


def test_each_advisory_has_a_guard_and_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]

    for number in ADVISORIES.split():
        assert any(f"CVE-{number}" in row and "`tests/" in row for row in rows), number
