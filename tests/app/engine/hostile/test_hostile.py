import json
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.engine.hostile.scripts import ALL, MEMORY

ROOT = Path(__file__).resolve().parents[4]
HANG_SECONDS = 90.0
# For how long a script may run before it is killed; to fill the memory takes a while.
PATIENCE_SECONDS, PATIENCE_SECONDS_FOR_MEMORY = 0.25, 5
BUSY_SECONDS = 30


class Child:
    """The process that runs the scripts; a new one where the last has died."""

    def __init__(self):
        self.process = None

    def run(self, source, patience):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.app.engine.hostile.child"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self.process.stdin.write(json.dumps([source, patience]).encode() + b"\n")
        self.process.stdin.flush()
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        ready = poll.poll(HANG_SECONDS * 1000)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.stop()
            pytest.fail("the process died" if ready else "the script cannot be stopped")
        return json.loads(line)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    child.stop()


@pytest.mark.parametrize(
    ("source", "expected"), [pytest.param(s, e, id=name) for name, s, e in ALL]
)
def test_a_hostile_script_harms_nobody(child, source, expected):
    needs_memory = expected == MEMORY
    patience = PATIENCE_SECONDS_FOR_MEMORY if needs_memory else PATIENCE_SECONDS

    report = child.run(source, patience)

    assert report["touched"] == []
    assert report["traces"] == ""
    assert "after" not in report["echoed"]
    assert expected in report["outcome"]
    assert report["seconds"] < BUSY_SECONDS


def test_no_script_is_there_twice():
    assert len({source for _, source, _ in ALL}) == len(ALL)
    assert len({name for name, _, _ in ALL}) == len(ALL)
