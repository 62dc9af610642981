"""What the page costs on a long log: `python -m tests.bench.page LOG`.

    python -m tests.bench.page LOG [--job ID] [--steps N]

LOG is a data folder whose index is made (`replay index LOG`), such as one that
`tests.bench.queue_history` wrote; chromium looks at it. Memory is PSS of all of the
page's processes, in MiB, without the browser. Seconds are the clock's: of a screen from
when its address is asked for until lines are shown; of a step from when the moment is
asked for until its numbers are shown, and until what is wrong then is shown, too.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

from joblog.replay.index.finder import LogIndex
from joblog.storage.filesystem import FileSystem
from tests.replay.web.browsing import browser, page

_PATIENCE_MS = 300_000
_KIB_A_MIB = 1024
_LINES = "() => document.querySelectorAll('.q-table tbody a').length > 0"
_JUDGED = "() => /(^|\\n)at @[\\d,]+: /.test(document.body.innerText)"
_SHOWN = (
    "n => document.body.innerText.includes('@' + n + '\\n') || "
    "document.body.innerText.includes('@' + n + ' ')"
)


@contextmanager
def web(folder):
    """Run `replay web` over a folder, and yield its process and its address."""
    argv = [sys.executable, "-m", "joblog.replay", "web", str(folder), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            yield child.pid, line.removeprefix("replay: ").strip().rstrip("/")
        finally:
            child.terminate()
            child.communicate(timeout=30)


def family(pid):
    """Return a process and all below it."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            stat = (place / "stat").read_text()
        except OSError:
            continue
        parents[int(place.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def memory(pid):
    """Return for a process and all below it what it takes, in MiB."""
    found = {}
    for each in family(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
            words = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        name = (words[2] if len(words) > 2 else b"?").decode()
        pss = int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / _KIB_A_MIB
        found[f"{each} {name.rpartition('.')[2]}"] = pss
    return found


class Told:
    """Writes lines as they come."""

    def __init__(self, pid):
        self._pid = pid
        self.most = 0.0

    def memory(self, when):
        parts = memory(self._pid)
        total = sum(parts.values())
        self.most = max(self.most, total)
        shown = ", ".join(f"{name} {mib:.0f}" for name, mib in parts.items())
        self.line(f"memory {when}: {total:.0f} MiB ({shown})")

    def line(self, text):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def middle(took):
    return f"{sorted(took)[len(took) // 2]:.2f}, at most {max(took):.2f} s"


def look(opened, address, told):
    """Open the first screen."""
    for name in ("first", "again"):
        opened.goto("about:blank")
        began = time.monotonic()
        opened.goto(address, wait_until="commit")
        opened.wait_for_function(_LINES)
        told.line(f"{name} screen: {time.monotonic() - began:.2f} s")
        opened.wait_for_function(_JUDGED)
        told.line(f"what is wrong: {time.monotonic() - began:.2f} s")
        told.memory(f"after the {name} screen")


def scrub(opened, told, last_seq, steps):
    """Go to moments all over the log, by what is typed and by the arrow."""
    box = opened.get_by_role("textbox", name="Moment", exact=True)
    boards, judgements = [], []
    for step in range(steps):
        seq = last_seq * (step * 7 % steps + 1) // (steps + 2)
        box.fill(f"@{seq}")
        began = time.monotonic()
        box.press("Enter")
        opened.wait_for_function(_SHOWN, arg=f"{seq:,}")
        boards.append(time.monotonic() - began)
        opened.wait_for_function(
            "n => document.body.innerText.includes('at @' + n + ': ')", arg=f"{seq:,}"
        )
        judgements.append(time.monotonic() - began)
    told.line(f"a step: {middle(boards)}")
    told.line(f"a step with verdicts: {middle(judgements)}")
    told.memory(f"after {steps} steps")


def search(opened, address, told, job):
    """Look at a job, and for it."""
    for name, path in (("job", f"/job/{job}"), ("search", f"/search?text={job}")):
        began = time.monotonic()
        opened.goto(address + path, wait_until="commit")
        opened.wait_for_function(_LINES)
        told.line(f"{name}: {time.monotonic() - began:.2f} s")
        told.memory(f"after a {name} page")


def main():
    """Measure, and write lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("--job", default="j00000123")
    parser.add_argument("--steps", type=int, default=20)
    chosen = parser.parse_args()
    with closing(LogIndex(chosen.log, FileSystem())) as index:
        last_seq = index.last_seq
    with (
        web(chosen.log) as (pid, address),
        browser() as chromium,
        page(chromium) as opened,
    ):
        opened.set_default_timeout(_PATIENCE_MS)
        told = Told(pid)
        told.memory("after the start")
        look(opened, address, told)
        scrub(opened, told, last_seq, chosen.steps)
        search(opened, address, told, chosen.job)
        told.line(f"memory at most: {told.most:.0f} MiB")


if __name__ == "__main__":
    main()
