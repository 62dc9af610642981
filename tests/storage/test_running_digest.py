"""The digest of an open segment, hashed by two threads."""

import hashlib
import threading
from contextlib import nullcontext
from itertools import pairwise
from random import Random

import pytest

from joblog.storage import running_digest
from joblog.storage.running_digest import Helper, RunningDigest
from joblog.storage.verify import verify_log
from tests.storage.logs import FOLDER, append, open_log, read_values
from tests.support.fakes import FaultyFileSystem


@pytest.fixture
def pieces():
    chance = Random(1)
    sizes = [0, 10, 70_000, 5, 1 << 20, 3, 3, 65_536, 65_535, 100_000]
    return [chance.randbytes(size) for size in sizes * 3]


def test_nobody_is_asked_where_nothing_is_long():
    asked = []
    digest = RunningDigest(hashlib.sha256())
    digest.helper = Helper(asked.append, nullcontext())

    digest.update(b"short")

    assert asked == []
    assert digest.digest() == hashlib.sha256(b"short").digest()


def test_what_nobody_has_hashed_yet_is_hashed_when_the_digest_is_asked_for(pieces):
    asked = []
    digest = RunningDigest(hashlib.sha256())
    digest.helper = Helper(asked.append, nullcontext())

    for piece in pieces:
        digest.update(piece)

    assert len(asked) == 1
    assert digest.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_who_is_far_behind_hashes_at_once(pieces, monkeypatch):
    monkeypatch.setattr(running_digest, "_BEHIND_BYTES_MAX", 1 << 16)
    digest = RunningDigest(hashlib.sha256())
    digest.helper = Helper(lambda _: None, nullcontext())

    for piece in pieces:
        digest.update(piece)

    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_digest_is_that_of_the_order_whichever_thread_hashes(pieces):
    threads = []

    def ask(catch_up):
        threads.append(threading.Thread(target=catch_up))
        threads[-1].start()

    digest = RunningDigest(hashlib.sha256())
    digest.helper = Helper(ask, threading.Lock())
    expected = hashlib.sha256()

    for _ in range(10):
        for piece in pieces:
            digest.update(piece)
            expected.update(piece)
        assert digest.digest() == expected.digest()
    for thread in threads:
        thread.join()


def test_log_whose_long_writes_are_hashed_aside_verifies_across_seals():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 300_000)
    asked = []
    log.hash_aside(asked.append, nullcontext())
    values = [b"%d" % i * 50_000 for i in range(20)]

    for some in pairwise(values):
        append(log, *some)
        if len(asked) % 3 == 0:
            asked[-1]()
    log.close()

    assert asked
    assert read_values(filesystem)[::2] == values[:-1]
    assert verify_log(FOLDER, filesystem=filesystem).is_sound
