"""Deadlines: EXPIRE and its family, TTL and its family, PERSIST."""

import pytest

SETTING = [
    "SET k v",
    "EXPIRE k 1000",
    "TTL k",
    "PERSIST k",
    "PERSIST k",
    "TTL k",
    "PTTL k",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "PEXPIRE k 1000000",
    "TTL k",
    "EXPIREAT k 99999999999",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "PEXPIREAT k 99999999999499",
    "EXPIRETIME k",
    "PEXPIREAT k 99999999999500",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    *(f"{word} none" for word in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME")),
    "PERSIST none",
    "EXPIRE none 10",
]

PASSED = [
    "SET k v",
    "EXPIRE k 0",
    "EXISTS k",
    "SET k v",
    "PEXPIRE k -1",
    "EXISTS k",
    "SET k v",
    "EXPIREAT k 1",
    "EXISTS k",
    "SET k v",
    "PEXPIREAT k -5",
    "EXISTS k",
    "RPUSH l a",
    "EXPIRE l -9223372036854775",
    "EXISTS l",
    "SET k v",
    "EXPIRE k 0 XX",
    "EXPIRE k 0 GT",
    "EXISTS k",
    "EXPIRE k 0 LT",
    "EXISTS k",
]

OPTIONS = [
    "SET k v",
    "EXPIRE k 100 XX",
    "EXPIRE k 100 GT",
    "EXPIRE k 100 XX GT",
    "TTL k",
    "EXPIRE k 100 NX",
    "EXPIRE k 200 NX",
    "TTL k",
    "EXPIRE k 200 XX",
    "EXPIRE k 100 GT",
    "EXPIRE k 300 gt",
    "EXPIRE k 400 LT",
    "EXPIRE k 200 lt",
    "TTL k",
    "PERSIST k",
    "EXPIRE k 100 LT",
    "EXPIRE k 100 XX LT",
    "EXPIRE k 50 XX LT",
    "EXPIRE k 60 XX GT",
    "TTL k",
    "EXPIRE k 10 NX XX",
    "EXPIRE k 10 NX GT",
    "EXPIRE k 10 NX LT",
    "EXPIRE k 10 GT LT",
    "EXPIRE k 10 NX NX",
    "EXPIRE k 10 XX XX",
    "EXPIRE k 10 NONSENSE",
    "EXPIRE k 10 NX NONSENSE XX",
    "EXPIRE none 10 NONSENSE",
    "EXPIRE k x NONSENSE",
    "EXPIRE k x NX XX",
    "PEXPIREAT k 99999999999999 GT",
    "EXPIREAT k 99999999998 LT",
    "PEXPIRETIME k",
]

NUMBERS = [
    "SET k v",
    *(
        f"{command} {key} {number}"
        for command in ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT")
        for key in ("none", "k")
        for number in (
            "x",
            "1.5",
            "",
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854776",
            "-9223372036854775808",
            "-9223372036854776",
        )
        if number
    ),
    "EXPIRE k",
    "EXPIRE",
    "TTL",
    "TTL a b",
    "PERSIST",
    "PEXPIRETIME a b",
]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(SETTING, id="setting"),
        pytest.param(PASSED, id="passed"),
        pytest.param(OPTIONS, id="options"),
    ],
)
def test_deadlines_answer_as_in_valkey(parity, script):
    parity(script)


def test_deadlines_refuse_numbers_as_valkey_does(parity):
    parity(["PEXPIRETIME k", *NUMBERS], digest=False)
