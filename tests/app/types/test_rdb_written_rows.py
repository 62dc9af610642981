"""Rows of keys as they are written are what is read, and what DUMP makes of each."""

import random

import pytest

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import opened, pack_value
from joblog.app.types.rdb_reader import Reader
from joblog.app.types.rdb_values import decode_body, decode_value, encode_value
from joblog.app.types.rdb_written_rows import write_rows
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

SIZES = [0, 1, 31, 32, 63, 64, 255, 256, 4095, 4096]
COUNTS = [1, 2, 15, 16, 60]


def word(chance):
    return chance.randbytes(chance.choice(SIZES[:8]))


def values(chance):
    """Return values of each kind, small and large, open, and packed where they can."""
    made = [chance.randbytes(size) for size in (*SIZES, 16383, 16384)]
    made += [b"0", b"-1", b"127", b"128", b"-32769", b"2147483648", b"007", b"1x"]
    for count in COUNTS:
        words = list({word(chance) for _ in range(count)})
        made += [List(words), Set(words), Hash({one: word(chance) for one in words})]
        scores = [0.0, -0.5, 1e300, float("inf")]
        made.append(SortedSet([(chance.choice(scores), one) for one in words]))
    made += [List([b"x"] * 501), List([b"x" * 5000, b"y"]), Set([b"s" * 5000])]
    made.append(Hash({b"f": b"v"}, {b"f": 10}))
    packed = [pack_value(one) for one in made if type(one) is not bytes]
    return [*made, *(one for one in packed if one is not None)]


def contents(value):
    """Return what can be compared of a value: its dump."""
    return encode_value(value)


@pytest.mark.parametrize("seed", range(3))
def test_a_row_is_read_as_it_was_written(seed):
    chance = random.Random(seed)
    written = values(chance)
    keys = [b"%d" % at + word(chance) for at in range(len(written))]
    deadlines = {key: at * 1000 for at, key in enumerate(keys) if at % 3 == 0}

    data, version = write_rows(keys, written, deadlines, is_for_redis=False)

    assert version == 80
    reader = Reader(data)
    for key, value in zip(keys, written, strict=True):
        kind = reader.number(1)
        if key in deadlines:
            assert kind == 0xFC
            assert reader.number(8) == deadlines[key]
            kind = reader.number(1)
        assert reader.string() == key
        assert contents(decode_body(kind, reader)) == contents(value)
    assert reader.at == len(data)


@pytest.mark.parametrize("seed", range(3))
def test_a_value_is_written_as_in_a_dump(seed):
    for value in values(random.Random(seed)):
        data, _ = write_rows([b"k"], [value], {}, is_for_redis=False)

        assert data[:1] + data[3:] == encode_value(value)[0]
        assert data[1:3] == b"\x01k"


def test_what_lies_packed_is_what_it_opens_to():
    for value in values(random.Random(7)):
        data, _ = write_rows([b"k"], [opened(value)], {}, is_for_redis=False)

        assert write_rows([b"k"], [value], {}, is_for_redis=False)[0] == data


def test_what_is_for_redis_is_in_its_form():
    expiring = Hash({b"f": b"v"}, {b"f": 10})

    data, version = write_rows([b"k"], [expiring], {}, is_for_redis=True)

    assert (data[0], version) == (24, 12)
    assert decode_value(Reader(data[:1] + data[3:])).deadline_ms(b"f") == 10
