"""A pytest plugin: scripts tested on a recorded history.

    def test_new_dequeue_does_what_the_old_one_did(joblog_history):
        history = joblog_history("recorded/friday")

        report = history.rehearse("@0..now", {"dequeue": Path("lua/dequeue.lua")})

        assert report.is_same, history.explain(report)

It is there where it is asked for: with `-p joblog.replay.pytest_plugin`, or by a line
in the conftest.py at the root of the tests; see docs/replay.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from joblog.app import clock
from joblog.app.history.moments import find_point, parse_range
from joblog.replay.shown.rehearsals import report_lines
from joblog.replay.whatif.rehearsal import Changes, Report, rehearse
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_SHOWN = 10


class RecordedHistory:
    """A data folder whose commands can be run again.

    Attributes:
        folder: the data folder; it is only read.
    """

    def __init__(self, folder: Path) -> None:
        """Take a data folder, or a copy of one."""
        self.folder = folder

    def rehearse(
        self,
        span: str = "@0..now",
        scripts: Mapping[str, Path | bytes] | None = None,
        *,
        drop: Collection[int] = (),
        values: Mapping[bytes, bytes] | None = None,
    ) -> Report:
        """Run the commands of a stretch again and compare with what was.

        Args:
            span: two moments, `A..B`, as `replay` takes them.
            scripts: new texts, or the files that hold them, by the name or the first
                digits of the SHA-1 of a script, or by the name of a library.
            drop: numbers of records that are left out.
            values: strings that are set before the first record.

        Raises:
            MomentError: the span is none.
            ScriptBrokenError: a text that is to run in a script's place is none.
            ScriptNotFoundError: a script that is to be replaced did not run there.
            StorageError: there is no such folder, or its log is damaged.
        """
        filesystem = open_disk()
        first, last = (
            find_point(moment, self.folder, filesystem).seq
            for moment in parse_range(span, clock.now_ms())
        )
        texts = {
            name: text.read_bytes() if isinstance(text, Path) else text
            for name, text in (scripts or {}).items()
        }
        changes = Changes(texts, frozenset(drop), values or {})
        return rehearse(self.folder, filesystem, (first, last), changes, shown=_SHOWN)

    def explain(self, report: Report) -> str:
        """Return a report as text: what went otherwise, and what differs at the end."""
        return "\n".join(report_lines(report))


@pytest.fixture
def joblog_history() -> Callable[[str | Path], RecordedHistory]:
    """Return a function that opens a data folder as a `RecordedHistory`."""
    return lambda folder: RecordedHistory(Path(folder))
