"""What the live server proves of its memory, a fold of its log finds the same."""

import random

import pytest

from joblog.app.engine.proofs import WINDOW, ProofChecker, Prover, whole_digest
from joblog.app.history.proving import ProvenFold
from joblog.app.history.recovery import Fold
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.support.keyspaces import EVERY_TYPE

DISK = FileSystem()


class Proven:
    """A history whose memory is proven from time to time."""

    def __init__(self, folder, segment_bytes_max=1 << 20):
        self.history = History(folder, segment_bytes_max)
        self.session = self.history.connect()
        self.engine = self.history.engine
        self.prover = Prover(self.engine.context, self.engine.outbox)
        self.history.log.keyspace_digest = lambda: whole_digest(self.engine.keyspace)

    def run(self, *lines):
        self.history.run(self.session, *lines)

    def step(self):
        self.prover.step()
        self.history.write()

    def prove_all(self):
        """Prove everything once, with nothing in between."""
        self.prover.begin()
        while self.prover._is_wanted or self.prover._order is not None:
            self.step()

    def fold(self):
        self.history.log.sync()
        fold = Fold()
        proven = ProvenFold(fold, LogFolder(self.history.folder, DISK), DISK)
        for records in proven.batches(None, None):
            fold.apply(records)
        return proven


@pytest.fixture
def proven(tmp_path):
    made = Proven(tmp_path / "data")
    yield made
    made.history.close()


def test_every_type_of_value_is_proven(proven):
    proven.run(*EVERY_TYPE)
    proven.prove_all()

    fold = proven.fold()

    assert fold.differences == []
    assert fold.checked == 2


def test_large_values_are_proven_by_windows_of_them(proven):
    count = 3 * WINDOW
    words = [b"%d" % n for n in range(count)]
    pairs = [word for n in words for word in (n, n)]
    proven.run(
        [b"RPUSH", b"l", *words],
        [b"SADD", b"s", *words],
        [b"ZADD", b"z", *pairs],
        [b"HSET", b"h", *pairs],
        [b"SET", b"big", b"x" * 2_000_000],
        *([b"XADD", b"x", b"*", b"f", word] for word in words),
    )
    for _ in range(4):
        proven.prove_all()

    fold = proven.fold()

    assert fold.differences == []
    assert fold.checked > 8


def test_keys_that_change_while_a_round_lasts_are_proven_as_they_are(proven):
    chance = random.Random(5)
    proven.run(*(f"SET k{n} {n}" for n in range(700)))
    for turn in range(60):
        if turn % 20 == 0:
            proven.prover.begin()
        key = chance.randrange(700)
        proven.run(
            f"SET k{key} {turn} PX 50",
            f"DEL k{key // 2}",
            f"RPUSH l{key % 3} {turn}",
            f"RENAME l{key % 3} l9",
        )
        proven.history.clock.at_ms += 7
        proven.engine.upkeep.look_after(100)
        proven.step()

    fold = proven.fold()

    assert fold.differences == []
    assert fold.checked > 8


def test_memory_that_differs_from_the_log_is_found(proven):
    proven.run("SET a 1", "RPUSH l x y")
    proven.engine.keyspace.databases[0].values[b"l"].append(b"never recorded")
    proven.prove_all()

    fold = proven.fold()

    assert len(fold.differences) == 1
    assert "the keys from [b'a'] to [b'l'] of database 0 fold to" in fold.differences[0]


@pytest.mark.parametrize("kind", ["value", "deadline", "key"])
def test_each_kind_of_difference_is_found(proven, kind):
    proven.run("SET a 1", "SET b 2")
    database = proven.engine.keyspace.databases[0]
    if kind == "value":
        database.values[b"a"] = b"other"
    elif kind == "deadline":
        database.set_deadline(b"a", 1 << 60)
    else:
        del database.values[b"a"]
    proven.prove_all()

    assert len(proven.fold().differences) == 1


def test_a_small_keyspace_is_proven_whole_at_each_seal(tmp_path):
    proven = Proven(tmp_path / "data", segment_bytes_max=700)
    proven.run(*EVERY_TYPE)

    fold = proven.fold()

    assert len(fold.seals) == len(proven.history.log.segments) - 1 > 1
    assert fold.differences == []
    proven.engine.keyspace.databases[0].values[b"s"] = b"other"
    proven.run(*EVERY_TYPE[4:8], *EVERY_TYPE[4:8], *EVERY_TYPE[4:8])
    differences = proven.fold().differences
    assert differences
    assert "when it sealed the segment" in differences[0]
    proven.history.close()


def test_a_large_keyspace_is_not_digested_at_a_seal(proven):
    proven.run(*(f"SET k{n} {n}" for n in range(1001)))
    assert whole_digest(proven.engine.keyspace) == b""
    proven.run("FLUSHALL", "RPUSH l " + "x " * 1200)
    assert whole_digest(proven.engine.keyspace) == b""
    proven.run("FLUSHALL")
    assert whole_digest(proven.engine.keyspace) == bytes(20)


def test_nothing_is_proven_until_a_round_begins_and_none_twice(proven):
    proven.run("SET a 1")
    before = proven.history.log.last_seq
    proven.step()
    assert proven.history.log.last_seq == before

    proven.prove_all()
    after = proven.history.log.last_seq
    for _ in range(5):
        proven.step()

    assert proven.history.log.last_seq == after == before + 2


def test_a_fold_that_did_not_see_a_round_begin_checks_nothing_of_it(proven):
    checker = ProofChecker()

    note = {"kind": "proof", "db": 0, "from": 0, "to": 9, "digest": b"?" * 20}
    checker.look(7, note, proven.engine.keyspace)
    checker.look(8, None, proven.engine.keyspace)
    checker.look(9, {"kind": "client"}, proven.engine.keyspace)

    assert (checker.checked, checker.differences) == (0, [])
