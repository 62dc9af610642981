"""A few of the points of `tests.crash.every_call`; `make every-call` goes through all.

Promises 1, 4, 7, 8, 9, 10 and 12 of docs/reliability.md.
"""

import pytest

from tests.crash.every_call import ChildScene, Fault, RunScene, StartScene
from tests.support.servers import require_program

POINTS = [
    pytest.param(
        StartScene, Fault("ftruncate", "KILL"), 2, "killed", id="start, cutting a tail"
    ),
    pytest.param(
        StartScene, Fault("write", "ENOSPC"), 1, "went on", id="start, no room"
    ),
    pytest.param(RunScene, Fault("rename", "EIO"), 1, "stopped", id="run, a seal"),
    pytest.param(
        ChildScene,
        Fault("fsync", "EIO"),
        1,
        "said that it failed",
        id="child, no fsync",
    ),
    pytest.param(ChildScene, Fault("unlink", "KILL"), 1, "killed", id="child, pruning"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("scene_class", "fault", "number", "outcome"), POINTS)
def test_a_call_that_fails_or_is_the_last_costs_nothing_acknowledged(
    scene_class, fault, number, outcome
):
    with scene_class(require_program("strace")) as scene:
        struck = scene.strike(fault, number)

    assert struck is not None
    assert struck.outcome == outcome, struck
    assert struck.place.startswith(f"{fault.call} of ")
