"""Users: rules, who may do what, and what each is told, beside real servers."""

import pytest

from tests.support.servers import start_joblog, start_redis, start_valkey

HASH = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940"
SELECTOR = ["ACL", "SETUSER", "s", "(~a* +get)", "(%R~b", "+mget", ")"]
RULES = [
    "ACL LIST",
    "ACL USERS",
    "ACL SETUSER u",
    "ACL LIST",
    "ACL GETUSER u",
    "ACL SETUSER u on >p ~k* %R~r* %W~w* %RW~b* &ch*",
    "ACL SETUSER u +@all -@dangerous +get +config|get -@string +select|0",
    "ACL LIST",
    "ACL GETUSER u",
    "ACL SETUSER u nosuch",
    "ACL SETUSER u +nosuch",
    "ACL SETUSER u -nosuch",
    "ACL SETUSER u +@nosuch",
    "ACL SETUSER u +get|",
    "ACL SETUSER u +config|",
    "ACL SETUSER u +config|nosuch",
    "ACL SETUSER u -config|nosuch",
    "ACL SETUSER u +nosuch|get",
    "ACL SETUSER u +config|get|x",
    "ACL SETUSER u -get|x",
    "ACL SETUSER u (~a +get) (~b",
    "ACL SETUSER u #zz",
    f"ACL SETUSER u #{HASH.upper()}",
    "ACL SETUSER u !zz",
    "ACL SETUSER u <zz",
    f"ACL SETUSER u !{HASH}",
    f"ACL SETUSER u #{HASH} #{HASH}",
    "ACL SETUSER u <p >p",
    "ACL SETUSER u allkeys",
    "ACL SETUSER u ~x",
    "ACL SETUSER u allchannels &x",
    "ACL SETUSER u ALLCHANNELS",
    "ACL SETUSER u resetkeys ~ %r~a %w~a %wr~c",
    ["ACL", "SETUSER", "u", "~a b"],
    ["ACL", "SETUSER", "u", "&a\tb"],
    ["ACL", "SETUSER", "u", "%~b"],
    ["ACL", "SETUSER", "u", "%X~b"],
    ["ACL", "SETUSER", "u", "%RR~b"],
    ["ACL", "SETUSER", "u", ""],
    ["ACL", "SETUSER", "a b"],
    ["ACL", "SETUSER", b"a\x00b"],
    ["ACL", "SETUSER", "", "on"],
    "ACL LIST",
    "ACL DELUSER u",
    ["ACL", "DELUSER", ""],
    ["ACL", "SETUSER", "s", "(+get", " ~x)"],
    ["ACL", "SETUSER", "s", "( +get )", "()"],
    ["ACL", "SETUSER", "s", "(>x)"],
    ["ACL", "SETUSER", "s", "(on)"],
    ["ACL", "SETUSER", "s", "(%R~a (b)"],
    ["ACL", "SETUSER", "s", "(+config|get|x)"],
    ["ACL", "SETUSER", "s", "("],
    ["ACL", "SETUSER", "s", ")"],
    SELECTOR,
    "ACL LIST",
    "ACL GETUSER s",
    "ACL SETUSER s clearselectors",
    "ACL SETUSER s +GET +CONFIG|GET +@READ -config +ACL|whoami -acl",
    "ACL LIST",
    "ACL SETUSER s -config|get -@ALL +@all -get +get",
    "ACL LIST",
    "ACL SETUSER s allcommands -@write +set|x +SET|Y nocommands +set|x -set",
    "ACL LIST",
    "ACL SETUSER s +set +set|x -@read +@read -@Read",
    "ACL LIST",
    "ACL SETUSER s nopass >x nopass",
    "ACL LIST",
    "ACL SETUSER s >x resetpass resetkeys resetchannels off",
    "ACL LIST",
    "CONFIG SET acl-pubsub-default allchannels",
    "ACL SETUSER n",
    "ACL SETUSER n (+get)",
    "ACL LIST",
    "CONFIG SET acl-pubsub-default resetchannels",
    "CONFIG SET acl-pubsub-default nosuch",
    "CONFIG GET acl-pubsub-default",
    "CONFIG GET acllog-max-len",
    "ACL SETUSER",
    "ACL GETUSER",
    "ACL GETUSER nosuch",
    "ACL DELUSER",
    "ACL DELUSER s default",
    "ACL DELUSER nosuch n n s",
    "ACL USERS",
    "ACL SAVE",
    "ACL LOAD",
    "ACL LOG x",
    "ACL LOG 1 2",
    "ACL LOG -1",
    "ACL LOG reset",
    "ACL WHOAMI",
    "ACL WHOAMI x",
    "ACL DRYRUN u",
    "ACL DRYRUN nosuch get k",
    "ACL DRYRUN default nosuch",
    "ACL DRYRUN default get",
    "ACL DRYRUN default get a b",
    "ACL DRYRUN default config",
    "ACL DRYRUN default config nosuch",
    ["ACL", "DRYRUN", b"no\x00user", "get", "k"],
    ["ACL", "DRYRUN", "default", b"no\x00such", "k"],
    ["ACL", "SETUSER", "s", b"%R~a\x00b"],
    ["ACL", "SETUSER", "s", b"(+get ~a\x00b"],
    ["ACL", "SETUSER", "s", b"+get\r\nb"],
    "ACL DRYRUN default get k",
    "CONFIG SET requirepass word",
    "ACL LIST",
    "ACL SETUSER default nopass",
    "CONFIG GET requirepass",
    "ACL LIST",
]
USES = [
    "ACL SETUSER v on >w +@all -@admin -mget -config +config|get",
    "ACL SETUSER v +acl +select|0 -select",
    "ACL SETUSER v ~k* %R~r* %W~w* &c* (~z +get) (%R~* +sort)",
    "AUTH",
    "AUTH a b c",
    "AUTH w",
    "AUTH nosuch w",
    "AUTH v x",
    "HELLO 3 AUTH v x",
    "HELLO 3 AUTH v w SETNAME me",
    "HELLO 2",
    "ACL WHOAMI",
    "CLIENT GETNAME",
    "GET k",
    "GET x",
    "GET",
    "GET w",
    "SET w 1",
    "SET r 1",
    "SET w 1 GET",
    "GETSET w 1",
    "GET r",
    "GET z",
    "SET z 1",
    "STRLEN z",
    "MGET k",
    "COPY k1 x",
    "COPY x k1",
    "COPY r w",
    "COPY w r",
    "RENAME r w",
    "TYPE w",
    "EXISTS w",
    "EXISTS x",
    "BITOP AND w r k",
    "BITOP AND r w k",
    "ZUNIONSTORE w 2 r k",
    "ZUNIONSTORE w 2 r x",
    "ZUNION x r k",
    "XREAD COUNT 1 STREAMS r x 0 0",
    "LMPOP 2 k x LEFT",
    "SORT k",
    "SORT k STORE x",
    "SORT k BY w_*",
    "SORT k GET # GET o_*",
    "SORT x BY w_*",
    "SORT k BY w_* STORE k2",
    "EVAL return_1 1 x",
    ["EVAL", "return 1", "1", "x"],
    ["EVAL", "return redis.pcall('get', 'x')", "0"],
    ["EVAL", "return redis.pcall('mget', 'k')", "0"],
    ["EVAL", "return redis.pcall('publish', 'x', '1')", "0"],
    ["EVAL", "return redis.pcall('get', 'k')", "0"],
    ["EVAL", "return redis.call('sort', 'k', 'by', 'x_*')", "0"],
    ["EVAL", "return {redis.acl_check_cmd('get','k')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('get','x')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('get','z')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('mget','k')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('config','set','a','b')}", "0"],
    "PUBLISH c 1",
    "PUBLISH x 1",
    "SPUBLISH x 1",
    "SUBSCRIBE c x",
    "PSUBSCRIBE c*x",
    "PSUBSCRIBE x",
    "SSUBSCRIBE x",
    "UNSUBSCRIBE x",
    "CONFIG GET port",
    "CONFIG GET",
    "CONFIG SET port 1",
    "CONFIG NOSUCH",
    "NOSUCH",
    "SELECT 0",
    "SELECT 1",
    "SELECT",
    "CLIENT KILL TYPE normal",
    "MULTI",
    "GET x",
    "EXEC",
    "MULTI",
    "GET k",
    "EXEC",
    "ACL SETUSER v -exec",
    "ACL DRYRUN v get x",
    "AUTH default x",
    "ACL SETUSER v -acl|whoami -ping -multi",
    "AUTH v w",
    "ACL WHOAMI",
    "PING",
    "MULTI",
    "RESET",
    "ACL WHOAMI",
    "CLIENT KILL USER nosuch",
    "CLIENT KILL USER v",
    "ACL SETUSER v off",
    "AUTH v w",
    "ACL DRYRUN v get x",
    "ACL DRYRUN v publish x 1",
    "ACL DRYRUN v mget k",
    "ACL DRYRUN v select 0",
    "ACL DRYRUN v select 1",
    "ACL DRYRUN v set r x",
    "ACL DRYRUN v auth x",
    "ACL DRYRUN v acl whoami",
    "ACL DELUSER v",
    "AUTH v w",
]
INSTANCE = b"This instance is not configured", b"This Redis instance is not configured"


