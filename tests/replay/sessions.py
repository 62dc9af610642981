"""The sessions in docs/replay.md, docs/cookbook.md and docs/libraries.

    python -m tests.replay.sessions      write what the verbs answer into the pages,
                                         and the walk of `replay demo`

They run over small histories. A session is a block of `console` with lines that begin
with `$ replay`. Digests and log ids differ from log to log, so they count as equal.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path

from click.testing import CliRunner

from joblog.replay import demo
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import make_demo, make_mail

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "replay.md"
COOKBOOK = PAGE.with_name("cookbook.md")
LIBRARIES = sorted((PAGE.parent / "libraries").glob("*.md"))
TOURS = PAGE.parent.parent / "tests" / "data" / "tours"
DEMO = PAGE.parent.parent / "tests" / "data" / "demo.txt"
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")


def blocks(page: str) -> list[str]:
    """Return the sessions of a page."""
    return BLOCK.findall(page)


def commands(block: str) -> list[str]:
    """Return the command lines of a session."""
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def run(command: str) -> str:
    """Run one command line and return what it wrote, its exit code where not 0."""
    words = shlex.split(command)
    assert words[0] == "replay", command
    result = CliRunner().invoke(main, words[1:], catch_exceptions=False)
    code = f"[exit {result.exit_code}]\n" if result.exit_code else ""
    return result.output + code


def play(block: str) -> str:
    """Return a session with what the commands answer now."""
    return "".join(f"$ {command}\n{run(command)}" for command in commands(block))


def normal(text: str) -> str:
    """Return text without what differs from log to log."""
    return DIGEST.sub("<digest>", text)


def renewed(block: str) -> str:
    """Return a session as it is now; the same, where nothing but digests differ."""
    answer = play(block)
    return block if normal(answer) == normal(block) else answer


@contextlib.contextmanager
def demo_folder():
    """Be in a folder with small histories, and `NAME-data` of each tour."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as home:
        make_demo(Path(home) / "joblog-data").close()
        make_mail(Path(home) / "mail-data").close()
        demo.make_demo(Path(home) / "joblog-demo", FileSystem())
        for tour in TOURS.glob("*/data"):
            shutil.copytree(tour, Path(home) / f"{tour.parent.name}-data")
        os.chdir(home)
        try:
            yield
        finally:
            os.chdir(before)


def rewrite() -> None:
    """Write what the verbs answer into the pages."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    for path in (PAGE, COOKBOOK, *LIBRARIES):
        with demo_folder():
            page = BLOCK.sub(lambda match: renewed(match[0]), path.read_text())
        path.write_text(page)
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        DEMO.write_text(CliRunner().invoke(main, ["demo"]).stdout)


if __name__ == "__main__":
    sys.exit(rewrite())
