"""Payloads that are put together are what msgpack makes of the same records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.storage.batch import BatchEncoder
from joblog.storage.frame import FrameHeads, split_frames
from joblog.storage.record import record_packer

NUMBERS = st.one_of(
    st.integers(0, 300), st.integers(65_400, 65_700), st.integers(2**32 - 300, 2**40)
)
WORDS = st.lists(st.binary(max_size=300), min_size=1, max_size=18)
NOTES = st.none() | st.fixed_dictionaries(
    {"kind": st.text(max_size=5), "queued": st.lists(st.integers(0, 9) | WORDS)}
)
ORIGINS = NUMBERS | st.tuples(NUMBERS, st.none() | WORDS, NOTES).map(list)
DRAFTS = st.lists(
    st.tuples(st.just(1), st.integers(0, 200), st.lists(WORDS, max_size=18), ORIGINS),
    max_size=5,
)


def expect(drafts, heads, last_seq, synced_seq, at_ms):
    payloads = payloads_of(BatchEncoder(), drafts, heads, last_seq, synced_seq, at_ms)
    pack = record_packer()
    assert payloads == [
        pack([last_seq + place, synced_seq, at_ms, db, effects, origin])
        for place, (_, db, effects, origin) in enumerate(drafts, 1)
    ]


def payloads_of(encoder, drafts, heads, last_seq, synced_seq, at_ms):
    data, seq, _ = encoder.encode(drafts, heads, last_seq, synced_seq, at_ms)
    assert seq == last_seq + len(drafts)
    payloads, used = split_frames(data, heads)
    assert used == len(data)
    return payloads


@given(DRAFTS, NUMBERS, NUMBERS)
def test_every_form_is_msgpacks(drafts, last_seq, synced_seq):
    expect(drafts, FrameHeads(7), last_seq, synced_seq, 1000)


def test_every_width_of_every_length_is_msgpacks():
    heads = FrameHeads(7)
    sizes = [*range(258), 65_534, 65_535, 65_536, 65_537, 1_000_000]
    drafts = [(0, 0, [[b"SET", b"k", bytes(size)]], 1) for size in sizes]
    expect(drafts, heads, 0, 0, 900)
    counts = [*range(1, 20), 65_535, 65_536]
    many = [(0, 0, [[b"w"] * count], 1) for count in counts]
    many += [(0, 0, [[b"DEL", b"k"]] * count, 1) for count in [0, *counts]]
    expect(many, heads, 0, 0, 900)


def test_numbers_go_on_over_every_width():
    heads, encoder, pack = FrameHeads(7), BatchEncoder(), record_packer()
    for first in (0, 65_400, 2**32 - 200):
        for seq in range(first, first + 400, 40):
            drafts = [(0, 0, [[b"DEL", b"k"]], 5)] * 40
            assert payloads_of(encoder, drafts, heads, seq, seq, 9) == [
                pack([seq + place, seq, 9, 0, [[b"DEL", b"k"]], 5])
                for place in range(1, 41)
            ]


def test_what_records_share_is_theirs_alone():
    heads, encoder, pack = FrameHeads(7), BatchEncoder(), record_packer()
    drafts = [
        (at_ms, db, [[b"DEL", b"k"]], client)
        for at_ms, db, client in [(5, 0, 1), (5, 1, 1), (6, 1, 2), (6, 0, 1), (6, 0, 1)]
    ]
    for synced in (0, 1):
        assert payloads_of(encoder, drafts, heads, 9, synced, 5)[:2] == [
            pack([10, synced, 5, 0, [[b"DEL", b"k"]], 1]),
            pack([11, synced, 5, 1, [[b"DEL", b"k"]], 1]),
        ]
        assert payloads_of(encoder, drafts, heads, 9, synced, 5)[2:] == [
            pack([12, synced, 6, 1, [[b"DEL", b"k"]], 2]),
            pack([13, synced, 6, 0, [[b"DEL", b"k"]], 1]),
            pack([14, synced, 6, 0, [[b"DEL", b"k"]], 1]),
        ]


def test_tuples_are_commands_too():
    heads, pack = FrameHeads(7), record_packer()
    drafts = [(0, 0, ((b"DEL", b"k"), (b"DEL", b"l", b"m")), 1)]
    effects = [[b"DEL", b"k"], [b"DEL", b"l", b"m"]]
    assert payloads_of(BatchEncoder(), drafts, heads, 0, 0, 0) == [
        pack([1, 0, 0, 0, effects, 1])
    ]


def test_long_words_lie_among_short_ones_as_msgpack_has_them():
    heads, long = FrameHeads(7), [b"l" * size for size in (4095, 4096, 70_000)]
    one = [[[b"SET", b"k", word]] for word in long]
    several = [[[b"MSET", b"a", *long, b"z"], [b"SET", long[2], b"v"]], [[long[1]]]]
    many = [[[b"RPUSH", b"q", *[b"short"] * 1000]]]
    noted = [9, [b"EVAL", long[2], b"0"], {"kind": "x"}]
    drafts = [
        (0, 0, effects, origin)
        for effects in (*one, [[b"SET", b"k", b"v"]], *several, *many)
        for origin in (5, noted)
    ]
    expect(drafts, heads, 0, 0, 900)


def test_batch_that_failed_leaves_nothing_in_the_next():
    heads, encoder, pack = FrameHeads(7), BatchEncoder(), record_packer()
    drafts = [(0, 0, [[b"SET", b"k", bytes(5000)]], 1), (0, 0, [[b"SET", b"k"]], 1)]
    with pytest.raises((TypeError, AttributeError)):
        encoder.encode([*drafts, (0, 0, [[b"SET", None]], 1)], heads, 0, 0, 0)

    assert payloads_of(encoder, drafts[1:], heads, 4, 4, 5) == [
        pack([5, 4, 5, 0, [[b"SET", b"k"]], 1])
    ]
