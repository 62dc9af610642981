"""What took a word out of a key, told as by looking at the key after each record."""

import random
from contextlib import closing

import pytest

from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.marks import word_test
from joblog.replay.jobs.losses import _holds, _narrow, find_exit, find_loss
from joblog.replay.keys.inquiry import open_past
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History

COMMANDS = [
    *("RPUSH a {}", "LPUSH a {}", "RPUSH b {}"),
    *("LPOP a", "RPOP b", "RPOPLPUSH a b", "LMOVE b a LEFT RIGHT", "RPOPLPUSH a a"),
    *("LREM a 1 {}", "LREM b 0 {}", "LTRIM a 0 6", "SADD s {}", "SREM s {}"),
    *("HSET h {} 1", "HDEL h {}", "HSET h f {}", "ZADD z 1 {}", "ZPOPMIN z"),
    *("SMOVE s t {}", "SET k {}", "DEL k", "RENAME s u", "DEL a", "FLUSHDB"),
]


def ignore(_):
    """Take no notice of progress."""


@pytest.fixture(params=[False, True], ids=["scanned", "indexed"])
def history(tmp_path, request):
    """Return the folder of a random history of a few jobs, and its last number."""
    made = History(tmp_path)
    session = made.connect()
    chance = random.Random(7)
    for _ in range(300):
        line = chance.choice(COMMANDS).format(f"j{chance.randrange(6)}")
        made.engine.context.read_clock()
        made.engine.run(session, [line.encode().split()])
        made.clock.at_ms += 1
        made.write()
    last_seq = made.log.last_seq
    made.close()
    if request.param:
        build_index(tmp_path, FileSystem(), ignore, ignore, part_bytes=4096)
    return LogIndex(tmp_path, FileSystem()), last_seq


def test_exit_is_one_after_which_the_key_lacks_the_word(history):
    index, last_seq = history
    finds = word_test(b"j3")

    keys = (b"a", b"b", b"s", b"h", b"z", b"k")
    held = {key: [] for key in keys}
    with closing(open_past(index, ignore)) as past:
        for seq in range(last_seq + 1):
            past.go_to(seq)
            for key in keys:
                held[key].append(_holds(past.version(0, key), finds))

    for key, had in held.items():
        entries = [seq for seq in range(1, last_seq) if had[seq] and not had[seq - 1]]
        for low in entries[:: len(entries) // 4 + 1]:
            record = find_exit(index, ignore, finds, (0, key), (low, last_seq))
            if record is None:
                assert had[last_seq]
            else:
                assert had[record.seq - 1]
                assert not had[record.seq]


def test_loss_of_a_word_that_is_in_no_key_is_the_last_time_that_one_lost_it(tmp_path):
    made = History(tmp_path)
    session = made.connect()
    made.run(session, "RPUSH a x j1 y", "RPUSH b z", "LPOP a", "LMOVE a b LEFT LEFT")
    made.run(session, "LPOP a", "LPOP b")
    made.close()
    index = LogIndex(tmp_path, FileSystem())

    loss = find_loss(index, ignore, b"j1", index.last_seq)

    assert (loss.record.effects, loss.key) == ([[b"LPOP", b"b"]], b"b")
    assert list(loss.before.data) == [b"j1", b"z"]
    assert find_loss(index, ignore, b"j2", index.last_seq) is None


@pytest.mark.parametrize("left_at", range(1, 21))
def test_moments_between_which_a_word_left_are_neighbours(left_at):
    asked = []

    def has_at(seq):
        asked.append(seq)
        return seq < left_at

    low, high = _narrow(list(range(2, 20)), has_at, (0, 20))

    assert low < left_at <= high
    assert high - low <= 2
    assert len(asked) <= 9
