"""SET IFEQ, DELIFEQ and MSETEX, as Valkey has them.

What only Redis 8.4 has (IFNE, IFDEQ, IFDNE, DELEX, DIGEST) has no server to ask here:
tests/app/commands/test_string_conditions.py holds it to the public documentation.
"""

from tests.parity.harness import at, receive


def test_set_ifeq_stores_over_what_a_client_expects(parity):
    parity(
        [
            "SET k a",
            "SET k b IFEQ a",
            "SET k c ifeq a",
            "SET k c IFEQ b GET",
            "SET k d GET IFEQ x",
            "SET none a IFEQ a",
            "SET none a IFEQ a GET",
            "EXISTS none",
            "SET k d IFEQ c EX 100",
            "TTL k",
            "SET k e IFEQ d KEEPTTL",
            "TTL k",
            "SET k f IFEQ e",
            "TTL k",
            ["SET", "k", "", "IFEQ", "f"],
            ["SET", "k", "g", "IFEQ", ""],
            "GET k",
        ]
    )
    parity(["SET k a", "SET k b IFEQ a PXAT 1", "GET k"], digest=False)


def test_set_ifeq_refuses_what_valkey_refuses(parity):
    parity(
        [
            "RPUSH l a",
            "SET l d IFEQ c",
            "SET l d IFEQ c GET",
            "SET l d IFEQ c EX x",
            "SET k d NX IFEQ c",
            "SET k d IFEQ c XX",
            "SET k d IFEQ c IFEQ c",
            "SET k d IFEQ",
            "SET k d IFEQ c EX",
            "SET k d IFEQ c EX 0",
            "GETEX k IFEQ a",
            "TYPE l",
        ]
    )


def test_delifeq_removes_a_string_that_a_client_expects(parity):
    parity(
        [
            "SET k a",
            "DELIFEQ k x",
            "DELIFEQ k a",
            "DELIFEQ k a",
            "RPUSH l a",
            "DELIFEQ l a",
            "DELIFEQ l",
            "DELIFEQ l a b",
            ["SET", "k", ""],
            ["DELIFEQ", "k", ""],
            "EXISTS k l",
        ]
    )


def test_msetex_stores_all_or_nothing(parity):
    parity(
        [
            "MSETEX 1 a 1",
            "MSETEX 2 a 2 b 3 NX",
            "MSETEX 2 b 2 c 3 NX",
            "MSETEX 2 b 4 none 4 XX",
            "MSETEX 2 a 5 b 5 xx EX 100",
            "TTL a",
            "MSETEX 2 b 6 c 6 KEEPTTL",
            "TTL b",
            "TTL c",
            "MSETEX 2 b 7 b 8 EX 100 EX 200",
            "TTL b",
            "MSETEX 1 b 9",
            "TTL b",
            "MGET a b c none",
            "RPUSH l a",
            "MSETEX 2 l x m x NX NX",
            "MSETEX 1 l x",
            "TYPE l",
        ]
    )


def test_msetex_with_a_deadline_that_has_passed_leaves_nothing(parity):
    parity(
        [
            "MSET a 1 b 2",
            "MSETEX 2 a x nothing x PXAT 1",
            "EXISTS a b",
            "MSETEX 2 a 1 c 2 NX PXAT 1",
            "MSETEX 2 a 1 b 2 XX",
            "MGET a b c",
        ],
        digest=False,  # Valkey stores them, and they expire
    )


def test_msetex_refuses_what_valkey_refuses(parity):
    parity(
        [
            "MSETEX 1",
            "MSETEX 1 a",
            "MSETEX 2 a 1",
            "MSETEX 2 a 1 b",
            "MSETEX 2 a 1 b 2 c",
            "MSETEX 0 a 1",
            "MSETEX -1 a 1",
            "MSETEX x a 1",
            "MSETEX 2147483647 a 1",
            "MSETEX 2147483648 a 1",
            "MSETEX 9223372036854775807 a 1",
            "MSETEX 1 a 1 NX XX",
            "MSETEX 1 a 1 EX 1 PX 1",
            "MSETEX 1 a 1 EX 1 KEEPTTL",
            "MSETEX 1 a 1 EX",
            "MSETEX 1 a 1 EX x",
            "MSETEX 1 a 1 EX 0",
            "MSETEX 1 a 1 PXAT 9223372036854775807",
            "MSETEX 1 a 1 PX 9223372036854775807",
            "MSETEX 1 a 1 GET",
            "MSETEX 1 a 1 PERSIST",
            "MSETEX 1 a 1 IFEQ 1",
            "EXISTS a",
        ]
    )


def test_conditions_tell_what_valkey_tells(parity):
    parity(
        [
            "CONFIG SET notify-keyspace-events KEA",
            at("listener", "PSUBSCRIBE", "__keyevent@0__:*"),
            "SET k a",
            "SET k b IFEQ a",
            "SET k c IFEQ b EX 100",
            "SET k d IFEQ x",
            "DELIFEQ k x",
            "DELIFEQ k c",
            "MSETEX 2 a 1 b 2",
            "MSETEX 2 a 1 b 2 EX 100",
            "MSETEX 2 a 1 c 2 KEEPTTL",
            "MSETEX 2 a 1 b 2 NX",
            receive("listener", 13),
            "CONFIG SET notify-keyspace-events ''",
        ]
    )


def test_conditions_count_as_valkey_counts(parity):
    parity(
        [
            "SET k a",
            "WATCH k",
            at("other", "SET", "k", "b", "IFEQ", "x"),
            "MULTI",
            "DELIFEQ k a",
            "EXEC",
            "WATCH k",
            at("other", "MSETEX", 1, "k", "b"),
            "MULTI",
            "GET k",
            "EXEC",
        ]
    )
