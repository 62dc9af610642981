"""The picture of a screen in docs/replay.md, drawn anew.

    python -m tests.replay.ui.pictures

An SVG of the demonstration's log, without the fonts that a reader would have to fetch.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from joblog.replay.demo import make_demo
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.ui.app import HistoryApp
from joblog.storage.filesystem import FileSystem

PICTURE = Path(__file__).resolve().parents[3] / "docs" / "pictures" / "ui-job.svg"
SIZE = (100, 16)
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def draw(folder: Path) -> None:
    """Draw the screen of the job that was lost."""
    app = HistoryApp(folder, (), Limits(), "alarm")
    async with app.run_test(size=SIZE) as pilot:
        for key in ("", "enter", "enter"):
            await pilot.press(*filter(None, [key]))
            await app.workers.wait_for_complete()
            await pilot.pause()
        picture = app.export_screenshot(title=f"replay ui {folder.name}")
    PICTURE.write_text(_FONTS.sub("", picture))


def main() -> None:
    """Draw it over a demonstration's log."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "joblog-demo"
        make_demo(folder, FileSystem())
        asyncio.run(draw(folder))


if __name__ == "__main__":
    sys.exit(main())
