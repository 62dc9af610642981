import math
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.dump_payload import (
    WrongFooterError,
    decode_payload,
    encode_payload,
)
from joblog.app.types.hashes import Hash
from joblog.app.types.listpack import decode_listpack, encode_listpack
from joblog.app.types.lists import List
from joblog.app.types.rdb_reader import Reader
from joblog.app.types.rdb_values import decode_value, encode_value
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.stream_groups import Group
from joblog.app.types.streams import Stream
from joblog.app.types.ziplist import decode_intset, decode_ziplist, decode_zipmap
from tests.support.payloads import (
    ZIPLIST_INTEGERS,
    payload,
    string,
    strings,
    ziplist,
    zipmap,
)

WORDS = st.one_of(
    st.binary(max_size=8),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.sampled_from([b"x" * 63, b"x" * 64, b"x" * 200, b"x" * 5000]),
)


def make_stream():
    stream = Stream()
    for number in range(1, 30):
        names = (b"f", b"g") if number % 3 else (b"odd",)
        fields = tuple(word for name in names for word in (name, b"%d" % number))
        stream.append(number << 64 | number, fields, node_entries=10)
    stream.delete(1 << 64 | 1)
    return stream


EXAMPLES = {
    "string": b"text",
    "list": List([b"a", b"", b"12"]),
    "set": Set([b"a", b"12"]),
    "hash": Hash({b"f": b"v", b"g": b""}),
    "hash with deadlines": Hash({b"f": b"v", b"g": b""}, {b"g": 2**40}),
    "sorted set": SortedSet([(1.5, b"a"), (float("inf"), b"b")]),
    "stream": make_stream(),
    "stream of later IDs": None,
}
LATER = EXAMPLES["stream of later IDs"] = Stream()
LATER.append(5 << 64 | 2**64 - 1, (b"f", b"v"))
LATER.append(6 << 64, (b"f", b"v"))
LATER.append(2**128 - 1, (b"f", b"v"))


def plain(value):
    """Return something that compares equal where values are equal."""
    if isinstance(value, SortedSet):
        return value.scores
    if isinstance(value, Hash):
        return dict(value), value.deadlines
    if isinstance(value, Stream):
        return value.between(), value.last_id, value.max_deleted_id, value.entries_added
    if isinstance(value, List):
        return list(value)
    return value


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_value_comes_out_as_it_went_in(name):
    value = EXAMPLES[name]

    made = decode_payload(encode_payload(value))

    assert type(made) is type(value)
    assert plain(made) == plain(value)


@settings(max_examples=40)
@given(st.lists(WORDS, max_size=12))
def test_a_listpack_comes_out_as_it_went_in(words):
    assert decode_listpack(encode_listpack(words)) == words


@settings(max_examples=25, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6))
def test_any_words_survive_in_each_kind_of_collection(words):
    pairs = [(float(place), word) for place, word in enumerate(dict.fromkeys(words))]
    fields = dict(zip(words, reversed(words), strict=True))
    for value in (List(words), Set(words), Hash(fields), SortedSet(pairs)):
        assert plain(decode_payload(encode_payload(value))) == plain(value)


SOON, LATER_MS = 1_800_000_000_000, 1_800_000_000_500
EXPIRING = {
    "22, absolute": b"\x16\x03"
    + (strings(b"a", b"1")[1:] + SOON.to_bytes(8, "little"))
    + (strings(b"b", b"2")[1:] + b"\xff" * 8)
    + (strings(b"c", b"3")[1:] + LATER_MS.to_bytes(8, "little")),
    "24, relative": b"\x18"
    + SOON.to_bytes(8, "little")
    + (b"\x03\x01" + strings(b"a", b"1")[1:])
    + (b"\x00" + strings(b"b", b"2")[1:])
    + (b"\x41\xf5" + strings(b"c", b"3")[1:]),
    "25, packed": b"\x19"
    + SOON.to_bytes(8, "little")
    + string(encode_listpack([b"a", b"1", SOON, b"b", b"2", 0, b"c", b"3", LATER_MS])),
}


@pytest.mark.parametrize("name", EXPIRING)
def test_each_kind_of_hash_with_deadlines_is_read(name):
    table = decode_payload(payload(EXPIRING[name], version=12))

    assert table == {b"a": b"1", b"b": b"2", b"c": b"3"}
    assert table.deadlines == {b"a": SOON, b"c": LATER_MS}


