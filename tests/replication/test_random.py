"""Random commands on a master, while links are cut and the replica is killed."""

import pytest

from tests.replication.chances import Chance

_COMMANDS = 600
_SEED = 7


@pytest.mark.parametrize("kind", ["redis7", "valkey9", "redis6", "redis8"])
def test_both_have_the_same_at_rest(pair, kind):
    both = pair(kind)
    both.wait_until_up()
    chance = Chance(_SEED)
    for number in range(_COMMANDS):
        if number % 60 == 30:
            both.relay.cut_after(chance.below(2000))
        if number == _COMMANDS // 2:
            both.replica.kill()
            both.replica.start()
        if number % 10 == 0:
            both.tell("MULTI")
            for _ in range(chance.below(5)):
                both.tell(*chance.command())
            both.tell("EXEC")
        both.tell(*chance.command())
    both.tell("SELECT", 0)

    both.require_same_data()

    assert both.master_info("stats")["sync_full"] == "1", both.describe()
