"""Rights that change under a client: in a transaction, in a wait, in a subscription."""

import pytest

from tests.parity import wire
from tests.parity.harness import at, receive, send

WITNESSES = pytest.mark.parametrize("witness", ["valkey", "redis"])
REDIS_7_0 = {
    b"User u has no permissions to run": b"this user has no permissions to run",
    b"No permissions to access a key": (
        b"this user has no permissions to access one of the keys used as arguments"
    ),
}
MAKE = "ACL SETUSER u reset on >p ~k* &c* +@all"
GONE = "ACL DELUSER u"
OFF = "ACL SETUSER u off"
FEWER = {
    "deleted": GONE,
    "off": OFF,
    "no command": "ACL SETUSER u -@all +ping +exec",
    "no key": "ACL SETUSER u resetkeys",
    "no reading": "ACL SETUSER u resetkeys %W~k*",
    "other password": "ACL SETUSER u resetpass >q",
    "reset": "ACL SETUSER u reset",
}
WAITS = {
    "BLPOP": ("BLPOP k 0", "RPUSH k 1"),
    "BLMOVE": ("BLMOVE k k2 LEFT RIGHT 0", "RPUSH k 1"),
    "XREAD": ("XREAD BLOCK 0 STREAMS k 0", "XADD k 1-1 f v"),
    "BZPOPMIN": ("BZPOPMIN k 0", "ZADD k 1 m"),
}


def in_older_words(_words, ours, theirs):
    """Accept what Redis 7.0 says of a denial, which 7.2 says otherwise: a `loose`."""
    if not isinstance(ours, wire.Line) or not isinstance(theirs, wire.Line):
        return False
    text = ours.text
    for newer, older in REDIS_7_0.items():
        text = text.replace(newer, older)
    return ours.type == theirs.type == "-" and text == theirs.text


def user(line):
    """Return a step of the client whose rights change."""
    return at("u", *line.split())


@WITNESSES
def test_auth_in_a_transaction_goes_for_what_stands_behind_it(parity, witness):
    parity(
        [
            MAKE,
            *map(
                user,
                [
                    "MULTI",
                    "AUTH u p",
                    "SET z 1",
                    "SET k 1",
                    "ACL WHOAMI",
                    "EXEC",
                    "SET z 1",
                    "MULTI",
                    "AUTH u wrong",
                    "AUTH nobody p",
                    "SET k 2",
                    "EXEC",
                    "ACL WHOAMI",
                    "MULTI",
                    "AUTH",
                    "AUTH a b c",
                    "EXEC",
                    "MULTI",
                    "AUTH p",
                    "AUTH default any",
                    "SET k 3",
                    "SET z 3",
                    "EXEC",
                    "MULTI",
                    "AUTH default any",
                    "ACL WHOAMI",
                    "EXEC",
                    "SET z 4",
                    "MULTI",
                    "AUTH u p",
                    "DISCARD",
                    "ACL WHOAMI",
                ],
            ),
            GONE,
        ],
        witness=witness,
        loose=in_older_words if witness == "redis" else None,
    )


@WITNESSES
@pytest.mark.parametrize("change", FEWER.values(), ids=FEWER)
def test_transaction_is_run_by_the_rights_at_its_end(parity, witness, change):
    parity(
        [
            MAKE,
            *map(user, ["AUTH u p", "MULTI", "SET k 1", "GET k", "PING"]),
            change,
            *map(user, ["EXEC", "GET k", "PING"]),
            "GET k",
            GONE,
        ],
        witness=witness,
        loose=in_older_words if witness == "redis" else None,
    )


@pytest.mark.parametrize("change", FEWER.values(), ids=FEWER)
@pytest.mark.parametrize(("wait", "push"), WAITS.values(), ids=WAITS)
def test_waiter_is_served_by_the_rights_when_it_wakes(parity, wait, push, change):
    parity(
        [
            MAKE,
            user("AUTH u p"),
            send("u", *wait.split()),
            change,
            push,
            receive("u"),
            user("PING"),
            "EXISTS k k2",
            GONE,
        ]
    )


@WITNESSES
@pytest.mark.parametrize("wait", ["BLPOP k 0", "XREAD BLOCK 0 STREAMS k 0"])
def test_waiter_whose_user_goes_is_cut_off_and_takes_nothing(parity, witness, wait):
    push = "RPUSH k 1" if wait.startswith("B") else "XADD k 1-1 f v"
    parity(
        [MAKE, user("AUTH u p"), send("u", *wait.split()), GONE, receive("u"), push],
        witness=witness,
        loose=in_older_words if witness == "redis" else None,
    )


@WITNESSES
@pytest.mark.parametrize(
    "change",
    [
        "ACL SETUSER u resetchannels",
        "ACL SETUSER u resetchannels &c1",
        "ACL SETUSER u resetchannels &d*",
        "ACL SETUSER u allchannels",
        "ACL SETUSER u -subscribe -psubscribe",
        "ACL SETUSER u reset",
        OFF,
        GONE,
    ],
)
@pytest.mark.parametrize("listen", ["SUBSCRIBE c1", "PSUBSCRIBE c*", "SSUBSCRIBE c1"])
def test_listener_is_cut_off_with_its_channels(parity, witness, change, listen):
    parity(
        [MAKE, user("AUTH u p"), user(listen), change, user("PING"), GONE],
        witness=witness,
        loose=in_older_words if witness == "redis" else None,
    )
