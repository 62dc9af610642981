"""The documentation's site has the pages as they are; no link leads nowhere."""

import json
import subprocess
import sys

import pytest

from tests.support.servers import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--quiet", "--site-dir", str(made)]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_site_has_every_page(site):
    pages = {
        page.relative_to(ROOT / "docs").with_suffix(".html")
        for page in (ROOT / "docs").rglob("*.md")
        if page.name != "README.md"
    }

    assert {page for page in pages if not (site / page).is_file()} == set()


def test_site_is_searchable(site):
    found = json.loads((site / "search/search_index.json").read_text())["docs"]

    assert any("its lease ran out" in page["text"] for page in found)


def test_site_fetches_nothing_from_elsewhere(site):
    page = (site / "index.html").read_text()

    assert 'src="http' not in page
    assert "fonts.googleapis" not in page
