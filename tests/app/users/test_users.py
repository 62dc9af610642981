"""Users in an engine: at every door, with today's rights, and fenced in by them."""

import pytest

from joblog.app import errors
from joblog.app.config import Config, ConfigError
from joblog.app.engine.engine import Engine
from joblog.app.engine.past_views import PastView
from joblog.app.errors import CommandError
from joblog.app.state.visits import facts_of
from joblog.app.table.table import REGISTERED
from joblog.app.users.user import User, hash_of
from joblog.app.users.users import Users

ODD_COUNTS = ["+1", "01", " 1", "1 ", "1.0", "0x1", "1e0", "-1", "2", "9999999999999"]
COUNTED = [
    *("EVAL x {} k", "EVALSHA x {} k", "EVAL_RO x {} k", "FCALL f {} k"),
    *("ZUNION {} k", "ZINTER {} k", "ZDIFF {} k", "ZINTERCARD {} k", "SINTERCARD {} k"),
    *("ZUNIONSTORE own:d {} k", "ZINTERSTORE own:d {} k", "ZDIFFSTORE own:d {} k"),
    *("LMPOP {} k LEFT", "ZMPOP {} k MIN", "BLMPOP 0 {} k LEFT", "BZMPOP 0 {} k MIN"),
]
MOVED = [
    *("SORT own:a STORE k", "SORT own:a BY nosort STORE own:d STORE k"),
    *("GEORADIUS own:g 1 1 1 m STORE k", "GEORADIUS own:g 1 1 1 m STOREDIST k"),
    *("XREAD COUNT 1 STREAMS k 0", "XREAD STREAMS own:a k 0 0"),
    *("XREADGROUP GROUP g c STREAMS k >", "MIGRATE h 1 k 0 1", "OBJECT ENCODING k"),
    *("MIGRATE h 1 own:a 0 1 COPY", "COPY own:a k DB 1", "MEMORY USAGE k"),
    *("BITFIELD k GET u8 0", "SET k 1 GET", "XGROUP CREATE k g 0 MKSTREAM"),
    *("MSET own:a 1 k 2", "MSETNX own:a 1 k 2", "LOG.HISTORY k", "DEBUG OBJECT k"),
]


class World:
    """An engine, and a client that may do whatever it likes with `own:*`."""

    def __init__(self, *rules):
        self.engine = Engine(Config({"enable-debug-command": "yes"}))
        self.admin = self.engine.clients.open(1)
        self.ask(self.admin, "ACL", "SETUSER", "u", "on", "nopass", *rules)
        self.user = self.engine.clients.open(2)
        self.ask(self.user, "AUTH", "u", "x")

    def ask(self, session, *words):
        argv = [word if isinstance(word, bytes) else word.encode() for word in words]
        return self.engine.run(session, [argv])


@pytest.mark.parametrize("line", COUNTED)
@pytest.mark.parametrize("count", ODD_COUNTS)
def test_count_of_keys_in_odd_words_opens_no_key(line, count):
    world = World("+@all", "~own:*", "&*")
    words = line.split()
    words[words.index("{}")] = count

    reply = world.ask(world.user, *words)

    assert reply.startswith(b"-"), reply


@pytest.mark.parametrize("line", MOVED)
def test_keys_that_options_move_are_asked_about(line):
    world = World("+@all", "~own:*", "&*")

    reply = world.ask(world.user, *line.split())

    if line == "DEBUG OBJECT k":  # has no key spec, in Redis either
        assert b"no such key" in reply
    elif line == "MIGRATE h 1 own:a 0 1 COPY":
        assert not reply.startswith(b"-NOPERM")
    else:
        assert reply == b"-NOPERM No permissions to access a key\r\n"


def test_who_may_do_everything_takes_the_quick_road():
    world = World("+@all", "~*", "&*")

    assert not world.user.is_limited
    assert not world.user.is_special
    world.ask(world.admin, "ACL", "SETUSER", "u", "-get")
    assert world.user.is_limited
    assert world.ask(world.user, "GET", "k").startswith(b"-NOPERM")
    world.ask(world.admin, "ACL", "SETUSER", "u", "+@all")
    assert not world.user.is_special


def test_blocked_client_whose_rights_go_is_told_so_when_it_wakes():
    world = World("+@all", "~*", "&*")
    world.ask(world.user, "BLPOP", "q", "0")

    world.ask(world.admin, "ACL", "SETUSER", "u", "resetkeys")
    world.ask(world.admin, "RPUSH", "q", "job")

    assert world.engine.outbox.woken == [
        (2, b"-NOPERM No permissions to access a key\r\n")
    ]
    assert world.ask(world.admin, "LLEN", "q") == b":1\r\n"


def test_blocked_client_whose_user_goes_is_closed_and_takes_nothing():
    world = World("+@all", "~*", "&*")
    world.ask(world.user, "BLPOP", "q", "0")

    world.ask(world.admin, "ACL", "DELUSER", "u")
    world.ask(world.admin, "RPUSH", "q", "job")

    assert world.engine.outbox.closings == [2]
    assert world.ask(world.admin, "LLEN", "q") == b":1\r\n"


