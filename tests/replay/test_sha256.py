import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.replay.proofs import sha256
from joblog.replay.proofs.sha256 import ResumePoint, RunningHash, finish, go_on


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
