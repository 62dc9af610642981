"""The bytes of receipts: packed as they come, unpacked from anywhere."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.replay.jobs import spool
from joblog.replay.jobs.spool import Spool
from joblog.replay.proofs import packed
from joblog.replay.proofs.packed import InMemory, Packed, Packer, UnpackError
from joblog.replay.proofs.seqs import Seqs


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_BLOCK_BYTES", 16)
        patch.setattr(packed, "_READ_BYTES", 7)
        patch.setattr(packed, "_BLOCKS_A_PLACE", 3)
        patch.setattr(spool, "_IN_MEMORY_BYTES", 40)
        yield


@given(
    st.lists(st.binary(max_size=60), max_size=5),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=8),
)
def test_any_bytes_are_read_from_anywhere(pieces, places):
    aside = Spool()
    aside.append(b"another stretch")
    packer = Packer(aside)
    for piece in pieces:
        packer.add(piece)
    data = b"".join(pieces)
    made = packer.finish()
    taken = []

    assert zlib.decompress(made.read_at(made.size, 0)) == data
    read = Packed(made, taken.append)
    assert read.length == len(data)
    assert b"".join(taken) == data
    assert all(len(block) <= 16 for block in taken)
    for start, end in places:
        assert read.read(start, end) == data[start:end]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "cut"),
        (b"no", "unpacked"),
        (zlib.compress(b"a" * 100)[:-1], "cut"),
        (zlib.compress(b"a" * 16)[:-1], "cut"),
        (zlib.compress(b"a" * 100) + b"b", "rest"),
        (zlib.compress(b"a" * 16) + b"b" * 20, "rest"),
        (zlib.compress(b"a" * 100)[:-1] + b"b", "unpacked"),
    ],
)
def test_what_is_not_packed_so_is_refused(data, text):
    with pytest.raises(UnpackError, match=text):
        Packed(InMemory(data))


def test_what_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(packed, "_BYTES_MAX", 1000)

    assert Packed(InMemory(zlib.compress(bytes(1000)))).length == 1000
    with pytest.raises(UnpackError, match="too long"):
        Packed(InMemory(zlib.compress(bytes(1001))))


@given(
    *[st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=5)] * 2,
    st.integers(0, 50),
)
def test_runs_of_numbers_are_sets(some, others, seq):
    one, other = (
        Seqs(range(start, start + count) for start, count in each)
        for each in (some, others)
    )
    plain, more = set(one), set(other)

    assert plain == {n for start, count in some for n in range(start, start + count)}
    assert list(one) == sorted(plain)
    assert len(one) == len(plain)
    assert (seq in one) == (seq in plain)
    assert set(one | other) == plain | more
    assert set(one.up_to(seq)) == {each for each in plain if each <= seq}
    assert one.issuperset(other) == plain.issuperset(more)
    assert (one == other) == (plain == more)
    if plain:
        assert (one.first, one.last) == (min(plain), max(plain))
