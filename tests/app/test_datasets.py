"""A dataset takes the place of another: what is recorded makes the one of the other."""

import random

import pytest

from joblog.app.history import large_values
from joblog.app.history.datasets import Dataset
from joblog.app.history.rdb_files import write_rdb
from joblog.app.history.recovery import Fold
from joblog.app.types.hashes import Hash
from joblog.storage.record import Origin, Record
from tests.support.keyspaces import state_of

MANY = 1200


@pytest.fixture(autouse=True)
def _some_elements_are_many(monkeypatch):
    monkeypatch.setattr(large_values, "_LARGE", 100)


def folded(commands, fold=None):
    """Return a fold of commands, SELECT among them."""
    fold, db = fold or Fold(), 0
    for argv in commands:
        if argv[0] == b"SELECT":
            db = int(argv[1])
        else:
            fold.apply([Record(0, 0, 0, db, [argv], Origin(0))])
    return fold


def words(*lines):
    return [line.encode().split() for line in lines]


def many(line, each, count=MANY, first=0):
    """Return commands that put many elements into a value."""
    made = []
    for at in range(first, first + count, 100):
        elements = " ".join(each.format(n) for n in range(at, at + 100))
        made += words(f"{line} {elements}")
    return made


SMALL = words(
    *("SET s hello", "SET later v PXAT 1900000000000", "RPUSH few a b", "SADD set a b"),
    *("ZADD zset 1 a 2 b", "HSET hash f v", "XADD stream 1-1 a b", "SELECT 3"),
    *("SET only here", "SELECT 0"),
)

LARGE = [
    *many("RPUSH l", "element{0}"),
    *many("SADD t", "member{0}"),
    *many("HSET h", "field{0} value"),
    *many("ZADD z", "{0} member{0}"),
    *[words(f"XADD x 1-{n} f v")[0] for n in range(1, MANY)],
    *words("XGROUP CREATE x g 0", "XCLAIM x g c 0 1-1 1-2 TIME 5 RETRYCOUNT 1 FORCE"),
    *words("PEXPIREAT h 1900000000000", "HPEXPIREAT h 1900000000000 FIELDS 1 field7"),
]

CHANGES = {
    "nothing": [],
    "elements": words(
        *("RPUSH l x", "SADD t x", "SREM t member5 member0", "HSET h x y field3 new"),
        *("HDEL h field9", "ZADD z 5 x 9 member1", "ZREM z member2", "XADD x 9-9 a b"),
        *("HPEXPIREAT h 1900000000001 FIELDS 2 field7 field8", "PERSIST h"),
        "PEXPIREAT z 1900000000000",
    ),
    "deadlines of fields": words("HPERSIST h FIELDS 1 field7"),
    "the order": words("LSET l 5 x", "LSET l 5 element5", "ZADD z 1 member0"),
    "types": [
        *words("DEL l t h z x", "SET l s", "HSET t a b", "XADD h 1-1 a b"),
        *many("SADD z", "m{0}"),
        *many("RPUSH x", "e{0}"),
    ],
    "all": words("DEL l t h z x"),
    "sizes": words("LTRIM l 0 5", "ZREMRANGEBYRANK z 9 -1", "XTRIM x MAXLEN 50"),
    "a database": [*words("SELECT 2"), *LARGE],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_recorded_makes_one_dataset_of_another(tmp_path, change, turned):
    before = [*SMALL, *LARGE]
    after = [*before, *CHANGES[change]]
    if turned:
        before, after = after, before
    live, again = folded(before), folded(before)
    with (tmp_path / "dump.rdb").open("wb+") as file:
        write_rdb(file, folded(after).keyspace)
        file.seek(0)
        dataset = Dataset(live.keyspace)
        for _ in dataset.read(file, "dump"):
            continue

    for db, commands in dataset.differences():
        again.apply([Record(0, 0, 0, db, commands, Origin(0))])
    dataset.take_place()

    assert by_key(live.keyspace) == by_key(again.keyspace)
    assert fields_due(live.keyspace) == fields_due(again.keyspace)
    assert contents(live.keyspace) == contents(folded(after).keyspace)
    if change == "nothing":
        assert dataset.changed == dataset.removed == 0


def by_key(keyspace):
    """Return all of a keyspace but the order of its keys, and the places in sets."""
    return [
        {**each, "values": {key: value[:2] for key, value in each["values"]}}
        for each in state_of(keyspace)["databases"]
    ]


def fields_due(keyspace):
    return [
        value.deadlines
        for database in keyspace.databases
        for value in database.values.values()
        if type(value) is Hash and value.deadlines
    ]


def contents(keyspace):
    """Return a keyspace as plain data, without the order of what has none."""
    return [
        {
            "values": {key: unordered(value) for key, value in database["values"]},
            "deadlines": database["deadlines"],
        }
        for database in state_of(keyspace)["databases"]
    ]


def unordered(value):
    if isinstance(value, bytes):
        return value
    kind, elements, *more = value
    if kind == "Stream":
        head, _, nodes, groups = elements
        return (
            head,
            [pair for node in nodes for pair in zip(*node[:2], strict=True)],
            groups,
        )
    if kind == "List":
        return elements
    return kind, sorted(elements), more[0] if kind == "Hash" else None


def test_large_values_differ_little_where_few_elements_do(tmp_path):
    chance = random.Random(1)
    gone = chance.sample(range(MANY), 20)
    change = words(*(f"SREM t member{n}" for n in gone))
    live = folded(LARGE)
    with (tmp_path / "dump.rdb").open("wb+") as file:
        write_rdb(file, folded([*LARGE, *change]).keyspace)
        file.seek(0)
        dataset = Dataset(live.keyspace)
        for _ in dataset.read(file, "dump"):
            continue

    commands = [argv for _, found in dataset.differences() for argv in found]

    assert {argv[0] for argv in commands} == {b"SREM"}
    assert sum(len(argv) - 2 for argv in commands) == len(gone)
