"""COMMAND tells of each command what a real server tells.

Redis 7.0.15 is asked about flags and keys: Valkey has added commands and flags since.
Texts (COMMAND DOCS, HELP) are our own, so only their form is compared.
"""

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.table.table import COMMANDS
from tests.parity import wire
from tests.parity.test_scripting import as_valkey

CHANGED_IN_7_2 = {
    b"blmove",
    b"blpop",
    b"brpop",
    b"brpoplpush",
    b"bzpopmax",
    b"bzpopmin",
    b"cluster|shards",
    b"cluster|slots",
    b"command|getkeys",
    b"command|getkeysandflags",
    b"config|resetstat",
    b"config|rewrite",
    b"sinterstore",
    b"wait",
    b"zrank",
    b"zrevrank",
}
"""What 7.2 tells otherwise than 7.0: arity, flags or tips."""

NEW_IN_7_2 = {b"client|no-touch", b"client|setinfo", b"cluster|myshardid", b"waitaof"}
NEW_IN_7_4 = {
    *(b"hexpire", b"hexpireat", b"hexpiretime", b"hpexpire", b"hpexpireat"),
    *(b"hpexpiretime", b"hpersist", b"hpttl", b"httl"),
}
NEW_IN_8_0 = {b"hgetdel", b"hgetex", b"hsetex"}
NEW_IN_8_2 = {b"xackdel", b"xdelex"}
NEW_IN_8_4 = {b"delex", b"delifeq", b"digest", b"msetex"}
NEW_IN_8_6 = {b"xcfgset", b"xidmprecord"}
OF_OUR_OWN = {
    b"client|at",
    b"log.history",
    b"log.info",
    b"log.read",
    b"log.tag",
    b"log.tags",
    b"log.digest",
    b"log.segments",
    b"log.help",
}
REMARKS = (b"variable_flags", b"incomplete")


def described(server):
    connection = server.connect()
    try:
        reply = wire.parse(connection.ask("COMMAND"))
    finally:
        connection.close()
    found = {}
    for entry in reply.items:
        add(found, entry)
    return found


def add(found, entry):
    name, arity, flags, *positions, categories, tips, specs, subcommands = entry.items
    found[name.data] = {
        "arity": arity.text,
        "flags": sorted(flag.text for flag in flags.items),
        "positions": [position.text for position in positions],
        "categories": sorted(category.text for category in categories.items),
        "tips": [tip.data for tip in tips.items],
        "specs": [spec_of(spec) for spec in specs.items],
    }
    for subcommand in subcommands.items:
        add(found, subcommand)


def spec_of(spec):
    """Return a key spec as a dictionary, without the remarks that Redis makes."""
    items = {
        key.data: plain(value)
        for key, value in zip(spec.items[::2], spec.items[1::2], strict=True)
        if key.data != b"notes"
    }
    flags = items[b"flags"]
    items[b"flags"] = [each for each in flags if each not in REMARKS]
    return items


def plain(reply):
    if isinstance(reply, wire.Aggregate):
        return [plain(item) for item in reply.items]
    return reply.data if isinstance(reply, wire.Bulk) else reply.text


def test_command_describes_commands_as_redis_does(running):
    ours, theirs = described(running("joblog")), described(running("redis"))

    shared = (ours.keys() & theirs.keys()) - CHANGED_IN_7_2
    differing = {
        name: (ours[name], theirs[name])
        for name in shared
        if ours[name] != theirs[name]
    }

    assert not differing
    assert theirs.keys() <= ours.keys()
    new = NEW_IN_7_2 | NEW_IN_7_4 | NEW_IN_8_0 | NEW_IN_8_2 | NEW_IN_8_4 | NEW_IN_8_6
    assert ours.keys() - theirs.keys() <= new | OF_OUR_OWN


def test_command_replies_have_the_same_bytes(parity):
    parity(
        [
            "COMMAND INFO get",
            "COMMAND INFO zunionstore nosuch",
            "COMMAND INFO mset lpush",
            "COMMAND COUNT x",
            "COMMAND NOSUCH",
            "COMMAND DOCS nosuch",
            "COMMAND INFO nosuch",
            "COMMAND LIST nosuch",
            "COMMAND LIST FILTERBY PATTERN",
            "COMMAND LIST FILTERBY MODULE nosuch",
            "COMMAND LIST FILTERBY ACLCAT nosuch",
            "COMMAND LIST FILTERBY PATTERN ren*",
        ],
        unordered={11},
        witness="redis",
    )


