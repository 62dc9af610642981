"""Random commands on a master, while links are cut and the replica is killed."""

import random

import pytest

_KEYS = 5


class Chance:
    """Makes commands, of a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def below(self, size):
        return self.random.randrange(size)

    def key(self, kinds):
        return f"{self.random.choice(kinds)}{self.below(_KEYS)}"

    def command(self):
        """Return a command; some are refused, as by any server that lacks them."""
        pick, key, word = self.below, self.key, str(self.below(1000))
        return self.random.choice(
            [
                ("SET", key("s"), word),
                ("SET", key("s"), word, "PX", pick(3000) + 1),
                ("GETEX", key("s"), "EX", pick(3) + 1),
                ("INCR", key("n")),
                ("RPUSH", key("l"), word, word),
                ("LPOP", key("l")),
                ("LMOVE", key("l"), key("l"), "LEFT", "RIGHT"),
                ("BLPOP", key("l"), "0.001"),
                ("SADD", key("t"), word, pick(50)),
                ("SPOP", key("t")),
                ("SMOVE", key("t"), key("t"), pick(50)),
                ("HSET", key("h"), f"f{pick(20)}", word),
                ("HPEXPIRE", key("h"), pick(3000) + 1, "FIELDS", 1, f"f{pick(20)}"),
                ("HINCRBYFLOAT", key("h"), "fl", "1.5"),
                ("ZADD", key("z"), pick(100), f"m{pick(30)}"),
                ("ZPOPMIN", key("z")),
                ("ZRANGESTORE", key("z"), key("z"), 0, 5),
                ("XADD", key("x"), "MAXLEN", "~", 50, "*", "f", word),
                ("XGROUP", "CREATE", key("x"), "g", "0", "MKSTREAM"),
                ("XREADGROUP", "GROUP", "g", "c", "STREAMS", key("x"), ">"),
                ("XAUTOCLAIM", key("x"), "g", "other", 0, "0"),
                ("PFADD", key("p"), word),
                ("PFCOUNT", key("p")),
                ("EXPIRE", key("slhz"), pick(3)),
                ("DEL", key("slthzxp")),
                ("RENAME", key("s"), key("s")),
                ("COPY", key("l"), key("l"), "REPLACE"),
                ("SORT", key("l"), "ALPHA", "STORE", key("l")),
                ("SELECT", pick(3)),
                ("SWAPDB", 0, 1),
                ("PUBLISH", "channel", word),
                ("EVAL", _SCRIPT, 2, key("s"), key("l"), word),
                ("FUNCTION", "LOAD", "REPLACE", _LIBRARY % word),
                ("FCALL", "set_it", 1, key("s")),
            ]
        )


_SCRIPT = (
    "redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) "
    "return redis.call('SPOP', 't1')"
)
_LIBRARY = (
    "#!lua name=mine\n"
    "redis.register_function('set_it', function(keys)\n"
    "  return redis.call('SET', keys[1], '%s')\n"
    "end)"
)


@pytest.mark.parametrize("kind", ["redis7", "valkey9"])
def test_both_have_the_same_at_rest(pair, kind):
    both = pair(kind)
    both.wait_until_up()
    chance = Chance(7)
    for number in range(500):
        if number % 60 == 30:
            both.relay.cut_after(chance.below(2000))
        if number == 250:
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
