import pytest

from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode


def test_exec_is_one_record_with_the_effects_of_all(clients):
    clients("a", "MULTI", "SET k 1", "INCR k", "GET k", "EXPIRE k 10", "EXEC")

    [(at_ms, db, effects, origin)] = clients.entries
    assert (at_ms, db) == (1_700_000_000_000, 0)
    assert effects == [
        [b"SET", b"k", b"1"],
        [b"INCR", b"k"],
        [b"PEXPIREAT", b"k", b"1700000010000"],
    ]
    assert origin[:2] == [1, [b"EXEC"]]
    assert origin[2] == {
        "kind": "exec",
        "queued": [0, 1, [b"GET", b"k"], [b"EXPIRE", b"k", b"10"]],
    }


def test_the_record_of_exec_says_which_commands_failed(clients):
    clients("a", "MULTI", "SET k x", "INCR k", "SET j 1", "EXEC")

    [(_, _, effects, origin)] = clients.entries
    assert effects == [[b"SET", b"k", b"x"], [b"SET", b"j", b"1"]]
    assert origin[2]["queued"] == [0, [b"INCR", b"k"], 1]
    assert origin[2]["failed"] == [1]


def test_exec_that_changes_nothing_leaves_no_record(clients):
    clients("a", "MULTI", "GET k", "DEL none", "EXEC")

    assert clients.entries == []


def test_exec_over_two_databases_says_so_in_its_record(clients):
    clients(
        "a", "MULTI", "SELECT 2", "SET k 1", "SELECT 5", "SET k 2", "EXEC", "SET j 3"
    )

    assert [entry[1:3] for entry in clients.entries] == [
        (2, [[b"SET", b"k", b"1"], [b"SELECT", b"5"], [b"SET", b"k", b"2"]]),
        (5, [[b"SET", b"j", b"3"]]),
    ]


def test_a_command_that_fails_in_exec_does_not_stop_the_rest(clients):
    reply = clients("a", "MULTI", "SET k x", "INCR k", "SET j 1", "EXEC")

    assert reply.endswith(
        b"*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n"
    )
    assert [entry[2] for entry in clients.entries] == [
        [[b"SET", b"k", b"x"], [b"SET", b"j", b"1"]]
    ]


def test_nothing_runs_where_a_command_was_refused_while_queueing(clients):
    reply = clients("a", "MULTI", "SET k 1", "SET k", "EXEC", "GET k")

    assert reply.endswith(
        encode(
            CommandError(
                b"EXECABORT Transaction discarded because of previous errors."
            ),
            2,
        )
        + b"$-1\r\n"
    )
    assert clients.entries == []


CHANGES = [
    "SET k 2",
    "DEL k",
    "RENAME k other",
    "RENAME other k",
    "EXPIRE k 100",
    "PEXPIREAT k 1",
    "PERSIST k",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB 0 3",
    "SWAPDB 3 0",
    "COPY other k REPLACE",
    "MOVE k 1",
    "APPEND k x",
]


@pytest.mark.parametrize("words", CHANGES)
def test_exec_runs_nothing_after_a_watched_key_changed(clients, words):
    clients(
        "a", "SET k 1 PX 5000", "SET other 1", "WATCH k none", "MULTI", "SET done 1"
    )

    clients("b", words)

    assert clients("a", "EXEC", "EXISTS done") == b"*-1\r\n:0\r\n"


HARMLESS = [
    "GET k",
    "SET other 2",
    "SELECT 1\nSET k 2",
    "SELECT 1\nFLUSHDB",
    "SWAPDB 1 2",
    "SWAPDB 0 0",
    "DEL none",
    "RENAME k k",
    "EXPIRE k 10 XX GT NX",
    "SET k 2 NX",
    "TOUCH k",
]


@pytest.mark.parametrize("words", HARMLESS)
def test_exec_runs_where_no_watched_key_changed(clients, words):
    clients("a", "SET k 1", "WATCH k none", "MULTI", "SET done 1")

    clients("b", *words.split("\n"))

    assert clients("a", "EXEC") == b"*1\r\n+OK\r\n"


def test_a_key_that_appears_by_swapdb_has_changed(clients):
    clients("a", "SELECT 3", "SET k 1", "SELECT 0", "WATCH k", "MULTI", "PING")

    clients("b", "SWAPDB 0 3")

    assert clients("a", "EXEC") == b"*-1\r\n"


def test_a_watched_key_that_expires_has_changed(clients):
    clients("a", "SET k 1 PX 10", "WATCH k", "MULTI", "PING")

    clients.clock.advance(10)

    assert clients("a", "EXEC") == b"*-1\r\n"


