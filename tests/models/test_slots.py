"""The model of slots over several logs: invariants hold, each guard is needed."""

import pytest

from tests.models.slots import GUARDS, SCENARIOS, World

STEPS = 600
SEEDS = 40
SEEDS_TO_FAIL = 400


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_write_is_lost_or_doubled_and_one_owner_acknowledges(name):
    written = moved = 0
    for seed in range(SEEDS):
        world = World(seed, SCENARIOS[name])

        assert world.run(STEPS) == [], f"seed {seed}"

        written += len(world.written)
        moved += sum(one.kind == "in" for log in world.logs for one in log.entries)
    assert written > 10 * SEEDS
    assert (moved > SEEDS / 4) == (name != "nothing fails")


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_is_needed(guard):
    assert any(
        World(seed, SCENARIOS["all of it"], without=guard).run(STEPS)
        for seed in range(SEEDS_TO_FAIL)
    )