def test_command_describes_newer_commands_as_others_do(parity):
    parity(["COMMAND INFO delifeq", "COMMAND INFO msetex"], protocols=[2])
    parity(["COMMAND INFO xdelex", "COMMAND INFO xackdel"], witness="redis8")


def test_command_finds_keys(parity):
    parity(
        [
            "COMMAND GETKEYS GET k",
            "COMMAND GETKEYS SPUBLISH a b",
            "COMMAND GETKEYSANDFLAGS SSUBSCRIBE a b",
            "COMMAND GETKEYS MSET a 1 b 2",
            "COMMAND GETKEYS LMOVE a b LEFT RIGHT",
            "COMMAND GETKEYS ZUNIONSTORE d 2 a b",
            "COMMAND GETKEYS ZUNIONSTORE d x a b",
            "COMMAND GETKEYS ZUNIONSTORE d 3 a b",
            "COMMAND GETKEYS EVAL x 2 a b c",
            "COMMAND GETKEYS EVAL x 0",
            "COMMAND GETKEYS PING",
            "COMMAND GETKEYS GET",
            "COMMAND GETKEYS NOSUCH a",
            "COMMAND GETKEYS",
            "COMMAND GETKEYS PFMERGE k",
            "COMMAND GETKEYS PFMERGE k a",
            "COMMAND GETKEYS ZUNION +1 a b",
            "COMMAND GETKEYS ZUNION 1x a b",
            "COMMAND GETKEYS EVAL x +1 a b",
            "COMMAND GETKEYS EVAL x -1 a b",
            "COMMAND GETKEYS EVAL x 99999999999999999999 a b",
            "COMMAND GETKEYS MIGRATE h 1 a 0 5 KEYS b",
            "COMMAND GETKEYS MIGRATE h 1 a 0 5 KEYS",
            ["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "5", "KEYS", "b"],
            ["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "5", "KEYS"],
            "COMMAND GETKEYS MEMORY USAGE k",
            "COMMAND GETKEYSANDFLAGS SET a b",
            "COMMAND GETKEYSANDFLAGS SET a b GET",
            "COMMAND GETKEYSANDFLAGS SET a b IFEQ c",
            "COMMAND GETKEYSANDFLAGS SET a b IFEQ c GET",
            "COMMAND GETKEYSANDFLAGS DELIFEQ a b",
            "COMMAND GETKEYSANDFLAGS MSETEX 2 a 1 b 2 EX 10",
            "COMMAND GETKEYS MSETEX 2 a 1 b",
            "COMMAND GETKEYS MSETEX 3 a 1 b",
            "COMMAND GETKEYS MSETEX 0 a 1 b",
            "COMMAND GETKEYS MSETEX x a 1 b",
            "COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT",
            "COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 2 a b",
            "COMMAND GETKEYSANDFLAGS SMOVE a b m",
            "COMMAND GETKEYSANDFLAGS RENAME a b",
            "COMMAND GETKEYSANDFLAGS MGET a b",
        ]
    )


# SENTINEL is there with log-store alone: tests/server/test_sentinel_face.py.
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {b"SENTINEL"}))
def test_command_docs_have_a_summary_of_each_command(running, name):
    connection = running("joblog").connect()
    try:
        reply = wire.parse(connection.ask("COMMAND", "DOCS", name))
    finally:
        connection.close()

    docs = reply.items[1].items
    assert reply.items[0].data == name.lower()
    assert docs[0].data == b"summary"
    assert docs[1].data


def test_subcommands_with_odd_arguments_are_named_as_they_were_written(parity):
    parity(
        [
            "function flush sync x",
            "FUNCTION FLUSH SYNC x",
            "function restore x append y",
            "xgroup create s g 0 foo",
            "xgroup setid s g 0 foo",
            "pubsub channels a b",
            "slowlog get 1 2",
            "debug foo",
            ["eval", "return redis.call('xgroup', 'create', 's', 'g', '0', 'x')", 0],
        ],
        loose=as_valkey,
    )
    parity(["client unblock 1 timeout x", "client pause 1 all x"], witness="redis")
