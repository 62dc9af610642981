"""What a server has counted of its commands belongs to it, and to no other."""

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
