"""PING, ECHO, QUIT, RESET, HELLO, AUTH, and CLIENT about oneself and others."""

import re

import pytest

from tests.parity.harness import at, raw

PINGING = [
    "PING",
    "PING a",
    "PING a b",
    ["PING", ""],
    ["PING", b"\x00\xff\r\n"],
    "ECHO a",
    "ECHO",
    "ECHO a b",
    "ping",
    "Echo A",
]

AUTHENTICATING = [
    "AUTH x",
    "AUTH default x",
    "AUTH other x",
    "AUTH",
    "AUTH a b c",
    "HELLO 2 AUTH other x",
    "HELLO 3 AUTH",
    "HELLO 3 AUTH default",
    "HELLO 1",
    "HELLO 4",
    "HELLO x",
    "HELLO 3 NONSENSE",
    "HELLO 3 SETNAME",
    ["HELLO", "3", "SETNAME", "a b"],
    "HELLO 4 NONSENSE",
    "HELLO 3 SETNAME x NONSENSE",
    "CLIENT GETNAME",
]

NAMES = [
    "CLIENT GETNAME",
    "CLIENT SETNAME worker",
    "CLIENT GETNAME",
    ["CLIENT", "SETNAME", "a b"],
    ["CLIENT", "SETNAME", "a\nb"],
    ["CLIENT", "SETNAME", b"\xff"],
    ["CLIENT", "SETNAME", "!~"],
    ["CLIENT", "SETNAME", ""],
    "CLIENT GETNAME",
    "CLIENT SETNAME",
    "CLIENT GETNAME x",
    "CLIENT SETINFO LIB-NAME redis-py",
    "CLIENT SETINFO lib-ver 5.0",
    ["CLIENT", "SETINFO", "lib-ver", "5 0"],
    ["CLIENT", "SETINFO", "Lib-Name", "a\tb"],
    ["CLIENT", "SETINFO", "lib-ver", ""],
    "CLIENT SETINFO nonsense x",
    ["CLIENT", "SETINFO", "nonsense", "a b"],
    "CLIENT SETINFO lib-ver",
    "CLIENT SETNAME x",
    "RESET",
]

RESETTING = [
    "CLIENT SETNAME x",
    "RESET",
    "CLIENT GETNAME",
    "SET k 0",
    "SELECT 1",
    "RESET",
    "GET k",
    "RESET x",
    "MULTI",
    "WATCH k",
    "RESET",
    "MULTI",
    "EXEC",
]

REPLY_MODES = raw(
    b"PING\r\nCLIENT REPLY SKIP\r\nPING 1\r\nPING 2\r\nCLIENT REPLY SKIP\r\n"
    b"CLIENT REPLY SKIP\r\nPING 3\r\nPING 4\r\nCLIENT REPLY OFF\r\nPING 5\r\n"
    b"CLIENT REPLY SKIP\r\nNONSENSE\r\nPING 6\r\nCLIENT REPLY ON\r\nPING 7\r\n"
    b"CLIENT REPLY NONSENSE\r\nCLIENT REPLY\r\n",
    7,
)

