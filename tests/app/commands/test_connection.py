import pytest

PASSWORD = {"requirepass": "secret"}
NO_AUTH = b"-NOAUTH Authentication required.\r\n"
WRONG = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"


def test_commands_are_refused_before_authentication(clients_with):
    clients = clients_with(PASSWORD)

    assert clients("a", "GET k", "PING", "CLIENT ID", "WATCH k") == NO_AUTH * 4
    assert clients("a", "HELLO 3").startswith(b"-NOAUTH HELLO must be called")


LOGINS = [
    pytest.param("AUTH secret", b"+OK\r\n", id="password"),
    pytest.param("AUTH default secret", b"+OK\r\n", id="user and password"),
    pytest.param("AUTH wrong", WRONG, id="wrong password"),
    pytest.param("AUTH secre", WRONG, id="part of the password"),
    pytest.param("AUTH other secret", WRONG, id="wrong user"),
    pytest.param("HELLO 2 AUTH default wrong", WRONG, id="HELLO with a wrong one"),
]


@pytest.mark.parametrize(("words", "reply"), LOGINS)
def test_auth_lets_in_who_knows_the_password(clients_with, words, reply):
    clients = clients_with(PASSWORD)

    assert clients("a", words) == reply
    assert clients("a", "GET k") == (b"$-1\r\n" if reply == b"+OK\r\n" else NO_AUTH)


def test_hello_authenticates_names_and_chooses_the_protocol(clients_with):
    clients = clients_with(PASSWORD)

    reply = clients("a", "HELLO 3 AUTH default secret SETNAME worker")

    assert reply.startswith(b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n")
    assert clients("a", "CLIENT GETNAME", "GET k") == b"$6\r\nworker\r\n_\r\n"


def test_hello_that_is_refused_changes_nothing(clients):
    clients("a", "HELLO 3 SETNAME worker AUTH other x", "HELLO 3 SETNAME worker X")

    assert clients("a", "CLIENT GETNAME") == b"$-1\r\n"


def test_reset_brings_back_a_new_connection(clients_with):
    clients = clients_with(PASSWORD)
    clients("a", "HELLO 3 AUTH default secret SETNAME worker", "SELECT 3", "WATCH k")
    clients("a", "MULTI", "SET k 1")

    assert clients("a", "RESET", "GET k") == b"+RESET\r\n" + NO_AUTH
    clients("a", "AUTH secret")
    line = clients("a", "CLIENT INFO")
    assert b" name= " in line
    assert b" db=0 " in line
    assert b" resp=2 " in line
    assert b" multi=-1 watch=0 " in line


def test_reset_ends_client_reply_off(clients):
    clients("a", "CLIENT REPLY OFF")

    assert clients("a", "PING") == b""
    assert clients("a", "RESET", "PING") == b"+RESET\r\n+PONG\r\n"


def fields(line):
    """Return the fields of one line of CLIENT LIST."""
    return dict(pair.split("=", 1) for pair in line.decode().strip().split(" "))


def test_client_list_tells_what_each_client_does(clients):
    clients("a", "CLIENT SETNAME one", "CLIENT SETINFO LIB-NAME lib", "SELECT 2")
    clients("b", "WATCH k", "MULTI", "SET k 12345")
    clients("c", "HELLO 3", "FOO")
    clients.clock.advance(2500)

    reply = clients("d", "CLIENT LIST").split(b"\r\n", 1)[1].strip()
    one, two, three, me = map(fields, reply.split(b"\n"))

    assert (one["name"], one["lib-name"], one["db"]) == ("one", "lib", "2")
    assert (one["idle"], one["age"], one["cmd"]) == ("2", "2", "select")
    assert (two["flags"], two["multi"], two["watch"]) == ("x", "1", "1")
    assert two["multi-mem"] == "33"
    assert (three["resp"], three["cmd"]) == ("3", "NULL")
    assert (me["id"], me["age"], me["idle"], me["cmd"]) == (
        "4",
        "0",
        "0",
        "client|list",
    )


def test_client_list_finds_clients_by_id(clients):
    for name in "abc":
        clients(name, "PING")

    reply = clients("a", "CLIENT LIST ID 3 99 1")

    assert [fields(line)["id"] for line in reply.split(b"\n")[1:3]] == ["3", "1"]


KILLS = [
    pytest.param("ID 2", 1, {"a", "c"}, id="ID"),
    pytest.param("ID 9", 0, {"a", "b", "c"}, id="ID of nobody"),
    pytest.param("TYPE normal", 2, {"a"}, id="TYPE"),
    pytest.param("TYPE pubsub", 0, {"a", "b", "c"}, id="TYPE of nobody"),
    pytest.param("USER default", 2, {"a"}, id="USER"),
    pytest.param("SKIPME no TYPE normal", 3, {"a"}, id="SKIPME no"),
    pytest.param("ID 1", 0, {"a", "b", "c"}, id="oneself is spared"),
    pytest.param("ADDR 9.9.9.9:1 ID 2", 0, {"a", "b", "c"}, id="all must match"),
]


@pytest.mark.parametrize(("filters", "count", "left"), KILLS)
def test_client_kill_closes_those_that_match(clients, filters, count, left):
    for name in "abc":
        clients(name, "PING")

    assert clients("a", f"CLIENT KILL {filters}") == b":%d\r\n" % count
    sessions = clients.engine.server.sessions
    names = {name for name, session in clients.sessions.items()}
    assert {n for n in names if clients.sessions[n].id in sessions} == left
    assert len(clients.engine.outbox.closings) == 3 - len(left)
    assert clients.sessions["a"].is_closing == ("SKIPME no" in filters)


def test_a_killed_client_watches_nothing_any_more(clients):
    clients("b", "WATCH k", "MULTI")
    clients("a", "PING")

    clients("a", "CLIENT KILL ID 1")

    assert clients.engine.observers.watchers == {}


def test_exec_is_refused_where_the_disk_has_failed_since(clients):
    clients("a", "MULTI", "SET k 1")
    clients.engine.server.alarm.note_disk(b"No space left on device")

    reply = clients("a", "EXEC", "EXEC")

    aborted, after = reply.split(b"\r\n")[:2]
    assert aborted.startswith(b"-EXECABORT Transaction discarded because of: MISCONF ")
    assert after == b"-ERR EXEC without MULTI"
