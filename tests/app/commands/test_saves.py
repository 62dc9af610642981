"""When a snapshot is due, what waits for it, and what is remembered of it."""

import pytest

from joblog.app.config import SavePoint
from joblog.app.state.saves import Saves

AT_MS = 1_700_000_000_000
RULES = (SavePoint(60, 100), SavePoint(300, 1))


@pytest.fixture
def saves():
    return Saves(0, AT_MS)


@pytest.mark.parametrize(
    ("changes", "at_ms", "is_due"),
    [
        pytest.param(0, 10_000_000, False, id="nothing changed"),
        pytest.param(99, 61_000, False, id="too few changes"),
        pytest.param(100, 60_000, False, id="too soon"),
        pytest.param(100, 60_001, True, id="the first rule"),
        pytest.param(1, 300_001, True, id="the second rule"),
    ],
)
def test_rules_ask_after_so_long_with_so_many_changes(saves, changes, at_ms, is_due):
    saves.count_changes = lambda: changes
    saves.consider(RULES, at_ms)

    assert saves.is_due is is_due
    assert (saves.running == "save") is is_due


def test_no_rules_ask_for_nothing(saves):
    saves.count_changes = lambda: 1_000_000
    saves.consider((), 10**12)

    assert not saves.is_due


def test_a_success_is_what_rules_count_from(saves):
    count = iter([70, 169, 170, 170])
    saves.count_changes = lambda: next(count)
    saves.ask("save", 1000)
    saves.end(70, 5000, AT_MS + 5, is_ok=True)

    assert (saves.last_seq, saves.took_seconds) == (70, 4)
    assert saves.last_at_ms == AT_MS + 5
    assert (saves.running, saves.is_ok, saves.count) == ("", True, 1)
    saves.is_due = False
    saves.consider(RULES, 100_000)
    assert not saves.is_due
    saves.consider(RULES, 100_000)
    assert saves.is_due


def test_after_a_failure_rules_wait_for_a_while(saves):
    saves.count_changes = lambda: 100
    saves.consider(RULES, 61_000)
    saves.is_due = False
    saves.end(100, 62_000, AT_MS, is_ok=False)

    saves.consider(RULES, 66_000)
    assert not saves.is_due
    assert not saves.is_ok
    assert saves.last_seq == 0
    saves.consider(RULES, 67_000)
    assert saves.is_due


def test_what_is_asked_for_meanwhile_comes_next(saves):
    saves.ask("save", 0)
    saves.is_due = False
    saves.ask("rewrite", 1)
    assert not saves.is_due
    assert saves.covered == 1

    saves.end(5, 2, AT_MS, is_ok=True)

    assert saves.is_due
    assert saves.running == "rewrite"
    assert saves.covered == 2
    saves.end(6, 3002, AT_MS, is_ok=True)
    assert saves.rewrite_took_seconds == 3
    assert saves.rewrites == saves.count == 1
    assert saves.scheduled == ""


def test_the_log_is_tidied_with_each_seal_also_once_it_was_pruned(saves):
    orders = []
    for at_ms, segments in enumerate((1, 2, 9, 9, 3, 3, 4, 4, 3, 4)):
        saves.consider_tidying(segments, at_ms)
        orders.append(saves.running == "tidy")
        saves.running = ""

    # Pruned to 3, a fourth; pruned to 3 again, a fourth again.
    assert orders == [False, True, True, False, False, False, True, False, False, True]


def test_the_log_is_looked_at_once_a_minute_for_its_age(saves):
    saves.consider_tidying(1, 59_999)
    assert not saves.running

    saves.consider_tidying(1, 60_000)
    assert saves.running == "tidy"
