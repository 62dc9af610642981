"""What a server has counted of its commands belongs to it, and to no other."""

import pytest

from joblog.app.table.table import require_command

GET = b"cmdstat_get:calls=1,"


def test_engines_of_one_process_count_each_for_itself(clients_with):
    first, second = clients_with(), clients_with()

    first("a", "GET k")

    assert GET in first("a", "INFO commandstats")
    assert GET not in second("a", "INFO commandstats")


def test_command_that_is_under_way_at_a_reset_counts_from_there(clients):
    clients("a", "GET k", "CONFIG RESETSTAT")

    shown = clients("a", "INFO commandstats")

    assert b"cmdstat_get" not in shown
    assert b"cmdstat_config|resetstat:calls=1," in shown


def test_command_that_waits_counts_once_when_it_has_ended(clients):
    clients("a", "BLPOP q 0")
    assert b"cmdstat_blpop" not in clients("b", "INFO commandstats")

    clients("b", "LPUSH q x")

    assert b"cmdstat_blpop:calls=1," in clients("b", "INFO commandstats")


MANY = "for i = 1, {} do redis.call('GET', 'k') end return redis.call('STRLEN', 'k')"


@pytest.mark.parametrize("times", [1, 255, 256, 257, 300, 5_003])
def test_all_calls_of_a_script_are_counted_though_not_all_are_timed(clients, times):
    session = clients.engine.clients.open(9)
    script = MANY.format(times).encode()

    clients.engine.run(session, [[b"EVAL", script, b"0"]])

    counts = clients.engine.server.counts[require_command([b"GET", b"k"]).number]
    assert counts.calls == sum(counts.delays().values()) == times
    assert counts.nanoseconds > 0


def test_each_command_of_a_script_is_timed_where_all_are_slow(clients):
    session = clients.engine.clients.open(9)
    argv = [b"EVAL", MANY.format(1_000).encode(), b"0"]
    clients("a", "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 5000")

    clients.engine.run(session, [argv])

    slow = clients.engine.server.slow_commands
    assert sum(one.argv[0] == b"GET" for one in slow) == 1_000


def test_long_and_large_commands_of_a_script_are_always_timed(clients):
    session = clients.engine.clients.open(9)
    script = b"for i = 1, 1000 do redis.call('SADD', 's', unpack(ARGV)) end"
    argv = [b"EVAL", script, b"0", *(b"%d" % number for number in range(20))]

    clients.engine.run(session, [argv])

    sadd = clients.engine.server.counts[require_command([b"SADD", b"s", b"1"]).number]
    assert (sadd.calls, sadd.untimed) == (1_000, 0)
