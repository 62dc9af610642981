"""Random commands on a master of ours, while links are cut and both sides killed."""

import pytest

from tests.replication.test_random import Chance


@pytest.mark.parametrize("kind", ["redis7", "valkey9"])
def test_both_have_the_same_at_rest(led, kind):
    both = led(kind)
    both.wait_until_up()
    chance = Chance(11)
    for number in range(600):
        if number % 60 == 30:
            both.relay.cut_after(chance.below(2000))
        if number == 250:
            both.kill_master()
        if number == 400 and kind == "redis7":
            both.kill_replica()
        if number % 10 == 0:
            both.tell("MULTI")
            for _ in range(chance.below(5)):
                both.tell(*_known(chance, kind))
            both.tell("EXEC")
        both.tell(*_known(chance, kind))
    both.tell("SELECT", 0)

    both.require_same_digest()

    assert both.syncs() == "0", both.describe()


def _known(chance, kind):
    """Return a command whose effects a replica knows."""
    while True:
        words = chance.command()
        if kind != "redis7" or words[0] != "HPEXPIRE":
            return words
