"""XDELEX and XACKDEL, and what trimming does about references, as Redis 8.2 does."""

import pytest

from tests.parity.harness import at, receive

ENTRIES = [f"XADD s {number}-1 a {number}" for number in range(1, 8)]
GROUPS = [
    *ENTRIES,
    "XGROUP CREATE s g 0",
    "XGROUP CREATE s h 0",
    "XREADGROUP GROUP g c COUNT 5 STREAMS s >",
    "XREADGROUP GROUP h c COUNT 4 STREAMS s >",
    "XACK s g 1-1 3-1 4-1",
    "XACK s h 1-1 2-1 4-1",
]
"""Done with are 1-1 and 4-1; 2-1 is pending in g, 3-1 in h; 5-1 is pending in g and new
to h; the others are new to both."""
STATE = ["XRANGE s - +", "XPENDING s g - + 9", "XPENDING s h - + 9", "XLEN s"]


def same_but_for_times(_words, ours, theirs):
    """Accept pending entries whose idle times differ: a `loose`."""
    return without_times(ours) == without_times(theirs)


def without_times(reply):
    return [
        [part for place, part in enumerate(entry.items) if place != 2]
        for entry in reply.items
    ]


@pytest.mark.parametrize("policy", ["", "KEEPREF", "DELREF", "acked"])
def test_xdelex_removes_entries(parity, policy):
    parity(
        [
            *GROUPS,
            f"XDELEX s {policy} IDS 4 1-1 2-1 3-1 9-9",
            *STATE,
            f"XDELEX s {policy} IDS 6 1-1 4-1 5-1 5-1 6-1 2-1",
            *STATE,
            "XDEL s 7-1",
            f"XDELEX s {policy} IDS 1 7-1",
            f"XDELEX s {policy} IDS 1 0-0",
            f"XDELEX none {policy} IDS 2 7-1 x",
        ],
        witness="redis8",
        loose=same_but_for_times,
    )


@pytest.mark.parametrize("policy", ["", "KEEPREF", "DELREF", "ACKED"])
def test_xackdel_acknowledges_and_removes(parity, policy):
    parity(
        [
            *GROUPS,
            f"XACKDEL s g {policy} IDS 4 1-1 2-1 3-1 9-9",
            *STATE,
            f"XACKDEL s h {policy} IDS 3 3-1 3-1 5-1",
            *STATE,
            f"XACKDEL s g {policy} IDS 1 5-1",
            "XREADGROUP GROUP g c STREAMS s >",
            "XDEL s 6-1",
            f"XACKDEL s g {policy} IDS 2 6-1 7-1",
            *STATE,
            f"XACKDEL s none {policy} IDS 2 7-1 x",
            f"XACKDEL none g {policy} IDS 1 7-1",
        ],
        witness="redis8",
        loose=same_but_for_times,
    )


@pytest.mark.parametrize("policy", ["KEEPREF", "DELREF", "ACKED"])
def test_xtrim_minds_references(parity, policy):
    parity(
        [
            *GROUPS,
            f"XTRIM s MAXLEN 9 {policy}",
            f"XTRIM s MAXLEN 6 {policy}",
            *STATE,
            f"XTRIM s {policy} MINID = 4-1",
            *STATE,
            f"XTRIM s MAXLEN = 0 {policy.lower()}",
            *STATE,
            "XACK s g 2-1 5-1",
            "XACK s h 3-1",
            f"XTRIM s MAXLEN 1 {policy}",
            *STATE,
            f"XTRIM s MINID 6-1 {policy}",
            f"XTRIM s MINID 0 {policy}",
            *STATE,
        ],
        witness="redis8",
        loose=same_but_for_times,
    )


@pytest.mark.parametrize("policy", ["KEEPREF", "DELREF", "ACKED"])
def test_xtrim_of_whole_nodes_minds_references(parity, policy):
    parity(
        [
            "CONFIG SET stream-node-max-entries 2",
            *GROUPS,
            f"XTRIM s MAXLEN ~ 5 {policy}",
            f"XTRIM s MINID ~ 5-1 LIMIT 10 {policy}",
            f"XADD s MAXLEN ~ 1 {policy} 8-1 a 8",
            *STATE,
            "XGROUP DESTROY s g",
            "XGROUP DESTROY s h",
            f"XTRIM s MAXLEN ~ 1 {policy} LIMIT 10",
            "XLEN s",
            "CONFIG SET stream-node-max-entries 100",
        ],
        witness="redis8",
        loose=same_but_for_times,
    )


