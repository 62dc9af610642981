"""One place says who may do what: every door asks it, with the keys and channels."""

import pytest

from joblog.app import errors
from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.access import Door
from joblog.app.engine.engine import Engine
from joblog.app.engine.past import open_past
from joblog.app.engine.past_views import PastView
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.state.visits import facts_of
from joblog.app.users.requests import channels_of, keys_of
from tests.support.fakes import FakeClock

NO_PERM = b"NOPERM"


def fence(request):
    """Refuse whatever reaches a key or a channel that begins with `own:`."""
    names = [use.key for use in keys_of(request.command, request.argv)]
    names += [name for _, name in channels_of(request.command, request.argv)]
    if request.door is Door.PATTERN or any(n.startswith(b"own:") for n in names):
        return b"%b %b" % (NO_PERM, request.door.value.encode())
    return None


class Clients:
    """An engine with a client that may do everything and one that may not."""

    def __init__(self):
        self.clock = FakeClock()
        self.engine = Engine(Config(), now_ms=self.clock)
        self.free, self.limited = map(self.engine.clients.open, (1, 2))
        self.fence(self.limited)

    def fence(self, session):
        """Keep a client from keys and channels that begin with `own:`."""
        self.engine.access.rules = [fence]
        session.is_limited = True
        session.update_special()

    def __call__(self, session, *words):
        argv = [word if type(word) is bytes else word.encode() for word in words]
        return self.engine.run(session, [argv])


@pytest.fixture
def clients():
    return Clients()


SINGLE = [
    pytest.param("GET own:a", id="one key"),
    pytest.param("MSET a 1 own:a 2", id="one of several"),
    pytest.param("COPY a own:a", id="what COPY writes"),
    pytest.param("COPY own:a a", id="what COPY reads"),
    pytest.param("SORT a STORE own:a", id="what SORT stores"),
    pytest.param("SORT_RO own:a", id="what SORT_RO reads"),
    pytest.param("GEORADIUS a 1 1 1 km STORE own:a", id="what GEORADIUS stores"),
    pytest.param("GEORADIUSBYMEMBER a m 1 km STOREDIST own:a", id="of distances"),
    pytest.param("MSETEX 2 a 1 own:a 2 EX 9", id="the second of a count"),
    pytest.param("LMPOP 2 a own:a LEFT", id="counted"),
    pytest.param("EVAL return 1 own:a", id="no count"),
    pytest.param("PUBLISH own:a x", id="a channel"),
    pytest.param("SUBSCRIBE a own:a", id="one of several channels"),
    pytest.param("PSUBSCRIBE own:*", id="a pattern of channels"),
    pytest.param("SPUBLISH own:a x", id="a shard's channel"),
    pytest.param("SSUBSCRIBE own:a", id="a shard's channel to listen to"),
]


@pytest.mark.parametrize("line", SINGLE)
def test_command_of_a_limited_client_is_asked_about(clients, line):
    words = line.split()
    if words[0] == "EVAL":
        words = ["EVAL", "return 1", "1", "own:a"]

    assert clients(clients.limited, *words) == b"-NOPERM toplevel\r\n"
    assert not clients(clients.free, *words).startswith(b"-NOPERM")


def test_limited_client_may_do_what_no_rule_refuses(clients):
    assert clients(clients.limited, "SET", "a", "1") == b"+OK\r\n"
    assert clients(clients.limited, "UNSUBSCRIBE", "own:a").startswith(b"*3\r\n")


def test_queued_command_is_refused_and_breaks_its_transaction(clients):
    limited = clients.limited

    assert clients(limited, "MULTI") == b"+OK\r\n"
    assert clients(limited, "GET", "own:a") == b"-NOPERM multi\r\n"
    assert clients(limited, "EXEC") == b"-%b\r\n" % errors.EXEC_ABORTED


def test_exec_asks_again_about_each_command_and_runs_the_others(clients):
    free = clients.free
    clients(free, "MULTI")
    clients(free, "SET", "own:a", "1")
    clients(free, "SET", "b", "2")

    clients.fence(free)

    assert clients(free, "EXEC") == b"*2\r\n-NOPERM exec\r\n+OK\r\n"
    assert clients.engine.keyspace.databases[0].values == {b"b": b"2"}


