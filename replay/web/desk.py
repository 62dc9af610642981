"""A desk: a process that answers questions on its standard input, a line each.

    {"ready": true}                               its first line
    {"name": "board", "words": {"at": "@42"}}     a question
    {"progress": 1200}                            how far its answer has come
    {"answer": {...}}                             the answer

It ends when its input does.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from joblog.app.state import process
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.views.answers import Desk

_TELL_SECONDS = 0.2
_LONG_SECONDS = 0.5


class _Progress:
    """Tells now and then how far work has come."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _TELL_SECONDS

    def __call__(self, seq: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_SECONDS
            _write({"progress": seq})


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer questions about the folder that is named, until the input ends."""
    os.environ.pop("PYTHONMALLOC", None)  # what is started from here may be quick
    told = json.loads(sys.argv[1])
    limits, descriptors = Limits(*told["limits"]), told["descriptors"]
    desk = Desk(Path(told["folder"]), told["schemas"], limits, descriptors)
    _write({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        _write({"answer": desk.ask(asked["name"], asked["words"], _Progress())})
        if time.monotonic() - began > _LONG_SECONDS:
            gc.collect()  # long work held much
            process.give_back()


if __name__ == "__main__":
    main()