@pytest.mark.parametrize("policy", ["KEEPREF", "DELREF", "ACKED"])
def test_xadd_minds_references_when_it_trims(parity, policy):
    parity(
        [
            *GROUPS,
            f"XADD s {policy} 8-1 a 8",
            f"XADD s MAXLEN 6 {policy} 9-1 a 9",
            *STATE,
            f"XADD s NOMKSTREAM {policy} MINID 5-1 10-1 a 10",
            *STATE,
            f"XADD s {policy} MAXLEN 0 11-1 a 11",
            *STATE,
            f"XADD none NOMKSTREAM {policy} 1-1 a 1",
            f"XADD n {policy} MAXLEN 0 1-1 a 1",
            "XLEN n",
        ],
        witness="redis8",
        loose=same_but_for_times,
    )


def test_refusals_are_those_of_redis(parity):
    parity(
        [
            *ENTRIES,
            "SET str x",
            *[
                words
                for name in ("XDELEX s", "XACKDEL s g", "XDELEX none", "XDELEX str")
                for words in (
                    name,
                    f"{name} IDS",
                    f"{name} IDS 1",
                    f"{name} IDS 2 1-1",
                    f"{name} IDS 0 1-1",
                    f"{name} IDS -1 1-1",
                    f"{name} IDS x 1-1",
                    f"{name} IDS 9223372036854775807 1-1",
                    f"{name} IDS 9223372036854775808 1-1",
                    f"{name} IDS 1 1-1 2-1",
                    f"{name} IDS 1 x",
                    f"{name} IDS 2 1-1 x",
                    f"{name} FOO IDS 1 1-1",
                    f"{name} KEEPREF DELREF IDS 1 9-1",
                    f"{name} ACKED ACKED IDS 1 9-1",
                    f"{name} IDS 1 9-1 ACKED",
                    f"{name} IDS 1 9-1 IDS 2 9-1 8-8",
                    f"{name} IDS 1 9-1 IDS",
                    f"{name} ACKED DELREF KEEPREF",
                    f"{name} ACKED IDS 1",
                )
            ],
            "XACKDEL str g IDS 1 1-1",
            "XTRIM s MAXLEN 9 ACKED DELREF",
            "XTRIM s ACKED",
            "XTRIM s ACKED LIMIT 1",
            "XTRIM s MAXLEN 9 LIMIT 1 ACKED",
            "XADD s ACKED ACKED 9-1 a b",
            "XADD s MAXLEN 9 ACKED DELREF 9-1 a b",
            "XADD s MAXLEN 9 ACKED 9-1 a",
            "XADD s MAXLEN 9 ACKED",
            "XADD s MAXLEN 9 FOO 9-1 a b",
            "XRANGE s - +",
        ],
        witness="redis8",
    )


def test_removals_are_told_as_redis_tells_them(parity):
    parity(
        [
            *GROUPS,
            "CONFIG SET notify-keyspace-events KEA",
            at("listener", "PSUBSCRIBE", "__keyevent@0__:*"),
            "XDELEX s IDS 2 1-1 2-1",
            "XDELEX s ACKED IDS 1 3-1",
            "XACKDEL s g IDS 1 2-1",
            "XACKDEL s h ACKED IDS 1 3-1",
            "XACKDEL s g ACKED IDS 1 5-1",
            "XTRIM s MAXLEN 1 ACKED",
            "XTRIM s MAXLEN 1 DELREF",
            "XADD s MAXLEN 1 DELREF 8-1 a b",
            receive("listener", 6),
            "CONFIG SET notify-keyspace-events ''",
            "COMMAND GETKEYSANDFLAGS XDELEX s IDS 1 1-1",
            "COMMAND GETKEYSANDFLAGS XACKDEL s g IDS 1 1-1",
        ],
        witness="redis8",
    )


def test_watch_sees_what_went_and_not_what_was_acknowledged(parity):
    steps = list(GROUPS)
    for words in (
        "XACKDEL s g ACKED IDS 1 5-1",
        "XDELEX s ACKED IDS 1 2-1",
        "XDELEX s IDS 1 2-1",
        "XDELEX s DELREF IDS 1 2-1",
        "XACKDEL s h IDS 1 3-1",
    ):
        steps += ["WATCH s", at("other", *words.split()), "MULTI", "PING", "EXEC"]
    parity(steps, witness="redis8")
