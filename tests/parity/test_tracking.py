"""Client tracking, against Valkey: what is invalidated, for whom, and when."""

import pytest

from tests.parity.harness import at, receive


def test_what_was_read_is_invalidated_once(parity):
    parity(
        [
            "SET k v",
            at("a", "CLIENT", "TRACKING", "ON"),
            at("a", "GET", "k"),
            "SET k w",
            receive("a"),
            "SET k z",
            at("a", "MGET", "k", "missing"),
            "MSET k 1 missing 2",
            receive("a", 2),
            at("a", "GET", "k"),
            "FLUSHALL",
            receive("a"),
            at("a", "CLIENT", "TRACKING", "OFF"),
            "SET k v",
            at("a", "PING"),
        ],
        protocols=[3],
    )


def test_own_change_is_told_behind_its_reply_unless_noloop(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON"),
            at("a", "GET", "k"),
            at("a", "SET", "k", "mine"),
            receive("a"),
            at("b", "CLIENT", "TRACKING", "ON", "NOLOOP"),
            at("b", "GET", "k"),
            at("b", "SET", "k", "mine"),
            "SET k other",
            at("b", "PING"),
            at("b", "GET", "k"),
            "SET k other",
            receive("b"),
        ],
        protocols=[3],
    )


def test_optin_notes_only_behind_caching_yes(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON", "OPTIN"),
            at("a", "GET", "k"),
            "SET k 1",
            at("a", "CLIENT", "CACHING", "YES"),
            at("a", "CLIENT", "TRACKINGINFO"),
            at("a", "GET", "k"),
            at("a", "CLIENT", "TRACKINGINFO"),
            "SET k 2",
            receive("a"),
            at("a", "CLIENT", "CACHING", "YES"),
            at("a", "PING"),
            at("a", "GET", "k"),
            "SET k 3",
            at("a", "CLIENT", "CACHING", "YES"),
            at("a", "MULTI"),
            at("a", "GET", "k"),
            at("a", "GET", "j"),
            at("a", "EXEC"),
            "SET k 4",
            "SET j 4",
            receive("a", 2),
            at("a", "CLIENT", "CACHING", "NO"),
        ],
        protocols=[3],
    )


def test_optout_notes_all_but_what_is_behind_caching_no(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON", "OPTOUT"),
            at("a", "CLIENT", "CACHING", "NO"),
            at("a", "CLIENT", "TRACKINGINFO"),
            at("a", "GET", "k"),
            "SET k 1",
            at("a", "GET", "k"),
            "SET k 2",
            receive("a"),
            at("a", "CLIENT", "CACHING", "YES"),
        ],
        protocols=[3],
    )


def test_broadcasting_tells_of_all_keys_with_a_prefix(parity):
    parity(
        [
            at(
                "a", "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "u:", "PREFIX", "v:"
            ),
            at("a", "CLIENT", "TRACKINGINFO"),
            "SET u:1 v",
            receive("a"),
            "SET w:1 v",
            at("a", "SET", "u:1", "mine"),
            receive("a"),
            "MSET u:2 v u:3 z w: 0",
            receive("a"),
            "MULTI",
            "DEL u:2",
            "SET u:4 v",
            "EXEC",
            receive("a"),
            "FLUSHALL",
            receive("a"),
            at("b", "CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP"),
            at("b", "CLIENT", "TRACKINGINFO"),
            at("b", "SET", "k", "mine"),
            at("b", "PING"),
            "SET k v",
            receive("b"),
        ],
        protocols=[3],
    )


def test_a_client_hears_of_all_keys_and_of_prefixes_beside(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b:"),
            at("a", "CLIENT", "TRACKING", "ON", "BCAST"),
            at("a", "CLIENT", "TRACKING", "ON", "BCAST"),
            "SET b:1 v",
            receive("a", 2),
            "SET c:1 v",
            receive("a"),
            at("a", "PING"),
        ],
        protocols=[3],
    )


def test_scripts_and_transactions_are_tracked(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON"),
            at("a", "EVAL", "return redis.call('GET', 'k')", 1, "k"),
            ["EVAL", "return redis.call('SET', 'k', '1')", 0],
            receive("a"),
            at("a", "MULTI"),
            at("a", "GET", "k"),
            at("a", "SET", "k", "2"),
            at("a", "EXEC"),
            receive("a"),
        ],
        protocols=[3],
    )


def test_only_commands_that_read_are_tracked(parity):
    reads = [
        "EXISTS",
        "TTL",
        "TYPE",
        "STRLEN",
        "HGETALL",
        "SMEMBERS",
        "GETDEL",
        "GETEX",
    ]
    steps = [at("a", name, f"k:{name}") for name in reads]
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON"),
            *steps,
            at("a", "OBJECT", "ENCODING", "k:OBJECT"),
            at("a", "WATCH", "k:WATCH"),
            at("a", "SCAN", 0),
            *[["SET", f"k:{name}", "v"] for name in [*reads, "OBJECT", "WATCH"]],
            receive("a", 7),
            at("a", "PING"),
        ],
        protocols=[3],
    )


