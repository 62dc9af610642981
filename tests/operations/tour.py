"""docs/tour.md as it stands: a server, a crash, and what `replay` says of it.

    python -m tests.operations.tour      write what the commands answer into the page

Times, clients, digests and where records lie differ from run to run, so they count as
equal.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from tests.operations.pages import Machine
from tests.support.servers import ROOT

PAGE = ROOT / "docs" / "tour.md"
PORT = 6380
_BLOCK = re.compile(
    r"^```(sh|console)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+ #\d+"), "<client>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    # The log has notes of its own between what clients did.
    (
        re.compile(r"(?m)^\d+(?=\t<time>)|(?<=record\t)\d+|(?<=LOG.TAG deploy-7\n)\d+"),
        "<seq>",
    ),
    (re.compile(r"(?m)^(\S+\.log\t1)\t\d+\t\d+"), r"\1\t<seq>\t<bytes>"),
    (re.compile(r"(?<=seq 1 to )\d+|(?<=<digest>@)\d+"), "<seq>"),
]


def normal(text: str) -> str:
    """Return text without what differs from run to run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def played(machine: Machine) -> str:
    """Do all that the page says; return the page with what was answered."""
    page = PAGE.read_text()
    blocks = {match[2]: match[3] for match in _BLOCK.finditer(page) if match[2]}

    def answer(match: re.Match[str]) -> str:
        kind, name, text = match.groups()
        if kind == "console":
            lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
            told = "".join(f"$ {line}\n{machine.run(line, TZ='UTC')}" for line in lines)
            return f"```console\n{told}```"
        machine.run(blocks["start"] if name == "start" else text)
        if name == "kill":
            machine.wait_for_end(PORT)
            machine.run(blocks["start"])
        machine.wait_for(PORT)
        return match[0]

    return _BLOCK.sub(answer, page)


def rewrite() -> None:
    """Write what the commands answer into the page, where more than times differs."""
    with tempfile.TemporaryDirectory() as home:
        machine = Machine(Path(home))
        try:
            page = played(machine)
        finally:
            machine.close()
    if normal(page) != normal(PAGE.read_text()):
        PAGE.write_text(page)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    sys.exit(rewrite())