def test_user_who_removes_itself_in_a_transaction_does_nothing_more():
    world = World("+@all", "~*", "&*")
    for line in ("MULTI", "ACL DELUSER u", "SET k 1", "EXEC"):
        reply = world.ask(world.user, *line.split())

    assert reply == b"*2\r\n:1\r\n-%b\r\n" % errors.NO_AUTH
    assert world.user.is_closing
    assert world.ask(world.admin, "EXISTS", "k") == b":0\r\n"


def test_what_a_client_may_do_goes_with_it_into_the_past():
    world = World("+@all", "~own:*", "(%R~r +get)")
    users = world.engine.server.users
    there = Engine(Config())

    facts = facts_of(world.user, users.find(b"u").describe_rights())

    view = PastView(there)
    asked = [[b"GET", b"own:a"], [b"GET", b"r"], [b"GET", b"k"], [b"ACL", b"LIST"]]
    data, *_ = view.run(1, facts, asked)
    assert data == (
        b"$-1\r\n$-1\r\n-NOPERM No permissions to access a key\r\n"
        b"-%b\r\n" % errors.READ_ONLY_IN_PAST
    )
    world.ask(world.admin, "ACL", "SETUSER", "u", "~k")
    facts = facts_of(world.user, users.find(b"u").describe_rights())
    assert view.run(1, facts, [[b"GET", b"k"]])[0] == b"$-1\r\n"
    assert view.run(1, facts_of(world.user), [[b"GET", b"z"]])[0] == b"$-1\r\n"


def test_same_refusal_again_counts_up_its_entry():
    world = World("+get")
    for _ in range(3):
        world.ask(world.user, "GET", "k")
    world.ask(world.user, "SET", "k", "1")
    world.ask(world.user, "GET", "k")

    entries = world.engine.server.denials.newest(9)

    assert [(entry.word, entry.count) for entry in entries] == [(b"k", 4), (b"set", 1)]
    world.ask(world.admin, "CONFIG", "SET", "acllog-max-len", "1")
    world.ask(world.user, "GET", "z")
    assert [entry.word for entry in world.engine.server.denials.newest(9)] == [b"z"]
    world.ask(world.admin, "CONFIG", "SET", "acllog-max-len", "0")
    world.ask(world.user, "GET", "y")
    assert world.engine.server.denials.newest(9) == []
    assert world.engine.server.statistics["acl_access_denied_key"] == 6
    assert world.engine.server.statistics["acl_access_denied_cmd"] == 1


def test_rules_that_describe_a_user_make_the_same_user():
    users = Users(Config())
    users.change(b"u", b"on >x ~a* %R~b &c +@read -get +config|get (~d -@all)".split())
    before = users.find(b"u")

    users.change(b"w", before.describe().split(b" "))

    after = users.find(b"w")
    assert after.describe() == before.describe()
    assert after.selectors[0].allowed == before.selectors[0].allowed
    assert len(after.selectors[0].allowed) == len(REGISTERED)


def test_change_with_a_bad_rule_changes_nothing():
    users = Users(Config())
    users.change(b"u", [b"on"])

    with pytest.raises(CommandError):
        users.change(b"u", [b"off", b"nopass", b"+nosuch"])
    with pytest.raises(CommandError):
        users.change(b"new", [b"on", b"nosuch"])

    assert users.find(b"u").describe() == b"on resetchannels -@all"
    assert users.find(b"new") is None


def test_only_the_hash_of_a_password_is_kept():
    user = User(b"u")
    user.apply([b"on", b">sesame"], channels=False)

    assert user.passwords == {hash_of(b"sesame"): None}
    assert user.knows(b"sesame")
    assert not user.knows(b"sesame ")
    assert not user.knows(hash_of(b"sesame"))
    assert not user.knows(b"")


BAD_LINES = [
    pytest.param(("a b", "on"), "no spaces", id="space in a name"),
    pytest.param(("u", "+nosuch"), "'+nosuch': Unknown command", id="command"),
    pytest.param(("u", ">sesame", "sesame"), "Syntax error", id="no rule"),
    pytest.param(("u", "(+get"), "Unmatched parenthesis", id="open selector"),
    pytest.param(("u", "#sesame"), "password hash must be", id="hash"),
]


@pytest.mark.parametrize(("words", "reason"), BAD_LINES)
def test_bad_line_of_a_user_stops_the_start_and_shows_no_password(words, reason):
    config = Config()
    config.__dict__["user"] = (words,)

    with pytest.raises(ConfigError, match="user: ") as caught:
        Users(config)

    assert reason in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_row_of_commands_ends_where_the_rights_do():
    world = World("+@all", "~own:*", "%R~read:*", "&*")
    lines = ["SET own:1 a", "SET own:2 b", "SET read:1 c", "SET x d", "SET own:3 e"]
    lines += ["GET own:1", "GET read:1", "GET x", "GET own:3"]

    said = world.engine.run(world.user, [line.encode().split() for line in lines])

    denied = b"-NOPERM No permissions to access a key\r\n"
    assert said == b"".join(
        [
            *(b"+OK\r\n", b"+OK\r\n", denied, denied, b"+OK\r\n"),
            *(b"$1\r\na\r\n", b"$-1\r\n", denied, b"$1\r\ne\r\n"),
        ]
    )