OTHERS = [
    "CLIENT KILL nonsense",
    "CLIENT KILL 1.2.3.4:5",
    "CLIENT KILL ID",
    "CLIENT KILL ID 0",
    "CLIENT KILL ID -1",
    "CLIENT KILL ID 999999999",
    "CLIENT KILL NONSENSE x",
    "CLIENT KILL TYPE nonsense",
    "CLIENT KILL TYPE pubsub",
    "CLIENT KILL TYPE REPLICA",
    "CLIENT KILL USER nobody",
    "CLIENT KILL USER default SKIPME",
    "CLIENT KILL SKIPME maybe",
    "CLIENT KILL ID 999999999 SKIPME",
    "CLIENT KILL ADDR 1:2 LADDR 3:4 TYPE normal SKIPME no USER default",
    "CLIENT KILL ID 0 SKIPME",
    "CLIENT KILL",
    "CLIENT LIST NONSENSE",
    "CLIENT LIST TYPE",
    "CLIENT LIST TYPE nonsense",
    "CLIENT LIST TYPE replica",
    "CLIENT LIST TYPE pubsub",
    "CLIENT LIST TYPE normal x",
    "CLIENT LIST ID",
    "CLIENT LIST ID 999999999",
    "CLIENT NO-EVICT on",
    "CLIENT NO-EVICT OFF",
    "CLIENT NO-EVICT nonsense",
    "CLIENT NO-TOUCH on",
    "CLIENT NO-TOUCH off",
    "CLIENT NO-TOUCH nonsense",
    "CLIENT NO-EVICT",
    "CLIENT UNBLOCK 999999999",
    "CLIENT UNBLOCK 999999999 TIMEOUT",
    "CLIENT UNBLOCK 999999999 error",
    "CLIENT UNBLOCK 999999999 nonsense",
    "CLIENT UNBLOCK x",
    "CLIENT UNBLOCK x nonsense",
    "CLIENT UNBLOCK",
    "CLIENT PAUSE x",
    "CLIENT PAUSE -1",
    "CLIENT PAUSE 0 nonsense",
    "CLIENT PAUSE x nonsense",
    "CLIENT PAUSE 9223372036854775807",
    "CLIENT PAUSE 0 WRITE",
    "CLIENT PAUSE 0 all",
    "CLIENT PAUSE",
    "CLIENT UNPAUSE",
    "CLIENT UNPAUSE x",
    "CLIENT GETREDIR",
    "CLIENT TRACKINGINFO",
    "CLIENT TRACKING off",
    "CLIENT TRACKING nonsense",
    "CLIENT TRACKING",
    "CLIENT CACHING yes",
    "CLIENT NONSENSE",
    "CLIENT",
    "CLIENT ID x",
    "CLIENT INFO x",
]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(PINGING, id="pinging"),
        pytest.param(AUTHENTICATING, id="authenticating"),
        pytest.param(NAMES, id="names"),
        pytest.param([REPLY_MODES], id="reply modes"),
        pytest.param(OTHERS, id="other clients"),
    ],
)
def test_connection_commands_answer_as_in_valkey(parity, script):
    parity(script)


def test_reset_answers_as_in_redis(parity):
    # Valkey breaks a transaction that has seen a WATCH.
    parity(RESETTING, witness="redis")


REFUSED_IN_REDIS = [
    "CLIENT LIST ID x",
    "CLIENT LIST ID 0",
    "CLIENT LIST ID -1",
    "CLIENT LIST TYPE normal ID 1",
    "CLIENT KILL ID x",
    "CLIENT PAUSE 0 WRITE x",
    "CLIENT UNBLOCK 999999999 ERROR x",
]


def test_client_refuses_what_redis_refuses(parity):
    # Valkey has more filters, and reads these otherwise.
    parity(REFUSED_IN_REDIS, witness="redis")


def test_quit_is_the_last_command_of_a_connection(parity):
    parity([raw(b"SET k 1\r\nQUIT now\r\nSET k 2\r\n", 3), at("b", "GET", "k")])


@pytest.mark.parametrize(
    "words", ["CLIENT KILL TYPE normal SKIPME no", "CLIENT KILL USER default"]
)
def test_a_killed_client_is_disconnected(parity, words):
    parity(
        [at("b", "PING"), at("c", "PING"), words, "PING", at("b", "PING")],
        loose=lambda words, ours, theirs: ours.type == theirs.type == ":",
    )


def test_hello_tells_of_the_server_as_redis_does(parity):
    def but_version_and_id(_, ours, theirs):
        keep = [0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13]
        return [ours.items[i] for i in keep] == [theirs.items[i] for i in keep]

    parity(
        ["HELLO", "HELLO 3", "HELLO 2", "HELLO 2 SETNAME x", "CLIENT GETNAME"],
        loose=but_version_and_id,
        witness="redis",
    )


def test_client_list_has_redis_fields_in_redis_order(parity):
    def names(reply):
        lines = reply.data.decode().removeprefix("txt:").strip().split("\n")
        return [re.findall(r"([a-z-]+)=", line) for line in lines]

    def as_in_redis(_, ours, theirs):
        newer = {"watch", "lib-name", "lib-ver"}
        found = [[name for name in line if name not in newer] for line in names(ours)]
        return ours.type == theirs.type and found[0] == names(theirs)[0]

    parity(["CLIENT LIST", "CLIENT INFO"], loose=as_in_redis, witness="redis")


def test_client_does_not_know_what_clients_of_redis_8_ask_first(parity):
    parity(["CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip"])
    parity(["CLIENT MAINT_NOTIFICATIONS ON"], witness="redis8")