def as_redis_says(reply):
    """Return a reply of Valkey with the words that Redis has in their place."""
    for theirs, ours in (
        INSTANCE,
        (
            b"assuming you have a configuration",
            b"assuming you have a Redis configuration",
        ),
        (
            b"store users in the configuration",
            b"store users in the Redis configuration",
        ),
    ):
        reply = reply.replace(theirs, ours)
    return reply


def differences(start, lines, choose):
    """Return where this server and another answer otherwise to lines, in order."""
    found = []
    with start_joblog() as ours, start() as theirs:
        one, other = ours.connect(), theirs.connect()
        for number, line in enumerate(lines):
            argv = line.split() if isinstance(line, str) else line
            mine, its = one.ask(*argv), as_redis_says(other.ask(*argv))
            if choose(argv) and mine != its:
                found.append((number, line, mine, its))
    return found


def is_about_rules(argv):
    """Say whether to ask Redis 7.0.15: Valkey tells of databases besides."""
    return argv[:2] == ["ACL", "GETUSER"] and argv[2:] != ["u"]


def test_rules_are_taken_refused_and_shown_as_by_valkey():
    found = differences(start_valkey, RULES, lambda argv: argv[1] != "GETUSER")

    assert found == []


def test_a_user_is_shown_as_by_redis():
    assert differences(start_redis, RULES, is_about_rules) == []


