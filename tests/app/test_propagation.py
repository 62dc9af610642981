"""What replicas are sent for a record (`joblog.app.history.propagation`)."""

import pytest

from joblog.app.history.propagation import stream_of, young_of

ORIGIN = 1


def commands(db, *effects):
    """Return what is sent, a line for each command."""
    split = [effect.encode().split() for effect in effects]
    data = stream_of(db, split, ORIGIN)
    lines = [b" ".join(part.split(b"\r\n")[2::2]) for part in data.split(b"*")[1:]]
    return [line.decode() for line in lines]


@pytest.mark.parametrize(
    ("effects", "sent"),
    [
        (["SET a 1"], ["SET a 1"]),
        (["SET a 1", "SET b 1"], ["MULTI", "SET a 1", "SET b 1", "EXEC"]),
        (["HPERSIST h"], ["HPERSIST h"]),
        (["HSET h f v", "HPEXPIREAT h 9"], ["HSET h f v", "HPEXPIREAT h 9"]),
        (
            ["HSET h f v", "HPEXPIREAT h 9", "hpersist i", "SET a 1"],
            ["MULTI", "HSET h f v", "SET a 1", "EXEC", "HPEXPIREAT h 9", "hpersist i"],
        ),
        (
            ["HPEXPIREAT h 9", "SET a 1", "RENAME b h", "SET c 1"],
            ["SET a 1", "HPEXPIREAT h 9", "MULTI", "RENAME b h", "SET c 1", "EXEC"],
        ),
        (
            ["XCFGSET s", "SELECT 5", "SET a 1"],
            ["XCFGSET s", "MULTI", "SELECT 5", "SET a 1", "EXEC", "SELECT 0"],
        ),
        (["FUNCTION DELETE", "FLUSHALL"], ["FUNCTION DELETE", "FLUSHALL"]),
    ],
)
def test_what_not_every_replica_knows_is_in_no_transaction(effects, sent):
    assert commands(0, *effects) == sent


def test_what_is_sent_begins_and_ends_in_database_0():
    sent = commands(3, "SET a 1", "XIDMPRECORD s")
    assert sent == ["SELECT 3", "SET a 1", "XIDMPRECORD s", "SELECT 0"]


def test_names_are_told_of_what_not_every_replica_knows():
    assert young_of([[b"hpersist", b"h"], [b"SET", b"XCFGSET"]]) == [b"HPERSIST"]