def test_groups_of_a_stream_keep_what_is_pending_and_the_times():
    stream = make_stream()
    stream.groups[b"g"] = group = make_group()

    made = decode_payload(encode_payload(stream)).groups[b"g"]

    made.check()
    assert (made.last_id, made.entries_read) == (group.last_id, group.entries_read)
    assert [
        (entry_id, each.consumer.name, each.delivered_ms, each.deliveries)
        for entry_id, each in made.pending.between()
    ] == [(2 << 64 | 2, b"bob", 77, 3), (3 << 64 | 3, b"alice", 78, 1)]
    assert [(c.name, c.seen_ms, c.active_ms) for c in made.consumers.values()] == [
        (b"alice", 70, 71),
        (b"bob", 72, -1),
    ]


def make_group():
    group = Group(9 << 64, None)
    alice, bob = group.add_consumer(b"alice", 70), group.add_consumer(b"bob", 72)
    alice.active_ms = 71
    group.assign(3 << 64 | 3, alice, 78, 1)
    group.assign(2 << 64 | 2, bob, 77, 3)
    return group


STRICTER = {
    "no value": b"\x00",
    "list cut": b"\x01\x02\x01a",
    "field twice": b"\x04\x02" + strings(b"a", b"b", b"a", b"c")[1:],
    "expiring field twice": b"\x16\x02" + 2 * (strings(b"a", b"b")[1:] + bytes(8)),
    "deadline below zero": b"\x16\x01"
    + strings(b"a", b"b")[1:]
    + b"\xfe"
    + b"\xff" * 7,
    "packed without a deadline": b"\x19"
    + bytes(8)
    + string(encode_listpack([b"a", b"1"])),
    "packed with a word for a deadline": b"\x19"
    + bytes(8)
    + string(encode_listpack([b"a", b"1", b"x"])),
    "integers that do not rise": b"\x0b"
    + string(b"\x02\0\0\0\x02\0\0\0" + struct.pack("<2h", 5, 5)),
    "listpack with a wrong count": b"\x14"
    + string(encode_listpack([b"a", b"b"])[:4] + b"\x05\0\x81a\x02\x81b\x02\xff"),
    "ziplist with a wrong tail": b"\x0a"
    + string(ziplist(b"a", b"b").replace(b"\x0d\0\0\0", b"\x0c\0\0\0")),
}


# Bodies alone, without the checksum that a server asks for: an older Redis that let
# such a value in could crash of it (CVE-2021-32628, CVE-2021-32687, CVE-2026-25243).
@pytest.mark.parametrize("name", STRICTER)
def test_what_redis_would_let_pass_is_refused_as_well(name):
    with pytest.raises(ValueError, match=r"."):
        decode_value(Reader(STRICTER[name]))


WRONG = {
    "no element of a list": List(),
    "no member of a set": Set(),
    "no field of a hash": Hash(),
    "no member of a sorted set": SortedSet(),
    "a score that is no number": SortedSet([(math.nan, b"a")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_no_command_leaves_is_refused(name):
    body, _ = encode_value(WRONG[name])

    with pytest.raises(ValueError, match=r"no elements|not a number"):
        decode_value(Reader(body))


PACKED = {
    "listpack": (decode_listpack, encode_listpack([b"a", b"12", b"b" * 70])),
    "ziplist": (decode_ziplist, ziplist(b"a", b"b" * 70, *ZIPLIST_INTEGERS)),
    "zipmap": (decode_zipmap, zipmap((b"a", b"1"), (b"b", b"2"))),
    "integers": (decode_intset, struct.pack("<2I3h", 2, 3, -5, 0, 300)),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_is_packed_is_refused_where_it_is_cut_or_goes_on(name):
    decode, good = PACKED[name]
    assert len(decode(good)) in {3, 4, 2 + len(ZIPLIST_INTEGERS)}

    for bad in (*(good[:size] for size in range(len(good))), good + b"\0"):
        with pytest.raises(ValueError, match=r"."):
            decode(bad)


def test_a_module_s_value_is_no_kind_of_value():
    with pytest.raises(ValueError, match="no kind of value"):
        decode_value(Reader(b"\x06"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_damage_makes_anything_but_a_value_or_a_value_error(name):
    chance = random.Random(name)
    body = encode_payload(EXAMPLES[name])[:-10]
    for _ in range(150):
        damaged = bytearray(body)
        for _ in range(chance.choice([1, 1, 2, 4])):
            place = chance.randrange(len(damaged))
            damaged[place] = chance.choice(
                [0, 0x80, 0x81, 0xC3, 0xFE, 0xFF, place & 255]
            )
        del damaged[chance.randrange(len(damaged) // 2, len(damaged) * 3) + 1 :]
        try:
            value = decode_payload(payload(bytes(damaged)))
        except ValueError:
            continue
        if hasattr(value, "check"):
            value.check()
        assert plain(decode_payload(encode_payload(value))) == plain(value)


def test_every_change_of_a_byte_shows_in_the_checksum():
    good = encode_payload(b"some text")

    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :]
        with pytest.raises(WrongFooterError):
            decode_payload(bad)
