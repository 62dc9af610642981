import pytest

ALL, WRITE = "CLIENT PAUSE 1000 ALL", "CLIENT PAUSE 1000 WRITE"


def postponed(clients, name):
    return clients.sessions[name].postponed


@pytest.mark.parametrize("words", ["GET k", "SET k 1", "CLIENT UNPAUSE", "MULTI"])
def test_a_pause_for_all_holds_every_command(clients, words):
    clients("a", ALL)

    assert clients("b", words, "PING") == b""
    assert postponed(clients, "b") == [
        [word.encode() for word in words.split()],
        [b"PING"],
    ]


@pytest.mark.parametrize("words", ["SET k 1", "DEL k", "FLUSHALL", "EXPIRE k 1"])
def test_a_pause_for_writes_holds_what_writes_and_what_comes_behind(clients, words):
    clients("a", WRITE)

    assert clients("b", "GET k", words, "GET k") == b"$-1\r\n"
    assert len(postponed(clients, "b")) == 2


def test_a_pause_for_writes_holds_an_exec_that_writes(clients):
    clients("b", "MULTI", "SET k 1")
    clients("c", "MULTI", "GET k")
    clients("a", WRITE)

    assert clients("b", "EXEC") == b""
    assert clients("c", "EXEC") == b"*1\r\n$-1\r\n"


def test_what_was_held_runs_when_the_time_has_come(clients):
    clients("a", WRITE)
    clients("b", "SET k 1")

    clients.clock.advance(1000)
    clients.engine.upkeep.look_after(100)

    assert clients.engine.outbox.is_resuming
    assert clients("b", "SET k 1") == b"+OK\r\n"
    assert not clients.engine.server.alarm.is_on


def test_unpause_lets_all_go_on(clients):
    clients("a", WRITE)

    clients("a", "CLIENT UNPAUSE")

    assert clients.engine.outbox.is_resuming
    assert clients("b", "SET k 1") == b"+OK\r\n"


def test_a_pause_never_becomes_shorter_or_weaker(clients):
    clients("b", "CLIENT PAUSE 2000 WRITE", ALL)
    clients.clock.advance(1500)

    assert clients("a", "GET k") == b""
    clients.clock.advance(500)
    assert clients("a", "GET k") == b"$-1\r\n"


def test_no_key_expires_while_writes_are_held(clients):
    clients("a", "SET k 1 PX 10", WRITE)
    clients.clock.advance(500)

    clients.engine.upkeep.look_after(100)

    assert clients("a", "GET k", "EXISTS k", "DBSIZE") == b"$-1\r\n:0\r\n:1\r\n"
    clients.clock.advance(500)
    clients.engine.upkeep.look_after(100)
    assert clients("a", "DBSIZE") == b":0\r\n"


def test_a_transaction_that_began_a_pause_may_still_write(clients):
    clients("a", "SET k 1 PX 10", "MULTI", "CLIENT PAUSE 1000 WRITE", "INCR k")
    clients.clock.advance(20)

    assert clients("a", "EXEC").endswith(b":1\r\n")
    assert clients("a", "PTTL k") == b":-1\r\n"
    assert not clients.engine.keyspace.is_expiring


def test_a_command_that_looks_like_an_earlier_one_is_not_run_twice(clients):
    clients("b", "MULTI", "SET k 1")
    clients("a", WRITE)

    clients("b", "PING", "SET k 1", "PING", "SET k 1")

    assert len(postponed(clients, "b")) == 3
