"""Random users and commands: allowed here as by Valkey, and as what runs says."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.table.categories import CATEGORIES
from joblog.app.table.table import REGISTERED
from tests.support.servers import start_joblog, start_valkey

NAMES = ["a", "b", "ab", "c"]
key = st.sampled_from(NAMES)
CALLS = [
    *("get {0}", "set {0} 1", "set {0} 1 get", "getdel {0}", "append {0} x"),
    *("mget {0} {1}", "mset {0} 1 {1} 2", "copy {0} {1}", "rename {0} {1}"),
    *("del {0} {1}", "exists {0} {1}", "type {0}", "strlen {0}", "touch {0}"),
    *("bitop and {0} {1} {2}", "bitfield {0} get u4 0", "bitfield {0} set u4 0 1"),
    *("sort {0}", "sort {0} store {1}", "sort {0} by {1}_* get {2}_*", "sort_ro {0}"),
    *(
        "lmove {0} {1} left left",
        "lmpop 2 {0} {1} left",
        "rpush {0} x",
        "lrange {0} 0 1",
    ),
    *(
        "zunionstore {0} 2 {1} {2}",
        "zunion 2 {0} {1}",
        "zadd {0} 1 x",
        "zrange {0} 0 1",
    ),
    *("zrangestore {0} {1} 0 1", "georadius {0} 1 1 1 m store {1}", "pfcount {0} {1}"),
    *("pfmerge {0} {1}", "xadd {0} * a 1", "xread streams {0} {1} 0 0", "xlen {0}"),
    *("eval return 1 {0}", "eval_ro x 1 {0}", "evalsha x 2 {0} {1}", "fcall f 1 {0}"),
    *("publish {0} x", "spublish {0} x", "subscribe {0} {1}", "psubscribe {0} {1}*"),
    *("ssubscribe {0}", "unsubscribe {0}", "watch {0}", "object encoding {0}"),
    *("memory usage {0}", "dump {0}", "restore {0} 0 x", "migrate h 1 {0} 0 9"),
    *("config get x", "config set x y", "client id", "client kill x", "acl whoami"),
    *(
        "ping",
        "select 0",
        "select 1",
        "flushall",
        "keys *",
        "auth x",
        "multi",
        "debug x",
    ),
]
COMMANDS = [
    *("get", "set", "mget", "sort", "config", "config|get", "config|set", "client|id"),
    *("client", "acl|whoami", "eval", "publish", "subscribe", "psubscribe", "select"),
    *("copy", "xread", "bitfield", "ping", "nosuch", "config|nosuch"),
]
NAMED_CATEGORIES = ["all", "all", "nosuch", *CATEGORIES]
pattern = st.sampled_from(
    ["a*", "*", "?", "[ab]", "b", "c?", "a", "", "\\a", "[^a]*", "**", "*b", "[", "a\\"]
)
selecting = st.one_of(
    st.builds("{}{}".format, st.sampled_from("+-"), st.sampled_from(COMMANDS)),
    st.builds("{}@{}".format, st.sampled_from("+-"), st.sampled_from(NAMED_CATEGORIES)),
    st.builds("{}{}".format, st.sampled_from(["~", "%R~", "%W~", "%wr~"]), pattern),
    st.builds("&{}".format, pattern),
    st.sampled_from(
        ["+select|0", "+get|a", "+SET|B", "+del|a", "-get|a", "allkeys", "resetkeys"]
    ),
    st.sampled_from(["allchannels", "resetchannels", "allcommands", "nocommands"]),
)
rule = st.one_of(
    selecting,
    selecting,
    selecting,
    st.builds(lambda rules: f"({' '.join(rules)})", st.lists(selecting, max_size=4)),
    st.sampled_from(["clearselectors", "on", "off", "nopass", ">x", "<x", "reset"]),
)
WORDS = [
    *NAMES,
    *(
        "1",
        "2",
        "0",
        "-1",
        "x",
        "*",
        "[a]",
        "get",
        "GET",
        "STORE",
        "by",
        "streams",
        "id",
    ),
    *("count", "COPY", "keys", "weights", "left", "m", "100", "NX", "EX", "storedist"),
]
# Redis and Valkey ask nobody about the key of a PFMERGE that has one word.
SAFER = {"pfmerge": 2}


@st.composite
def odd_calls(draw):
    """Any command at all, with words that make sense now and then."""
    command = draw(st.sampled_from(REGISTERED))
    name = command.name.split("|")
    least = abs(command.arity) - len(name)
    least = max(least, SAFER.get(command.name, 0))
    most = least if command.arity > 0 else least + 4
    words = draw(st.lists(st.sampled_from(WORDS), min_size=least, max_size=most))
    return " ".join([*name, *words])


plain_call = st.builds(str.format, st.sampled_from(CALLS), key, key, key)
call = st.one_of(plain_call, odd_calls())
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def connections():
    """Return a connection to this server, and one to Valkey."""
    with start_joblog() as ours, start_valkey() as theirs:
        yield ours.connect(), theirs.connect()


@FEW
@given(rules=st.lists(rule, max_size=8), calls=st.lists(call, min_size=20, max_size=20))
def test_user_may_do_what_the_same_user_of_valkey_may(connections, rules, calls):
    lines = [["ACL", "SETUSER", "h", "reset"]]
    lines += [["ACL", "SETUSER", "h", rule] for rule in rules]
    lines += [["ACL", "DRYRUN", "h", *words.split()] for words in calls]
    lines += [["ACL", "LIST"]]

    ours, theirs = ([each.ask(*line) for line in lines] for each in connections)

    for line, mine, other in zip(lines, ours, theirs, strict=True):
        if not other.endswith(b"not found\r\n"):  # one of our own, or of Redis alone
            assert body(mine) == body(other), line


@FEW
@given(calls=st.lists(call, min_size=40, max_size=40))
def test_keys_are_found_where_valkey_finds_them(connections, calls):
    lines = [["COMMAND", "GETKEYSANDFLAGS", *words.split()] for words in calls]

    ours, theirs = ([each.ask(*line) for line in lines] for each in connections)

    for line, mine, other in zip(lines, ours, theirs, strict=True):
        if not other.startswith(b"-ERR Invalid command"):
            assert mine == other, line


def body(reply):
    """Return what is behind a reply's lengths, without what Valkey knows no more."""
    told = reply.replace(b"sanitize-payload ", b"")
    return [word for word in told.split(b"\r\n") if word[:1] not in (b"$", b"*")]


@FEW
@given(
    rules=st.lists(rule, max_size=8),
    calls=st.lists(plain_call, min_size=10, max_size=10),
)
def test_user_runs_what_dryrun_says_and_nothing_else(rules, calls):
    engine = Engine(Config())
    admin = engine.clients.open(1)
    for one in rules:
        engine.run(admin, [[b"ACL", b"SETUSER", b"h", one.encode()]])
    engine.run(admin, [[b"ACL", b"SETUSER", b"h", b"on", b"nopass"]])
    for number, words in enumerate(calls, 2):
        argv = [word.encode() for word in words.split()]
        session = engine.clients.open(number)
        engine.run(session, [[b"AUTH", b"h", b"x"]])

        told = engine.run(admin, [[b"ACL", b"DRYRUN", b"h", *argv]])
        reply = engine.run(session, [argv])

        if told.startswith(b"+OK"):
            assert not reply.startswith(b"-NOPERM"), (words, told, reply)
        elif not told.startswith(b"-"):
            assert reply.startswith((b"-NOPERM", b"-ERR DEBUG command not")), words
