"""Gates: what they let through, a user may do; they know what most commands are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.keyspace.glob import compile_glob, prefix_of
from joblog.app.table.table import COMMANDS, find_command
from joblog.app.users.selectors import RuleError
from joblog.app.users.user import User

RULES = [
    *(
        "+@all",
        "-@all",
        "+@read",
        "-@write",
        "+get",
        "-set",
        "+select|0",
        "-config|get",
    ),
    *("~a*", "~b", "~*", "%R~a*", "%W~b*", "~[ab]c", "~a?*", "&c*", "&*", "resetkeys"),
    *("(+@all ~a*)", "(+get %R~b*)", "(+mget ~*)", "(+publish &c)", "clearselectors"),
]
CALLS = [
    *("PING", "GET a", "GET b", "GET ", "SET b 1", "SET a 1 GET", "DEL a b", "MGET a"),
    *("PUBLISH c 1", "SUBSCRIBE c", "CONFIG GET x", "SELECT 0", "AUTH x", "KEYS *"),
    *("DEL a ab", "DEL a c", "MGET a b", "MSET a b c b", "MSET a c", "BLPOP a b 0"),
    *("WATCH a b", "SINTERSTORE a b", "UNLINK a a a", "EXISTS b c", "TOUCH b"),
    *("RENAME a ab", "RENAME a c", "RENAME c a", "LMOVE a b LEFT LEFT", "SMOVE b a c"),
    *("BLPOP a c 0", "BLPOP b a", "BZPOPMIN a 0", "BITOP AND a b c", "COPY a b DB 1"),
    *("SINTERSTORE a b c", "PFMERGE a", "ZRANGESTORE a b 0 1", "OBJECT FREQ a"),
    *("GEOSEARCHSTORE a b FROMMEMBER x BYBOX 1 1 m", "XGROUP CREATE b g 0", "LCS a b"),
    *("BRPOPLPUSH a b 0", "BLMOVE a b LEFT LEFT 0", "MEMORY USAGE a", "RPOPLPUSH a c"),
    *("EVAL x 1 a", "SORT a", "XREAD STREAMS a 0", "LPUSH ab 1", "OBJECT ENCODING a"),
]


def user_with(*rules):
    user = User(b"u")
    user.apply([rule.encode() for rule in rules], channels=False)
    return user


def opens(user, line):
    argv = line.encode().split(b" ")
    return user.gate().opens(find_command(argv), argv)


@given(rules=st.lists(st.sampled_from(RULES), max_size=6), line=st.sampled_from(CALLS))
def test_gate_lets_nothing_through_that_the_rules_do_not(rules, line):
    user = User(b"u")
    for rule in rules:
        try:
            user.apply([rule.encode()], channels=False)
        except RuleError:  # keys behind `~*`
            continue
    argv = line.encode().split(b" ")
    command = find_command(argv)

    assert not user.gate().opens(command, argv) or user.judge(command, argv) is None


@pytest.mark.parametrize(
    ("line", "is_open"),
    [
        ("GET jobs:1", True),
        ("GET one", True),
        ("GET ones", False),
        ("GET x1y", True),
        ("SET jobs:1 x", True),
        ("LPUSH jobs: x", True),
        ("LPUSH job x", False),
        ("PING", True),
        ("CLIENT ID", True),
        ("FLUSHALL", False),
        ("PUBLISH c 1", False),
        ("GET read:1", True),
        ("HSET read:1 f v", False),
        ("MGET jobs:1 read:2 x1y one", True),
        ("MGET jobs:1 other", False),
        ("DEL jobs:1 jobs:2", True),
        ("DEL jobs:1 read:2", False),
        ("MSET jobs:1 other jobs:2 other", True),
        ("MSET jobs:1 x other x", False),
        ("RENAME jobs:1 jobs:2", True),
        ("RENAME jobs:1 other", False),
        ("RENAME other jobs:1", False),
        ("RENAME read:1 jobs:1", False),
        ("LMOVE jobs:1 jobs:2 LEFT RIGHT", True),
        ("LMOVE jobs:1 read:2 LEFT RIGHT", False),
        ("SMOVE jobs:1 jobs:2 other", True),
        ("BLPOP jobs:1 one 0", True),
        ("BLPOP jobs:1 other 0", False),
        ("BLPOP jobs:1 jobs:", True),
        ("BRPOPLPUSH jobs:1 one 0", True),
        ("SINTERSTORE jobs:1 read:1 read:2", True),
        ("SINTERSTORE read:1 jobs:1 jobs:2", False),
        ("SINTERSTORE jobs:1 read:1 other", False),
        ("BITOP AND jobs:1 read:1", True),
        ("BITOP AND read:1 jobs:1", False),
        ("COPY jobs:1 jobs:2", True),
        ("SORT jobs:1 BY other_*", False),
        ("SMOVE one x1y m", True),
        ("SMOVE jobs:1 other m", False),
        ("SMOVE other jobs:1 m", False),
        ("RENAME one jobs:1", True),
        ("GEOSEARCHSTORE jobs:1 one FROMMEMBER m BYBOX 1 1 m", True),
        ("GEOSEARCHSTORE jobs:1 other FROMMEMBER m BYBOX 1 1 m", False),
    ],
)
def test_gate_knows_the_calls_of_a_worker(line, is_open):
    user = user_with(
        *("+@all", "-@dangerous", "~jobs:*", "~one", "~x?y", "%R~read:*", "&c"),
    )

    assert opens(user, line) == is_open
    argv = [word.encode() for word in line.split()]
    rule = user.gate().rule_of(find_command(argv))
    assert (rule is None or rule.lets(argv)) == is_open


def test_prefix_that_let_the_last_key_through_lets_no_other_through():
    rule = user_with("+@all", "~a:*", "~b:??*").gate().rule_of(find_command([b"SMOVE"]))

    for keys, is_let in [
        ("a:1 a:2", True),
        ("b:12 b:34", True),
        ("b:12 b:3", False),
        ("a:1 b:12", True),
        ("b:12 a:", True),
        ("a: c:12", False),
        ("c:1 b:12", False),
    ]:
        assert rule.lets([b"SMOVE", *keys.encode().split(), b"m"]) == is_let


def test_many_keys_are_let_through_by_one_set_of_rules_or_none():
    user = user_with("+mget", "~a*", "(+mget ~b*)")

    assert opens(user, "MGET a1 a2")
    assert not opens(user, "MGET a1 b1")


def test_each_command_of_a_user_with_all_keys_is_let_through_or_not_at_all():
    user = user_with("+@all", "-@dangerous", "allkeys", "allchannels")
    allowed = user.selectors[0].allowed

    for command in COMMANDS.values():
        assert user.gate().opens(command, [b"x", b"y"]) == bool(allowed[command.number])
        # None says that any call will do: never of one that is not let through.
        is_any = user.gate().rule_of(command) is None
        assert is_any == bool(allowed[command.number])


@given(st.lists(st.sampled_from([b"a", b"*", b"?", b"[a]", b"\\", b"b"])).map(b"".join))
def test_prefix_says_all_that_its_pattern_does(pattern):
    found = prefix_of(pattern)

    if found is not None:
        prefix, least = found
        long = prefix.ljust(least, b"x")
        for text in (b"", b"a", b"b", b"ab", b"aab", b"ba", b"*", b"a*", prefix, long):
            wanted = text.startswith(prefix) and len(text) >= least
            assert bool(compile_glob(pattern)(text)) == wanted


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (b"a*", (b"a", 1)),
        (b"a?*", (b"a", 2)),
        (b"a*?**?", (b"a", 3)),
        (b"a?", None),
        (b"a\\?*", None),
        (b"?*", None),
    ],
)
def test_prefix_has_a_length(pattern, prefix):
    assert prefix_of(pattern) == prefix


def test_gate_is_that_of_the_rules_there_are():
    user = user_with("+get", "~a*")
    assert opens(user, "GET a")

    other = user.copy()
    other.apply([b"-get"], channels=False)

    assert not opens(other, "GET a")
