"""A few of the faults of `make jepsen`, and that its checks see what they are for."""

import pytest

from tests.crash.jepsen import faults
from tests.crash.jepsen.histories import has_order
from tests.crash.jepsen.run import play
from tests.crash.test_linearizable import NEVER, is_linearizable, read, wrote

FEW = (faults.kill_leader, faults.part_leader_with_one_store, faults.kill_two_stores)

A, B, LOST = wrote(0, 1, b"a"), wrote(2, 3, b"b"), wrote(2, NEVER, b"b")
HISTORIES = [
    pytest.param([A, B, read(4, 5, b"b")], id="in order"),
    pytest.param([A, B, read(4, 5, b"a")], id="lost"),
    pytest.param([A, B, read(2, 5, b"a")], id="under way"),
    pytest.param([A, LOST, read(4, 5, b"a")], id="never there"),
    pytest.param([A, LOST, read(4, 5, b"b")], id="there without an answer"),
    pytest.param([A, LOST, read(4, 5, b"b"), read(6, 7, b"a")], id="there and gone"),
    pytest.param([A, read(2, 3, b"b"), wrote(4, NEVER, b"b")], id="read too early"),
    pytest.param([A, B, read(2, 2.5, b"b"), read(2.6, 4, b"a")], id="back again"),
    pytest.param([A, read(2, 3, None)], id="forgotten"),
]


@pytest.mark.parametrize("history", HISTORIES)
def test_quick_checker_says_what_the_plain_one_says(history):
    assert has_order(history) == is_linearizable(history)


@pytest.mark.slow
def test_faults_lose_nothing_double_nothing_and_part_nobody():
    report = play(seed=7, count=2, nodes=2, among=FEW, lasts=(0.1, 1.0))

    assert report.wrong == []
    assert len(report.faults) >= 2
    assert report.answered > 40