CALLS = [
    pytest.param(("EVAL", "return redis.pcall('GET', 'own:a')", "0"), id="script"),
    pytest.param(("EVAL_RO", "return redis.pcall('GET', 'own:a')", "0"), id="reading"),
    pytest.param(("FCALL", "f", "0"), id="function"),
    pytest.param(("FCALL_RO", "f", "0"), id="reading function"),
]
LIBRARY = (
    "#!lua name=l\nredis.register_function{function_name='f', flags={'no-writes'}, "
    "callback=function() return redis.pcall('GET', 'own:a') end}"
)


@pytest.mark.parametrize("words", CALLS)
def test_command_of_a_script_is_asked_about_as_its_callers(clients, words):
    clients(clients.free, "FUNCTION", "LOAD", LIBRARY)

    assert clients(clients.limited, *words) == b"-NOPERM lua\r\n"
    assert clients(clients.free, *words) == b"$-1\r\n"


def test_script_in_a_transaction_is_asked_about_too(clients):
    clients(clients.limited, "MULTI")
    clients(clients.limited, "EVAL", "return redis.pcall('GET', 'own:a')", "0")

    assert clients(clients.limited, "EXEC") == b"*1\r\n-NOPERM lua\r\n"


def test_script_may_ask_what_its_caller_may(clients):
    ask = "return {redis.acl_check_cmd('get','a'), redis.acl_check_cmd('get','own:a')}"

    assert clients(clients.limited, "EVAL", ask, "0") == b"*2\r\n:1\r\n$-1\r\n"
    assert clients(clients.free, "EVAL", ask, "0") == b"*2\r\n:1\r\n:1\r\n"


def test_read_only_script_of_a_limited_client_may_not_write(clients):
    script = "return redis.pcall('SET', 'a', '1')"

    reply = clients(clients.limited, "EVAL_RO", script, "0")

    assert reply == clients(clients.free, "EVAL_RO", script, "0")
    assert reply.startswith(b"-ERR Write commands are not allowed from read-only")


def test_blocked_command_is_asked_about_when_it_wakes(clients):
    free, engine = clients.free, clients.engine
    other = engine.clients.open(3)
    clients(free, "BLPOP", "own:q", "0")
    clients.fence(free)

    clients(other, "LPUSH", "own:q", "job")

    assert engine.outbox.woken == [(free.id, b"-NOPERM wake\r\n")]
    assert clients(other, "LLEN", "own:q") == b":1\r\n"


@pytest.mark.parametrize("option", ["BY", "GET"])
def test_sort_makes_no_keys_of_patterns_for_a_limited_client(clients, option):
    clients(clients.free, "RPUSH", "l", "1")

    reply = clients(clients.limited, "SORT", "l", option, "w*", "SYNTAX", "ERROR")

    assert reply == b"-%b\r\n" % errors.pattern_denied(option.encode())
    assert clients(clients.limited, "SORT", "l", "BY", "nosort") == b"*1\r\n$1\r\n1\r\n"
    assert clients(clients.free, "SORT", "l", option, "w*").startswith(b"*1\r\n")


def test_client_in_the_past_is_as_limited_there(clients):
    keyspace = Keyspace(16)
    keyspace.databases[0].values[b"own:a"] = b"1"
    view = PastView(open_past(Config(), keyspace, 1_000))
    view.engine.access.rules.append(fence)
    commands = [
        [b"GET", b"own:a"],
        [b"EVAL", b"return redis.pcall('GET', 'own:a')", b"0"],
        [b"MULTI"],
        [b"GET", b"own:a"],
        [b"EXEC"],
        [b"GET", b"a"],
    ]

    data, *_ = view.run(1, facts_of(clients.limited), commands)

    assert data.split(b"\r\n")[:-1] == [
        b"-NOPERM toplevel",
        b"-NOPERM lua",
        b"+OK",
        b"-NOPERM multi",
        b"-" + errors.EXEC_ABORTED,
        b"$-1",
    ]


def test_past_refuses_what_looks_after_a_server_to_all(clients):
    view = PastView(open_past(Config(), Keyspace(16), 1_000))

    for words in ([b"CONFIG", b"GET", b"*"], [b"MONITOR"], [b"SAVE"]):
        data, *_ = view.run(1, facts_of(clients.free), [words])
        assert data == b"-%b\r\n" % errors.READ_ONLY_IN_PAST


def test_unlimited_client_is_asked_about_nothing_on_the_quick_way(clients):
    asked = []
    clients.engine.access.rules = [asked.append]
    session = clients.free

    clients(session, "SET", "a", "1")
    clients(session, "EVAL", "return redis.call('GET', 'a')", "0")
    clients(session, "MULTI")
    clients(session, "GET", "a")
    clients(session, "EXEC")

    assert asked == []