def test_reset_ends_tracking(parity):
    parity(
        [
            at("a", "CLIENT", "TRACKING", "ON"),
            at("a", "GET", "k"),
            at("a", "RESET"),
            "SET k v",
            at("a", "CLIENT", "TRACKINGINFO"),
        ],
        protocols=[3],
    )


REFUSED = [
    ["ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"],
    ["ON", "BCAST", "PREFIX", "b", "PREFIX", "b"],
    ["ON", "PREFIX", "a"],
    ["ON", "PREFIX"],
    ["ON", "OPTIN", "OPTOUT"],
    ["ON", "BCAST", "OPTIN"],
    ["ON", "REDIRECT", "999999"],
    ["ON", "REDIRECT", "0"],
    ["ON", "REDIRECT", "x"],
    ["ON", "REDIRECT"],
    ["ON", "FOO"],
    ["FOO"],
    ["OFF", "FOO"],
    ["OFF", "BCAST"],
    ["OFF"],
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_options_that_make_no_sense_are_refused(parity, words):
    parity(
        [
            ["CLIENT", "TRACKING", *words],
            ["CLIENT", "TRACKINGINFO"],
            ["CLIENT", "GETREDIR"],
        ]
    )


SWITCHES = [
    (["OPTIN"], ["OPTOUT"]),
    (["OPTOUT"], ["OPTIN"]),
    (["OPTIN"], []),
    ([], ["OPTIN"]),
    ([], ["BCAST"]),
    (["BCAST"], []),
    (["BCAST", "PREFIX", "a"], ["BCAST", "PREFIX", "ab"]),
    (["BCAST", "PREFIX", "b"], ["BCAST", "PREFIX", "a"]),
    (["BCAST", "PREFIX", "a"], ["BCAST"]),
    (["BCAST"], ["BCAST"]),
    (["BCAST"], ["BCAST", "PREFIX", "a"]),
    (["NOLOOP"], []),
]


@pytest.mark.parametrize(("first", "second"), SWITCHES)
def test_mode_is_switched_only_where_that_is_allowed(parity, first, second):
    parity(
        [
            ["CLIENT", "TRACKING", "ON", *first],
            ["CLIENT", "TRACKING", "ON", *second],
            ["CLIENT", "TRACKINGINFO"],
            ["CLIENT", "CACHING", "YES"],
            ["CLIENT", "CACHING", "NO"],
            ["CLIENT", "CACHING", "MAYBE"],
        ]
    )


def _without_number(reply, number):
    return reply.replace(f":{number}\r\n".encode(), b":<number>\r\n")


@pytest.mark.parametrize("protocol", [2, 3])
def test_notices_go_where_they_are_redirected(running, protocol):
    heard = []
    for server in (running("joblog"), running("valkey")):
        reader, listener, other = (server.connect() for _ in range(3))
        other.ask("FLUSHALL")
        if protocol == 3:
            reader.ask("HELLO", 3), listener.ask("HELLO", 3)
        number = listener.ask("CLIENT", "ID")[1:-2].decode()
        listener.ask("SUBSCRIBE", "__redis__:invalidate")
        got = [reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", number)]
        got.append(reader.ask("CLIENT", "GETREDIR"))
        got.append(reader.ask("MGET", "k", "j"))
        other.ask("SET", "k", "v")
        got.append(listener.read())
        other.ask("FLUSHALL")
        got.append(listener.read())
        reader.ask("GET", "k")
        listener.close()
        while f"id={number} ".encode() in other.ask("CLIENT", "LIST"):
            continue
        other.ask("SET", "k", "v")
        if protocol == 3:
            got.append(reader.read())
        got.append(reader.ask("CLIENT", "TRACKINGINFO"))
        heard.append([_without_number(reply, number) for reply in got])
        reader.close(), other.close()

    assert heard[0] == heard[1]


@pytest.mark.parametrize("words", ["FLUSHDB", "FLUSHALL", "FLUSHDB ASYNC"])
def test_a_flush_is_told_though_nothing_was_there(parity, words):
    parity(
        [
            "CLIENT TRACKING ON",
            at("other", *words.split()),
            receive("main"),
            "PING",
        ],
        protocols=[3],
    )


def test_groups_of_a_stream_change_nothing_that_was_read(parity):
    parity(
        [
            "XADD s 1-1 a 1",
            "CLIENT TRACKING ON",
            "XLEN s",
            at("other", "XGROUP", "CREATE", "s", "g", 0),
            at("other", "XGROUP", "CREATECONSUMER", "s", "g", "c"),
            at("other", "XGROUP", "SETID", "s", "g", 0),
            at("other", "XGROUP", "DELCONSUMER", "s", "g", "c"),
            at("other", "XGROUP", "DESTROY", "s", "g"),
            at("other", "XADD", "s", "2-1", "a", 1),
            receive("main"),
            "PING",
        ],
        protocols=[3],
    )
