"""No circle of imports has more than two files.

Imports for types count too: who wants to understand a file has to know what its types
are. What runs has no circle at all.
"""

import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
FILES_MAX = 2


def packages():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    linter = settings["tool"]["importlinter"]
    return linter.get("root_packages") or [linter["root_package"]]


def circles(*, counts_types):
    """Return the circles of the import graph: its strongly connected components."""
    graph = grimp.build_graph(
        *packages(), exclude_type_checking_imports=not counts_types, cache_dir=None
    )
    needs = {name: graph.find_upstream_modules(name) for name in graph.modules}
    found = {
        frozenset({name, *(other for other in others if name in needs[other])})
        for name, others in needs.items()
    }
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


@pytest.fixture(scope="module")
def known():
    return circles(counts_types=True)


def test_no_circle_has_more_than_two_files(known):
    assert [circle for circle in known if len(circle) > FILES_MAX] == []


def test_what_runs_has_no_circle():
    assert circles(counts_types=False) == []


def test_the_page_names_the_circles_that_are_left(known):
    (page,) = (ROOT / "docs" / "decisions").glob("0019-*.md")
    lines = page.read_text().splitlines()

    for circle in known:
        names = [f"`{name.rpartition('.')[2]}`" for name in circle]
        assert any(all(name in line for name in names) for line in lines), circle