def test_a_key_that_had_expired_before_it_was_watched_has_not_changed(clients):
    clients("a", "SET k 1 PX 10")
    clients.clock.advance(10)

    clients("a", "WATCH k")
    clients.engine.upkeep.look_after(100)

    assert clients("a", "MULTI", "PING", "EXEC").endswith(b"*1\r\n+PONG\r\n")


def test_the_same_name_in_another_database_is_another_key(clients):
    clients("a", "SELECT 1", "WATCH k", "SELECT 0", "MULTI", "PING")

    clients("b", "SET k 1")
    assert clients("a", "EXEC") == b"*1\r\n+PONG\r\n"

    clients("a", "SELECT 1", "WATCH k", "SELECT 0", "MULTI", "PING")
    clients("b", "SELECT 1", "SET k 1")
    assert clients("a", "EXEC") == b"*-1\r\n"


FORGETTING = ["UNWATCH", "EXEC", "DISCARD", "RESET"]


@pytest.mark.parametrize("word", FORGETTING)
def test_what_was_watched_is_forgotten(clients, word):
    clients("a", "WATCH k j")
    clients("b", "SET k 1")
    clients("a", "MULTI") if word in ("EXEC", "DISCARD") else None

    clients("a", word)

    assert clients("a", "MULTI", "PING", "EXEC").endswith(b"*1\r\n+PONG\r\n")
    assert clients.engine.observers.watchers == {}
    assert not any(db.is_observed for db in clients.engine.keyspace.databases)


def test_a_client_that_is_gone_watches_nothing(clients):
    clients("a", "WATCH k", "MULTI", "SET k 1")

    clients.engine.clients.close(clients.sessions["a"])

    assert clients.engine.observers.watchers == {}
    assert not any(db.is_observed for db in clients.engine.keyspace.databases)


def test_time_stands_still_inside_of_exec(clients):
    clients("a", "SET k 1 PX 10", "MULTI", "GET k", "PTTL k", "EXISTS k")
    clients.clock.advance(9)

    assert clients("a", "EXEC") == b"*3\r\n$1\r\n1\r\n:1\r\n:1\r\n"


def test_a_key_that_expires_in_an_exec_is_removed_in_its_record(clients):
    clients("a", "SET k 1 PX 10", "MULTI", "SWAPDB 0 1", "SELECT 1", "GET k", "SET j 2")
    clients.engine.outbox.entries.clear()
    clients.clock.advance(10)

    clients("a", "EXEC")

    [(_, db, effects, _)] = clients.entries
    assert db == 0
    assert effects == [
        [b"SWAPDB", b"0", b"1"],
        [b"SELECT", b"1"],
        [b"DEL", b"k"],
        [b"SET", b"j", b"2"],
    ]


def test_replies_in_exec_follow_the_protocol_as_it_changes(clients):
    clients("a", "HSET h f v", "MULTI", "HGETALL h", "HELLO 3", "HGETALL h")

    reply = clients("a", "EXEC")

    assert reply.startswith(b"*3\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n%7\r\n")
    assert reply.endswith(b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n")


REPLY_MODES = [
    pytest.param(["CLIENT REPLY OFF", "PING"], b"*2\r\n", b"", id="off"),
    pytest.param(["PING", "CLIENT REPLY SKIP"], b"*2\r\n+PONG\r\n", b"", id="skip"),
    pytest.param(["CLIENT REPLY ON"], b"*1\r\n+OK\r\n", b"+PONG\r\n", id="on"),
]


@pytest.mark.parametrize(("queued", "reply", "after"), REPLY_MODES)
def test_client_reply_in_exec_is_as_in_redis(clients, queued, reply, after):
    clients("a", "MULTI", *queued)

    assert clients("a", "EXEC") == reply
    assert clients("a", "PING") == after


def test_commands_behind_quit_do_not_run(clients):
    assert clients("a", "SET k 1", "QUIT", "SET k 2") == b"+OK\r\n+OK\r\n"
    assert clients("b", "GET k") == b"$1\r\n1\r\n"


def test_commands_behind_quit_do_not_run_where_no_reply_is_sent(clients):
    assert clients("a", "CLIENT REPLY OFF", "QUIT", "SET k 2") == b""
    assert clients("b", "GET k") == b"$-1\r\n"


def test_a_new_name_is_told_to_the_log_before_the_next_write(clients):
    clients("a", "SET k 1", "CLIENT SETNAME worker", "SET k 2")

    notes = [entry[3][2] for entry in clients.engine.outbox.entries if not entry[2]]
    assert [note["name"] for note in notes] == [b"worker"]
    assert [bool(entry[2]) for entry in clients.engine.outbox.entries] == [
        True,
        False,
        True,
    ]