def test_who_may_do_what_is_told_as_by_valkey():
    words = ("HELLO", "NOSUCH")

    found = differences(start_valkey, USES, lambda argv: argv[0] not in words)

    assert found == []


SINCE_7_2 = {b"wait"}  # is @blocking since then


@pytest.mark.parametrize("start", [start_redis, start_valkey])
def test_categories_have_the_same_commands(start):
    with start_joblog() as ours, start() as theirs:
        mine, its = map(categories, (ours.connect(), theirs.connect()))
    known = set().union(*mine.values()) & set().union(*its.values())
    differing = {
        name: (mine[name] ^ its[name]) & known - SINCE_7_2
        for name in mine
        if (mine[name] ^ its[name]) & known - SINCE_7_2
    }

    assert differing == {}


def categories(connection):
    """Return the commands of each category, subcommands included."""
    names = bulks(connection.ask("ACL", "CAT"))
    return {name: set(bulks(connection.ask("ACL", "CAT", name))) for name in names}


def bulks(reply):
    """Return the bulk strings of an array."""
    return reply.split(b"\r\n")[2::2]


STORY = [
    ("admin", "ACL SETUSER v on nopass +@all ~* &*"),
    ("admin", "ACL SETUSER l on nopass +@all ~* &a* &b*"),
    ("v", "AUTH v x"),
    ("v", "MULTI"),
    ("v", "GET k"),
    ("v", "PUBLISH c 1"),
    ("v", "SET k 1"),
    ("v", "EVAL return_1 0"),
    ("admin", "ACL SETUSER v -get resetkeys resetchannels -eval"),
    ("v", "EXEC"),
    ("admin", "ACL SETUSER v ~k* +eval"),
    ("v", "MULTI"),
    ("v", "SET k 1"),
    ("admin", "ACL SETUSER v -exec"),
    ("v", "EXEC"),
    ("admin", "ACL SETUSER v +exec"),
    ("v", "EXEC"),
    ("v", "SET z 1"),
    ("admin", "ACL SETUSER v allkeys"),
    ("v", "SET z 1"),
    ("l", "AUTH l x"),
    ("l", "SUBSCRIBE a1"),
    ("p", "AUTH l x"),
    ("p", "PSUBSCRIBE b*"),
    ("s", "AUTH l x"),
    ("s", "SSUBSCRIBE b1"),
    ("admin", "ACL SETUSER l &c*"),
    ("l", "PING"),
    ("admin", "ACL SETUSER l resetchannels &a* &b?"),
    ("l", "PING"),
    ("s", "PING"),
    ("admin", "ACL SETUSER l resetchannels &b*"),
    ("s", "PING"),
    ("admin", "CLIENT KILL USER l SKIPME yes"),
    ("m", "AUTH v x"),
    ("m", "ACL DELUSER v nosuch"),
    ("admin", "ACL USERS"),
    ("o", "ACL SETUSER default off"),
    ("o", "PING"),
    ("n", "PING"),
    ("n", "AUTH x"),
    ("n", "AUTH default x"),
    ("n", "HELLO 3"),
    ("o", "ACL SETUSER default on >w -get"),
    ("o", "GET k"),
    ("o", "PING"),
    ("n", "AUTH w"),
    ("n", "GET k"),
    ("n", "RESET"),
    ("n", "PING"),
    ("o", "ACL SETUSER default nopass"),
    ("n", "PING"),
    ("n", "GET k"),
]
CLOSED = ["v", "l", "p", "s", "m"]


def told(start):
    """Return what several clients of a server are told, and which are closed."""
    with start() as server:
        clients = {}
        answers = []
        for name, line in STORY:
            if name not in clients:
                clients[name] = server.connect()
            answers.append((name, line, clients[name].ask(*line.split())))
        answers += [(name, "closed", clients[name].ask("PING")) for name in CLOSED]
    return answers


def test_clients_are_told_and_cut_off_as_rights_change():
    ours, theirs = told(start_joblog), told(start_valkey)

    assert [one for one in zip(ours, theirs, strict=True) if one[0] != one[1]] == []
