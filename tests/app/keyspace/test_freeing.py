"""Large values go from memory a slice at a time, and only what nobody else holds."""

import random

import pytest

from joblog.app.keyspace.freeing import LARGE, Freeing
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

MANY = 5 * LARGE
WORDS = [b"%d" % number for number in range(MANY)]


def hash_of():
    return Hash(dict(zip(WORDS, WORDS, strict=True)))


def sorted_set_of():
    made = SortedSet((float(word), word) for word in WORDS)
    assert made.pairs(0, 1)  # which orders it
    return made


MAKERS = {
    "list": lambda: List(WORDS),
    "set": lambda: Set(WORDS),
    "hash": hash_of,
    "sorted set": sorted_set_of,
    "sorted set without an order": lambda: SortedSet((1.0, word) for word in WORDS),
}


@pytest.fixture
def wakes():
    return []


@pytest.fixture
def keyspace(wakes):
    made = Keyspace(2)
    made.freeing = Freeing(lambda: wakes.append("wake"))
    return made


def elements_of(value):
    return sorted(value.scores if isinstance(value, SortedSet) else value)


def steps_until_free(freeing):
    steps = 1
    while freeing.free(0):
        steps += 1
    return steps


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("how", ["delete", "overwrite", "expire", "clear"])
def test_large_values_go_in_slices(keyspace, wakes, kind, how):
    database = keyspace.databases[0]
    database.set(b"k", MAKERS[kind]())
    if how == "delete":
        database.delete(b"k")
    elif how == "overwrite":
        database.overwrite(b"k", b"v")
    elif how == "expire":
        keyspace.expire(database, b"k")
    else:
        for word in WORDS:
            database.set(word, b"v")
        keyspace.clear(database)
    freeing = keyspace.freeing
    pending = MANY + 1 if how == "clear" else 1

    assert (freeing.pending, freeing.freed) == (pending, 0)
    slices = 1
    while freeing.free(0):
        slices += 1

    assert slices > 10
    assert freeing.pending == 0
    assert freeing.freed == pending
    assert wakes == ["wake"]
    assert not freeing.free(0)


@pytest.mark.parametrize(
    ("kind", "size", "counted"),
    [("set", 128, 0), ("set", 129, 1), ("sorted set", 500, 1), ("list", 500, 0)],
)
def test_what_redis_would_free_aside_counts_though_it_goes_at_once(
    keyspace, kind, size, counted
):
    database = keyspace.databases[0]
    words = [b"%d" % number for number in range(size)]
    made = {
        "set": lambda: Set(words),
        "sorted set": lambda: SortedSet([(1.0, word) for word in words]),
        "list": lambda: List(words),
    }
    database.set(b"k", made[kind]())
    database.delete(b"k")

    assert (keyspace.freeing.pending, keyspace.freeing.freed) == (0, counted)


def test_a_large_value_of_a_small_database_waits_when_it_is_flushed(keyspace, wakes):
    database = keyspace.databases[0]
    database.set(b"small", b"v")
    database.set(b"large", hash_of())
    keyspace.clear(database)
    freeing = keyspace.freeing

    assert (freeing.pending, freeing.freed) == (1, 1)
    steps = steps_until_free(freeing)

    assert steps >= MANY // 500 - 1
    assert (freeing.pending, freeing.freed) == (0, 2)
    assert wakes == ["wake"]


def test_many_deadlines_go_in_slices_when_a_database_is_flushed(keyspace):
    database = keyspace.databases[0]
    for word in WORDS:
        database.set(word, b"v")
        database.set_deadline(word, 1000)
    deadlines = database.deadlines
    keyspace.clear(database)
    freeing = keyspace.freeing
    assert len(deadlines) == MANY
    assert not database.deadlines
    del deadlines

    steps = steps_until_free(freeing)

    assert steps >= 3 * (MANY // 500) - 1  # keys, deadlines, and which is due first
    assert (freeing.pending, freeing.freed) == (0, MANY)


def test_large_values_of_a_large_database_count_once_when_it_is_flushed(keyspace):
    database = keyspace.databases[0]
    for word in WORDS:
        database.set(word, b"v")
    for name in (b"one", b"two", b"three"):
        database.set(name, hash_of())
    keyspace.clear(database)

    steps_until_free(keyspace.freeing)

    assert (keyspace.freeing.pending, keyspace.freeing.freed) == (0, MANY + 3)


def test_keys_of_a_small_database_count_when_it_is_flushed(keyspace):
    database = keyspace.databases[0]
    for word in (b"a", b"b", b"c"):
        database.set(word, b"v")
    keyspace.clear(database)

    assert (keyspace.freeing.pending, keyspace.freeing.freed) == (0, 3)


@pytest.mark.parametrize("kind", MAKERS)
def test_what_somebody_holds_stays_whole(keyspace, kind):
    database = keyspace.databases[0]
    held = MAKERS[kind]()
    before = elements_of(held)
    database.set(b"k", held)
    database.delete(b"k")

    keyspace.freeing.free_all()

    assert elements_of(held) == before
    held.check()
    assert (keyspace.freeing.pending, keyspace.freeing.freed) == (0, 0)


@pytest.mark.parametrize("kind", ["set", "sorted set"])
def test_a_part_that_somebody_holds_stays_whole(keyspace, kind):
    database = keyspace.databases[0]
    database.set(b"k", MAKERS[kind]())
    value = database.values[b"k"]
    if kind == "set":
        value.pick(random.Random(1))
        held = value.parts()[0]
    else:
        held = value.scores
    del value
    database.delete(b"k")

    keyspace.freeing.free_all()

    assert sorted(held) == sorted(WORDS)


def test_a_value_under_another_key_stays_whole(keyspace):
    database = keyspace.databases[0]
    database.set(b"k", List(WORDS))
    database.set(b"other", database.values[b"k"])
    database.delete(b"k")

    keyspace.freeing.free_all()

    assert list(database.values[b"other"]) == WORDS


def test_small_values_and_strings_do_not_wait(keyspace, wakes):
    database = keyspace.databases[0]
    for value in (b"x" * 10**6, List(WORDS[: LARGE - 1]), SortedSet([(1.0, b"m")])):
        database.set(b"k", value)
        database.delete(b"k")

    assert keyspace.freeing.pending == 0
    assert wakes == []


def test_streams_go_too(keyspace):
    stream = Stream()
    for number in range(1, MANY):
        stream.append(number << 64, (b"f", b"v"))
    keyspace.databases[0].set(b"k", stream)
    del stream
    keyspace.databases[0].delete(b"k")

    slices = 1
    while keyspace.freeing.free(0):
        slices += 1

    assert slices > 10
    assert keyspace.freeing.freed == 1


def test_without_anybody_to_free_them_values_go_at_once():
    keyspace = Keyspace(1)
    keyspace.databases[0].set(b"k", List(WORDS))

    assert keyspace.databases[0].delete(b"k")
    keyspace.clear(keyspace.databases[0])
    assert len(keyspace.databases[0]) == 0
