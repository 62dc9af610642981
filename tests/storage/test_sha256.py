import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.storage import sha256
from joblog.storage.sha256 import ResumePoint, RunningHash, finish, go_on


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_hash_that_is_gone_on_with_is_hashlibs(pieces):
    point = ResumePoint()
    for piece in pieces:
        point = go_on(ResumePoint(*point), piece)

    assert finish(point) == hashlib.sha256(b"".join(pieces)).digest()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000])
def test_every_length_of_padding_is_right(size):
    data = bytes(range(256)) * 4

    assert finish(go_on(ResumePoint(), data[:size])) == (
        hashlib.sha256(data[:size]).digest()
    )


@pytest.mark.parametrize("has_openssl", [True, False], ids=["OpenSSL", "plain"])
def test_running_hash_tells_where_it_is(monkeypatch, has_openssl):
    if not has_openssl:
        monkeypatch.setattr(sha256, "_find_openssl", lambda: None)
    running = RunningHash()
    data = b""
    for piece in (b"", b"a" * 63, b"b", b"c" * 200):
        running.update(piece)
        data += piece

        assert running.point() == go_on(ResumePoint(), data)


@given(st.binary(max_size=200), st.lists(st.binary(max_size=3000), max_size=4))
def test_openssl_goes_on_from_anywhere_as_plain_python_does(start, pieces):
    assert sha256._find_openssl() is not None
    point = plain = sha256._go_on_plainly(ResumePoint(), start)
    for piece in pieces:
        running = RunningHash(point)
        running.update(piece)
        point, plain = running.point(), sha256._go_on_plainly(plain, piece)

        assert point == plain
        assert go_on(plain, piece * 3) == sha256._go_on_plainly(plain, piece * 3)


def test_hash_goes_on_behind_more_bits_than_a_word_counts():
    elder = ResumePoint(length=1 << 30)
    running = RunningHash(elder)
    running.update(b"more" * 100)

    assert running.point() == sha256._go_on_plainly(elder, b"more" * 100)


def test_openssl_that_works_otherwise_is_not_used(monkeypatch):
    monkeypatch.setattr(sha256, "_write_context", lambda _: sha256._Context())
    sha256._find_openssl.cache_clear()
    try:
        assert sha256._find_openssl() is None
        monkeypatch.setattr(sha256, "_libraries", lambda: iter(()))
        sha256._find_openssl.cache_clear()
        assert sha256._find_openssl() is None
    finally:
        sha256._find_openssl.cache_clear()
