"""The page in a browser: tours of four libraries, and folders that change."""

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.replay.web.browsing import page, until, web
from tests.replay.web.numbers import shown, top, wanted
from tests.support.damages import flip_a_bit, make_folder

pytestmark = pytest.mark.slow

DATA = Path(__file__).resolve().parents[2] / "data" / "tours"
LIBRARIES = ["rq", "celery", "bullmq", "delancie"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_first_screen_has_the_numbers_of_top_at_three_moments(library, chromium):
    folder = DATA / library / "data"
    last_seq = top(folder, "now")["range"]["until_seq"]
    moments = [f"@{last_seq * part // 3}" for part in (1, 2, 3)]

    with web(folder) as address, page(chromium) as opened:
        for at in moments:
            expected = wanted(top(folder, at))
            opened.goto(f"{address}/?at={quote(at)}")
            until(opened, lambda opened, expected=expected: shown(opened) == expected)


def test_damage_and_pruning_are_told_on_the_page_that_is_open(tmp_path, chromium):
    folder = make_folder(tmp_path / "data")
    with web(folder) as address, page(chromium) as opened:
        opened.goto(f"{address}/?at=@2")
        until(opened, lambda opened: "@2" in opened.inner_text("body"))
        oldest = min((folder / "log").glob("*.log"))
        kept = tmp_path / "kept"
        shutil.move(oldest, kept)
        opened.reload()
        until(
            opened, lambda opened: "pruned" in opened.get_by_role("alert").inner_text()
        )
        shutil.move(kept, oldest)
        flip_a_bit(folder)
        opened.goto(address)
        until(
            opened,
            lambda opened: "damaged" in opened.get_by_role("alert").inner_text(),
        )
